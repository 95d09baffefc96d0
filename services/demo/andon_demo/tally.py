"""What the line did, counted from its topics: every frame once, whatever was delivered twice."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from andon.records import IncidentEvent, IncidentKind, Score, Verdict
from andon.stage import Record
from andon_demo.truth import is_defective


@dataclass
class Station:
    """One station so far. `judged` holds (raw score, defective, anomalous) of frames whose truth is known."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    judged: list[tuple[float, bool, bool]] = field(default_factory=list)
    score: float | None = None
    threshold: float | None = None
    verdict: Verdict | None = None


class Tally:
    """Feed it the records of `scores`, `incidents` and `dead-letters`, in any order, repeats welcome."""

    def __init__(self) -> None:
        self.stations: defaultdict[str, Station] = defaultdict(Station)
        self.latencies_ms: list[float] = []
        self.opened: dict[UUID, IncidentEvent] = {}
        self.resolved: set[UUID] = set()
        self.paged: dict[UUID, datetime] = {}
        self.dead: Counter[str] = Counter()
        self._scored: set[UUID] = set()
        self._golden: set[UUID] = set()
        self._events: set[UUID] = set()
        self._dead: set[tuple[bytes | None, ...]] = set()

    @property
    def scored(self) -> int:
        """Frames with a verdict, unscorable ones too."""
        return len(self._scored)

    @property
    def golden(self) -> int:
        """Golden frames of the heartbeat with a verdict: they stand in no other figure."""
        return len(self._golden)

    @property
    def dead_lettered(self) -> int:
        """Frames that ended as dead letters."""
        return len(self._dead)

    def score(self, score: Score, written_ms: int) -> None:
        """Counts a verdict; `written_ms` is when its record was written, in Unix milliseconds."""
        if score.golden is not None:
            self._golden.add(score.frame_id)
            return
        if score.frame_id in self._scored:
            return
        self._scored.add(score.frame_id)
        station = self.stations[score.station]
        station.verdicts[score.verdict] += 1
        station.verdict = score.verdict
        station.score, station.threshold = score.score, score.threshold
        self.latencies_ms.append(written_ms - score.captured_at.timestamp() * 1000)
        defective = is_defective(score.subject)
        if score.score is not None and defective is not None:
            station.judged.append((score.score, defective, score.verdict is Verdict.ANOMALOUS))

    def incident(self, event: IncidentEvent) -> None:
        """Counts a turn of an incident."""
        if event.event_id in self._events:
            return
        self._events.add(event.event_id)
        if event.kind is IncidentKind.OPENED:
            self.opened[event.incident_id] = event
        elif event.kind is IncidentKind.RESOLVED:
            self.resolved.add(event.incident_id)
        elif event.kind is IncidentKind.PAGED and event.about is IncidentKind.OPENED:
            self.paged.setdefault(event.incident_id, event.at)

    def dead_letter(self, letter: Record) -> None:
        """Counts a dead letter by where it came from; what ingest refused has its place within its station."""
        place = (letter.key, *(letter.header(f"andon-{name}") for name in ("topic", "partition", "offset")))
        if place not in self._dead:
            self._dead.add(place)
            self.dead[(letter.header("andon-reason") or b"unknown").decode()] += 1
