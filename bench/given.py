"""Records that are there already, for what is measured without Kafka."""

from collections.abc import Sequence

from andon.stage import Record


class Given:
    """A source of records that are there already."""

    def __init__(self, records: Sequence[Record], batch: int) -> None:
        self._records = records
        self._batch = batch
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self._records)

    def poll(self) -> Sequence[Record]:
        found = self._records[self.at : self.at + self._batch]
        self.at += len(found)
        return found

    def commit(self) -> None: ...
    def hold(self, records: Sequence[Record]) -> None: ...
    def idle(self) -> None: ...
    def close(self) -> None: ...
