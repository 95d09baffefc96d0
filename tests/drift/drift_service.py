"""The service over the twins of Kafka and Redis: scores in, findings out. Every `run` is a new process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from andon.drift_state import StationDrift, read_station_drift
from andon.errors import Broken
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.records import Baseline, Finding, Reading, Score, read_event, write_event
from andon.redis_client import Patience
from andon.stage import Message, Record, Stage
from andon.topics import BASELINES, DRIFT, SCORES, SIGNALS
from andon_drift.detect import Missing
from andon_drift.drift import Board, Drifting
from andon_drift.findings import Findings
from andon_drift.limits import Limits
from andon_drift.observe import Shown, counted
from andon_drift.redis_memory import every_second
from andon_drift.remember import Remembering, Saving
from andon_drift.settings import FaultSettings
from andon_drift.watch.baselines import Baselines
from andon_drift.watch.collecting import Drop, Halve, Write
from andon_drift.watch.learning import Job, Learner, Outcome
from andon_drift.watch.place import PlaceId
from andon_drift.watch.rules import Rules
from andon_drift.watch.status import shown_text

FAULTS = FaultSettings(k=3, n=5, clear_after=4, frozen_after=4)
NOW = datetime(2026, 3, 2, 14, 0, 0, tzinfo=UTC)


class MemoryMemory:
    """Redis's twin: as text and bytes, so that what cannot be kept is found out."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, str]] = {}
        self.bytes: dict[tuple[str, PlaceId, int], bytes] = {}
        self.shown: dict[str, str] = {}
        self.down = False
        self.saved = 0

    def load(self, stations: Sequence[str]) -> dict[str, dict[str, str]]:
        return {station: dict(self.rows[station]) for station in stations if station in self.rows}

    def save(self, saving: Saving) -> None:
        if self.down:
            raise Broken("redis is down")
        self.saved += 1
        for (station, place), changes in saving.series.items():
            for change in changes:
                key = station, place, change.stride
                match change:
                    case Write(_, index, data):
                        before = self.bytes.get(key, b"").ljust(index * len(data), b"\0")
                        at = index * len(data)
                        self.bytes[key] = before[:at] + data + before[at + len(data) :]
                    case Halve(stride, blocks, size):
                        self.bytes[station, place, 2 * stride] = every_second(self.bytes.get(key, b""), blocks, size)
                    case Drop():
                        self.bytes.pop(key, None)
        for station, fields in saving.cards.items():
            row = self.rows.setdefault(station, {})
            row |= {name: text for name, text in fields.items() if text is not None}
            for name in [name for name, text in fields.items() if text is None]:
                row.pop(name, None)
        self.shown |= saving.shown

    def series(self, station: str, place: PlaceId, stride: int) -> bytes:
        return self.bytes.get((station, place, stride), b"")

    def flush(self) -> None:
        self.rows.clear()
        self.bytes.clear()
        self.shown.clear()


class TopicTwin:
    """A topic of the twin, read as a table is."""

    def __init__(self, kafka: MemoryKafka, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._done = 0

    def read_to_end(self) -> Iterator[Record]:
        yield from self.changes()

    def changes(self) -> list[Record]:
        found = self._kafka.records(self._topic)[self._done :]
        self._done += len(found)
        return found

    def close(self) -> None:
        """Holds nothing."""


class AtOnce(Learner):
    """Learns before anything else happens, so that tests need not wait."""

    @property
    def busy(self) -> bool:
        return bool(self._asked)

    def submit(self, job: Job) -> None:
        future: Future[Outcome] = Future()
        future.set_result(self._learn(job))
        self._asked[job.station, job.place] = future


class Service:
    """Cameras' scores in, findings out."""

    def __init__(
        self, limits: Limits, rules: Rules | None = None, carried: Mapping[str, tuple[Baseline, ...]] = {}
    ) -> None:
        self.kafka = MemoryKafka(partitions=1)
        self.memory = MemoryMemory()
        self.metrics = Metrics(CollectorRegistry())
        self.limits: Limits | Missing = limits
        self.rules = rules or Rules()
        self.carried = carried or {}
        self.assignment = [(SCORES, 0)]
        self.clock = 0.0
        self.board = Board()
        self.shown: Shown | None = None

    def send(self, scores: Sequence[Score | Reading]) -> None:
        for each in scores:
            topic = SCORES if isinstance(each, Score) else SIGNALS
            self.kafka.append(Message(topic, each.station.encode(), write_event(each)))

    def run(
        self, start: datetime = NOW, batch: int = 7, save_s: float = 0.0, crash: Callable[[int], bool] | None = None
    ) -> None:
        """Until nothing is left; then the process is stopped in good order. `crash` is asked after every turn, with
        their number: it is killed where that says so."""
        board = self.board = Board()
        baselines = Baselines(TopicTwin(self.kafka, BASELINES), lambda digest: self.carried.get(digest, ()))
        learner = AtOnce(self.rules)
        source = Remembering(
            MemorySource(self.kafka, [SCORES, SIGNALS], "drift", batch),
            self.memory,
            board,
            Findings(TopicTwin(self.kafka, DRIFT)),
            Patience(lambda: None, 1, pause_s=0),
            baselines=baselines,
            learner=learner,
            show=lambda card: shown_text(
                card.station, card.watched, card.state.resting, baselines.word, self.rules, start
            ),
            clock=self._tick,
            saving=0.0,
            save_s=save_s,
        )
        self.shown = Shown(
            self.metrics, lambda: self.assignment, board, baselines.word, self.rules, clock=lambda: self.clock
        )
        handle = Drifting(board, lambda _: self.limits, FAULTS, baselines, self.rules)
        sink, letters = MemorySink(self.kafka), MemoryDeadLetters(self.kafka)
        stage = Stage("drift", source, counted(handle, board, self.metrics), sink, letters)
        turns = 0
        try:
            while stage.step(lambda: start) or learner.busy or board.outcomes:
                turns += 1
                if crash is not None and crash(turns):
                    return
            stage.step(lambda: start)
        except Broken:
            stage.close()
            raise
        stage.close()

    def _tick(self) -> float:
        """Time passes by a second with every look at the clock."""
        self.clock += 1
        return self.clock

    def move_back(self, records: int) -> None:
        committed = self.kafka.committed("drift", SCORES, 0)
        self.kafka.commit("drift", SCORES, 0, max(0, committed - records))

    @property
    def findings(self) -> list[Finding]:
        return [read_event(Finding, record.value) for record in self.kafka.records(DRIFT)]

    @property
    def story(self) -> list[tuple[str, str]]:
        return [(each.cause.value, each.kind.value) for each in self.findings]

    @property
    def drifts(self) -> list[tuple[str, str]]:
        """What was named, and its turns."""
        return [(each.drift.named.value, each.kind.value) for each in self.findings if each.drift]

    @property
    def baselines(self) -> list[Baseline]:
        records = self.kafka.records(BASELINES)
        return [read_event(Baseline, record.value) for record in records if b'"record":"baseline"' in record.value]

    def standing(self, station: str = "weld-07") -> StationDrift | None:
        return read_station_drift(self.memory.shown.get(station))

    def shows(self, name: str, **labels: str) -> float | None:
        assert self.shown is not None
        self.clock += 10
        self.shown.tidy()
        return self.metrics.registry.get_sample_value(name, labels)
