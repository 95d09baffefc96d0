"""Which of our findings are open, as the topic `drift` says: Redis may lose what it knew of them."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from andon.errors import Invalid
from andon.records import Finding, FindingKind, read_event
from andon.stage import Record
from andon_alerting.ledger.station import Told
from andon_alerting.ledger.telling import BY


class Reader(Protocol):
    """A whole topic, as `andon.kafka.table.TopicReader` reads it."""

    def read_to_end(self) -> Iterator[Record]:
        """What it holds, once."""

    def changes(self) -> list[Record]:
        """What has come since, without waiting."""

    def close(self) -> None:
        """Gives back the connection."""


class Opened:
    """What people were last told of each station, where it is not over."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._open: dict[str, Finding] = {}
        self._apply(reader.read_to_end())

    def refresh(self) -> None:
        """Takes in what is new, without waiting."""
        self._apply(self._reader.changes())

    def told(self, station: str, now: int) -> Told | None:
        """What is open there; it ends when nothing more vanishes. `now` in Unix time in milliseconds."""
        found = self._open.get(station)
        return Told(found.finding_id, found.since, found.sentence, now, adopted=True) if found else None

    def stations(self) -> list[str]:
        """Where anything is open."""
        return list(self._open)

    def close(self) -> None:
        """Stops following."""
        self._reader.close()

    def _apply(self, records: Iterable[Record]) -> None:
        for record in records:
            try:
                finding = read_event(Finding, record.value)
            except Invalid:
                continue
            if finding.by == BY and finding.kind is FindingKind.BEGAN:
                self._open[finding.station] = finding
            elif finding.by == BY:
                self._open.pop(finding.station, None)
