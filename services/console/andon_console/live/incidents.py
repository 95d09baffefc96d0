"""Incidents as they stand, out of their events."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from threading import Lock
from uuid import UUID

from andon.errors import Invalid
from andon.incidents.chronicle import Chronicle, Incident, names
from andon.incidents.read import read_turn
from andon.stage import Record


class Incidents:
    """A chronicle for many threads. An `Incident` that was handed out grows while one looks at it; it never shrinks.

    What the desk tells before Kafka does (at no offset) stands only until Kafka's own copy comes, whose order counts:
    where two people said the same at two consoles, both then show the same first.
    """

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()
        self._chronicle = Chronicle()
        self._open: dict[str, dict[UUID, Incident]] = defaultdict(dict)
        self._showing: dict[UUID, dict[UUID, None]] = defaultdict(dict)
        self._told: set[UUID] = set()

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `incidents`, each once."""
        with self._lock:
            for record in records:
                event = self._chronicle.add(record)
                if event is None:
                    self._in_order(record)
                    continue
                self._index(self._chronicle.incidents[event.incident_id])
                for shown in event.evidence:
                    self._showing[shown.frame_id][event.incident_id] = None
                if record.offset < 0:
                    self._told.add(event.event_id)
            self.version += 1

    def get(self, incident: UUID) -> Incident | None:
        """One incident."""
        return self._chronicle.incidents.get(incident)

    def meant(self, text: str) -> Incident:
        """The one that people mean by the beginning of its id or its station. Raises Mistake."""
        with self._lock:
            return self._chronicle.meant(text, or_over=True)

    def open_at(self, station: str) -> list[Incident]:
        """What is open there, or at its whole line, the worst and then the newest first."""
        with self._lock:
            return sorted(self._open.get(station, {}).values(), key=_worst_first)

    def open(self) -> list[Incident]:
        """All that is open, the worst and then the newest first."""
        with self._lock:
            found = {each.id: each for those in self._open.values() for each in those.values()}
        return sorted(found.values(), key=_worst_first)

    def since(self, at: datetime, station: str | None = None) -> list[Incident]:
        """What was open at any time since then, the newest first."""
        with self._lock:
            found = [
                each
                for each in self._chronicle.incidents.values()
                if (each.resolved is None or each.resolved.at >= at) and (station is None or station in names(each))
            ]
        return sorted(found, key=lambda each: each.since, reverse=True)

    def showing(self, frame: UUID) -> list[UUID]:
        """The ids of the incidents that show a frame, the newest first."""
        with self._lock:
            return list(reversed(self._showing.get(frame, {})))

    def _in_order(self, record: Record) -> None:
        if not self._told or record.offset < 0:
            return
        with suppress(Invalid):
            event = read_turn(record.value)
            if event.event_id in self._told:
                self._told.discard(event.event_id)
                turns = self._chronicle.incidents[event.incident_id].turns
                turns[:] = [*(each for each in turns if each.event_id != event.event_id), event]

    def _index(self, incident: Incident) -> None:
        for station in names(incident):
            if incident.resolved is None:
                self._open[station][incident.id] = incident
            else:
                self._open[station].pop(incident.id, None)


_RANK = {"critical": 0, "warning": 1, "info": 2}


def _worst_first(incident: Incident) -> tuple[int, float]:
    return _RANK[incident.last.severity], -incident.since.timestamp()
