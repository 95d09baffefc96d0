"""Claim checks: records that name their image in the store get its bytes before they are handled."""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from andon.errors import Invalid
from andon.stage import Record, Source, first_held
from andon_preprocess.prepare import Fetched

MAX_BATCH_BYTES = 16 * 1024 * 1024


class Blobs(Protocol):
    """What keeps large images; `andon.store.BlobStore` is one."""

    def get(self, dataref: str) -> bytes:
        """The bytes behind `dataref`. Raises Invalid for one that is false, Broken when the store fails."""


class Fetching:
    """A source whose records carry their images; one that cannot be had comes with the problem, to be rejected.

    A poll goes on until it has fetched `max_bytes`; what the source polled beyond that is handed out by the next
    polls, and committed with the last of it. So a backlog of large images does not lie in memory at once. Images that
    records brought along lie there anyway, and count nothing.
    """

    def __init__(self, source: Source, store: Blobs, max_bytes: int = MAX_BATCH_BYTES) -> None:
        self._source = source
        self._store = store
        self._max_bytes = max_bytes
        self._waiting: deque[Record] = deque()

    @property
    def ended(self) -> bool:
        """As the source, when all of it was handed out."""
        return self._source.ended and not self._waiting

    def poll(self) -> Sequence[Record]:
        """As the source, with images fetched."""
        if self._waiting:
            self._source.idle()
        else:
            self._waiting.extend(self._source.poll())
        batch: list[Record] = []
        size = 0
        while self._waiting and size < self._max_bytes:
            record = self._waiting.popleft()
            batch.append(self._fetched(record))
            size += len(batch[-1].value) - len(record.value)
        return batch

    def commit(self) -> None:
        """As the source, once all it polled is done."""
        if not self._waiting:
            self._source.commit()

    def hold(self, records: Sequence[Record]) -> None:
        """As the source; what waits of these partitions comes again, too."""
        back = first_held(records)
        self._waiting = deque(each for each in self._waiting if (each.topic, each.partition) not in back)
        self._source.hold(records)

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """As the source; what waits was not committed."""
        self._source.close()

    def _fetched(self, record: Record) -> Record:
        dataref = record.header("ce_dataref")
        if dataref is None or record.value:
            return record
        value, problem = b"", None
        try:
            value = self._store.get(dataref.decode(errors="replace"))
        except Invalid as error:
            problem = error
        place = record.topic, record.partition, record.offset
        return Fetched(*place, record.key, value, record.headers, record.timestamp_ms, problem)
