"""What alerting says of a drill copy: its incidents, from opened to resolved, with who accepted which page when."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from andon.errors import Invalid
from andon.records import Cause, IncidentEvent, IncidentKind, read_event
from andon.stage import Record


@dataclass(slots=True)
class Heard:
    """One incident. Times are those at which its events were written; `paged` holds by sink when it accepted the page.
    `frames` are those that show it, as it was opened."""

    incident: UUID
    cause: Cause
    opened: datetime
    frames: frozenset[UUID] = frozenset()
    summary: str = ""
    paged: dict[str, datetime] = field(default_factory=dict)
    resolved: datetime | None = None

    @property
    def label(self) -> str:
        """How Alertmanager's labels name it."""
        return self.incident.hex[:12]

    @property
    def first_page(self) -> tuple[datetime, str] | None:
        """When the first sink accepted the page, and which."""
        return min(((at, sink) for sink, at in self.paged.items()), default=None)


class Story:
    """The incidents of one station, in the order in which they opened."""

    __slots__ = ("_station", "incidents")

    def __init__(self, station: str) -> None:
        self._station = station
        self.incidents: dict[UUID, Heard] = {}

    @property
    def open(self) -> list[Heard]:
        """Those that are not over."""
        return [each for each in self.incidents.values() if each.resolved is None]

    def after(self, known: Collection[UUID]) -> list[Heard]:
        """Those that are none of the `known`."""
        return [each for each in self.incidents.values() if each.incident not in known]

    def take(self, records: Iterable[Record]) -> None:
        """Takes in records of `incidents`; those of other stations, and what cannot be read, say nothing."""
        for record in records:
            if record.key == self._station.encode():
                self._take(record)

    def _take(self, record: Record) -> None:
        try:
            event = read_event(IncidentEvent, record.value)
        except Invalid:
            return
        written = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        known = self.incidents.get(event.incident_id)
        if event.kind is IncidentKind.OPENED and known is None:
            self.incidents[event.incident_id] = _opened(event, written)
        elif event.kind is IncidentKind.RESOLVED and known is not None:
            known.resolved = known.resolved or written
        elif event.kind is IncidentKind.PAGED and known is not None and event.about is IncidentKind.OPENED:
            known.paged.setdefault(event.sink or "", event.at)


def _opened(event: IncidentEvent, written: datetime) -> Heard:
    shown = {each.frame_id for each in event.evidence} | {each for each in (event.first, event.last) if each}
    return Heard(event.incident_id, event.cause, written, frozenset(shown), event.summary)
