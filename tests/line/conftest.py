"""The whole line in memory: the real handlers of every service over Kafka's twin, turned by hand."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from andon.assignments import Assignments
from andon.errors import Invalid
from andon.ids import foreign_frame_id
from andon.images.limits import ImageLimits
from andon.kafka.source import Place
from andon.line import LineFile
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.preparation import Preparation
from andon.records import Assignment, IncidentEvent, Score, read_event, read_frame, write_event
from andon.redis_client import Patience
from andon.settings import DeadLetterLimit, StoreSettings
from andon.stage import Message, Record, Stage
from andon.store import BlobStore, BundleStore
from andon.testing.models import proven_bundle
from andon.topics import (
    DEAD_LETTERS,
    FRAME_PATTERN,
    FRAMES,
    INCIDENTS,
    MODELS,
    PREPARED,
    SCORES,
    SHADOW_PREPARED,
    SHADOW_SCORES,
)
from andon.tracing.spans import Spans, no_span
from andon_alerting.alerting import Alerting, Board
from andon_alerting.memory import MemoryStates
from andon_alerting.rebuild import Rebuild
from andon_alerting.remember import Remembering
from andon_alerting.settings import RebuildSettings
from andon_ingest.capture import Capture, Shot, frames
from andon_ingest.claim_check import ClaimCheckSink
from andon_preprocess.fetch import Fetching
from andon_preprocess.preparations import Preparations
from andon_preprocess.prepare import Preparing
from andon_scoring.bundles import LIVE, SHADOWS, Bundles, Role
from andon_scoring.load import Loader
from andon_scoring.observe import with_news
from andon_scoring.score import Scoring
from andon_scoring.settings import ScoringSettings

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
EPOCH = 1_772_460_000_000
MAX_INLINE_BYTES = 20_000
LIMIT = DeadLetterLimit(max_ratio=1.0)
HOPS = ("preprocess", "scoring", "alerting")


def make_part(level: int, side: int = 64, at: tuple[int, int] = (16, 32)) -> bytes:
    """A grey part as a PNG, with a square of an eighth of its side at (x, y), as bright as `level`."""
    image = np.full((side, side), 40, np.uint8)
    image[at[1] : at[1] + side // 8, at[0] : at[0] + side // 8] = level
    return bytes(cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 0])[1])


class Shots:
    """A camera that was given its images beforehand."""

    def __init__(self, capture: Capture, shots: Sequence[Shot], batch: int = 16) -> None:
        self._capture = capture
        self._shots = list(shots)
        self._batch = batch

    @property
    def ended(self) -> bool:
        return not self._shots

    def poll(self) -> Sequence[Record]:
        taken, self._shots = self._shots[: self._batch], self._shots[self._batch :]
        return [self._capture.take(shot) for shot in taken]

    def commit(self) -> None:
        """Remembers nothing."""

    def hold(self, records: Sequence[Record]) -> None:
        raise AssertionError

    def idle(self) -> None:
        """Keeps its place by itself."""

    def close(self) -> None:
        """Holds nothing."""


class Followed:
    """The assignment table of a process, kept up with the twin."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self.table = Assignments()
        self._source = MemorySource(kafka, [MODELS], "table")

    def refresh(self) -> bool:
        changed = [self.table.apply(record) for record in self._source.poll()]
        return any(changed)

    def close(self) -> None:
        """Holds nothing."""


class ScoreSource(MemorySource):
    """What alerting asks of a source beyond the rest."""

    @property
    def assignment(self) -> list[Place]:
        return [(SCORES, partition) for partition in range(self._kafka.partitions)]

    def caught_up(self, within: int = 0) -> bool:
        return True


class History:
    """What the twin holds, up to alerting's commit."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka

    def incidents(self, partitions: Iterable[int], since: datetime) -> Iterator[Record]:
        return (each for part in partitions for each in self._kafka.log(INCIDENTS, part))

    def scores(self, partitions: Iterable[int], since: datetime) -> Iterator[tuple[int, Record]]:
        for partition in partitions:
            done = self._kafka.committed("alerting", SCORES, partition)
            yield from ((partition, each) for each in self._kafka.log(SCORES, partition)[:done])


class Line:
    """Cameras to pages. Every `run` is a new process of one service, which runs until it has nothing left to do."""

    def __init__(self, folder: Path) -> None:
        self.watched: Callable[[Stage], Stage] = lambda stage: stage  # who else looks at every stage
        self.kafka = MemoryKafka(partitions=3)
        self.bundles = BundleStore(str(folder / "bundles"))
        self.blobs = BlobStore(str(folder / "frames"))
        self.states = MemoryStates()
        self.captured: set[UUID] = set()
        self.now = START
        self.span: Spans = no_span

    def assign(
        self,
        threshold: float = 128.0,
        station: str = "*",
        side: int = 8,
        product: str | None = None,
        shadows: Sequence[str] = (),
    ) -> str:
        """Makes a bundle that calls a frame by its brightest pixel, and lets it serve."""
        digest = self.keep(threshold, side)
        given = Assignment(station=station, product=product, bundle=digest, shadows=tuple(shadows), at=self.now)
        self.kafka.append(Message(MODELS, given.key, write_event(given)))
        return digest

    def keep(self, threshold: float = 128.0, side: int = 8) -> str:
        """Puts such a bundle into the store."""
        preparation = Preparation(width=side, height=side, channels=1)
        return self.bundles.put(proven_bundle(preparation=preparation, threshold=threshold))

    def capture(self, shots: Sequence[Shot], next_seq: Mapping[str, int] | None = None) -> None:
        """Ingest, to its end. The same shots again are what a crash before its commit makes of them."""
        capture = Capture(EPOCH, "folder", lambda: f"00-{'a' * 32}-{'b' * 16}-01", next_seq)
        sink = ClaimCheckSink(MemorySink(self.kafka), self.blobs, MAX_INLINE_BYTES)
        stage = Stage("ingest", Shots(capture, shots), frames, sink, MemoryDeadLetters(self.kafka, LIMIT, "ingest"))
        stage = self.watched(stage)
        while not stage.source.ended:
            self._turn(stage)
        self._note_captured()

    def append(self, image: bytes, key: bytes | None = b"foreign-1", topic: str = FRAMES) -> None:
        """A bare image from somebody else."""
        self.kafka.append(Message(topic, key, image))
        self._note_captured()

    def run(self, *services: str) -> None:
        """Runs these services, one after the other; all of them if none is named."""
        for service in services or HOPS:
            {
                "preprocess": self._preprocess,
                "scoring": lambda: self._scoring("scoring", LIVE, PREPARED, SCORES),
                "shadow-scoring": lambda: self._scoring("shadow-scoring", SHADOWS, SHADOW_PREPARED, SHADOW_SCORES),
                "alerting": self._alerting,
            }[service]()

    def move_back(self, service: str, records: int) -> None:
        """The next process of `service` begins so many records earlier in every partition."""
        topics = {"preprocess": self.kafka.topics(FRAME_PATTERN), "scoring": [PREPARED], "alerting": [SCORES]}
        for topic in topics[service]:
            for partition in range(self.kafka.partitions):
                committed = self.kafka.committed(service, topic, partition)
                self.kafka.commit(service, topic, partition, max(0, committed - records))

    @property
    def scores(self) -> dict[UUID, Score]:
        """The first verdict on each frame, as consumers that know its id see it."""
        found: dict[UUID, Score] = {}
        for record in self.kafka.records(SCORES):
            score = read_event(Score, record.value)
            found.setdefault(score.frame_id, score)
        return found

    @property
    def incidents(self) -> dict[UUID, IncidentEvent]:
        """Each turn of each incident, once."""
        events = [read_event(IncidentEvent, record.value) for record in self.kafka.records(INCIDENTS)]
        return {event.event_id: event for event in events}

    @property
    def dead(self) -> dict[UUID, str]:
        """The reason of each frame that ended as a dead letter."""
        return {_frame_of(letter): _text(letter, "andon-reason") for letter in self.kafka.records(DEAD_LETTERS)}

    @property
    def balanced(self) -> bool:
        """Whether every frame captured came to exactly one end."""
        scored, dead = self.scores.keys(), self.dead.keys()
        return self.captured == scored | dead and not scored & dead

    def _note_captured(self) -> None:
        topics = [*self.kafka.topics(FRAME_PATTERN), DEAD_LETTERS]
        self.captured |= {_frame_of(record) for topic in topics for record in self.kafka.records(topic)}

    def _preprocess(self) -> None:
        preparations = Preparations(Followed(self.kafka), self.bundles)
        preparations.refresh()
        with ThreadPoolExecutor(2) as pool:
            self._until_done(
                Stage(
                    "preprocess",
                    Fetching(MemorySource(self.kafka, [FRAME_PATTERN], "preprocess"), self.blobs),
                    Preparing(preparations.of, ImageLimits(), pool.map, preparations.of_shadows),
                    MemorySink(self.kafka),
                    MemoryDeadLetters(self.kafka, LIMIT, "preprocess"),
                )
            )

    def _scoring(self, name: str, role: Role, reads: str, writes: str) -> None:
        metrics = Metrics(CollectorRegistry())
        followed = Followed(self.kafka)
        loader = Loader(ScoringSettings(store=StoreSettings(bundles=self.bundles.url)), metrics, self.span)
        bundles = Bundles(followed.table, followed.refresh, loader, metrics, role=role, clock=lambda: self.now)
        bundles.load_all()
        self._until_done(
            Stage(
                name,
                MemorySource(self.kafka, [reads], name),
                with_news(Scoring(bundles.choose, topic=writes), bundles.news),
                MemorySink(self.kafka),
                MemoryDeadLetters(self.kafka, LIMIT, name),
            )
        )
        bundles.close()
        loader.close()

    def _alerting(self) -> None:
        board, plans = Board(), LineFile(None)
        source = Remembering(
            ScoreSource(self.kafka, [SCORES], "alerting"),
            self.states,
            board,
            Rebuild(History(self.kafka), plans, RebuildSettings(), 300),
            plans,
            Patience(lambda: None, 1, pause_s=0),
            clock=lambda: self.now,
            beat=lambda: None,
            watch_every_s=1e9,
        )
        letters = MemoryDeadLetters(self.kafka, LIMIT, "alerting")
        self._until_done(Stage("alerting", source, Alerting(board, plans, 300), MemorySink(self.kafka), letters))

    def _until_done(self, stage: Stage) -> None:
        stage = self.watched(stage)
        while self._turn(stage):
            pass
        stage.close()

    def _turn(self, stage: Stage) -> int:
        self.now += timedelta(milliseconds=5)
        self.kafka.time_ms = int(self.now.timestamp() * 1000)
        return stage.step(lambda: self.now)


def _frame_of(record: Record) -> UUID:
    """The id of the frame that a record of a frame topic, or a dead letter, is about."""
    topic = _text(record, "andon-topic") or record.topic
    partition = int(_text(record, "andon-partition") or record.partition)
    offset = int(_text(record, "andon-offset") or record.offset)
    try:
        return read_frame(replace(record, topic=topic, partition=partition, offset=offset)).frame_id
    except Invalid:
        return foreign_frame_id(topic, partition, offset)


def _text(record: Record, name: str) -> str:
    return (record.header(name) or b"").decode()


def shots_of(images: Sequence[bytes], station: str = "weld-07") -> list[Shot]:
    """One a tenth of a second."""
    return [
        Shot(station, image, START + timedelta(seconds=number / 10), f"{number}.png")
        for number, image in enumerate(images)
    ]


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


@pytest.fixture(scope="session")
def part() -> Callable[..., bytes]:
    return make_part


@pytest.fixture(scope="session")
def shots() -> Callable[..., list[Shot]]:
    return shots_of
