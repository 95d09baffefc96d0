"""The trainer's source and its apprentice: a restart forgets nothing, and a fit that goes wrong harms nobody."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from andon.assigning import shadowed
from andon.assignments import Assignments
from andon.bundle import BundleError
from andon.ids import frame_id
from andon.kafka.source import Place
from andon.manifest import BundleManifest
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.records import Assignment, FramePlace, Score, Trial, Unscorable, Verdict, read_event, write_event
from andon.stage import Message, Record, Stage
from andon.testing.models import proven_bundle
from andon.topics import MODELS, NOTICES, SCORES, SHADOW_SCORES
from andon_training.jobs.opening import limits
from andon_training.jobs.process import Processes
from andon_training.jobs.worker import Kind
from andon_training.trainer.apprentice import Apprentice
from andon_training.trainer.board import Board
from andon_training.trainer.decide import Deciding
from andon_training.trainer.follow import Following
from andon_training.trainer.lesson import Job, Outcome
from andon_training.trainer.main import NoticesFirst
from andon_training.trainer.settings import OnboardingSettings, TrainerSettings
from andon_training.trainer.trials import case_of

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
OLD = "0a" * 32
GROUP = "andon.trainer"


class Source(MemorySource):
    """Reads the twin; `ours` are the partitions that it has been given."""

    ours = frozenset({0, 1})

    @property
    def assignment(self) -> list[Place]:
        return [(topic, part) for topic in (SCORES, SHADOW_SCORES) for part in sorted(self.ours)]


@dataclass
class Store:
    """Holds one bundle's manifest."""

    manifests: dict[str, BundleManifest] = field(default_factory=dict)

    def manifest(self, digest: str) -> BundleManifest:
        if digest not in self.manifests:
            raise BundleError("not here")
        return self.manifests[digest]


@dataclass
class Table:
    """Follows `models` of the twin."""

    kafka: MemoryKafka
    table: Assignments = field(default_factory=Assignments)
    seen: int = 0

    def refresh(self) -> bool:
        fresh = self.kafka.records(MODELS)[self.seen :]
        self.seen += len(fresh)
        changed = [self.table.apply(record) for record in fresh]
        return any(changed)


class Line:
    """The whole trainer in memory, but for the fit."""

    def __init__(self) -> None:
        self.kafka = MemoryKafka(partitions=2)
        self.store = Store()
        self.restart()

    def restart(self) -> None:
        """A new process: nothing in memory."""
        table = Table(self.kafka)
        self.board = Board(table.table, OnboardingSettings(frames=20))
        self.source = Source(self.kafka, [SCORES, SHADOW_SCORES], GROUP)
        following = Following(
            self.source, self.board, table, self.store, self.look_back, look_back_h=1, clock=lambda: START
        )
        sink, dead = NoticesFirst(MemorySink(self.kafka)), MemoryDeadLetters(self.kafka)
        self.stage = Stage("trainer", following, Deciding(self.board, 0), sink, dead)

    def look_back(self, places: Mapping[Place, int | None], since: datetime) -> Iterator[Record]:
        for (topic, part), stop in places.items():
            yield from self.kafka.log(topic, part)[: self.kafka.committed(GROUP, topic, part) if stop is None else stop]

    def turn(self) -> int:
        return self.stage.step(lambda: START)

    def score(self, seq: int, bundle: str | None, topic: str = SCORES) -> None:
        at = START + timedelta(seconds=seq)
        score = Score(
            frame_id=frame_id("weld-07", 1, seq),
            station="weld-07",
            epoch=1,
            seq=seq,
            captured_at=at,
            scored_at=at,
            verdict=Verdict.OK if bundle else Verdict.UNSCORABLE,
            unscorable=None if bundle else Unscorable.NO_BUNDLE,
            bundle=bundle,
            width=8,
            height=8,
            frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
        )
        self.kafka.append(Message(topic, b"weld-07", write_event(score)))

    def assign(self, given: Assignment) -> None:
        self.kafka.append(Message(MODELS, given.key, write_event(given)))


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_restart_counts_what_was_counted_and_committed(line: Line) -> None:
    for seq in range(7):
        line.score(seq, None)
    line.turn()
    line.restart()
    line.turn()
    assert line.board.newcomers["weld-07"].seen == 7


def test_a_restart_before_the_commit_counts_nothing_twice(line: Line) -> None:
    for seq in range(7):
        line.score(seq, None)
    line.turn()
    for seq in range(7, 10):
        line.score(seq, None)
    line.restart()
    line.turn()
    assert line.board.newcomers["weld-07"].seen == 10


def test_a_partition_that_goes_takes_its_newcomers_along_and_comes_back_with_them(line: Line) -> None:
    for seq in range(3):
        line.score(seq, None)
    line.turn()
    line.source.ours = frozenset()
    line.turn()
    assert line.board.newcomers == {}
    line.source.ours = frozenset({0, 1})
    line.turn()
    assert line.board.newcomers["weld-07"].seen == 3


def test_a_trial_goes_on_where_it_stood_and_its_notice_comes_first(line: Line) -> None:
    new = proven_bundle()
    line.store.manifests[new.digest] = new.manifest
    first = Assignment(station="weld-07", bundle=OLD, by="mira", at=START)
    trial = Trial(frames=10, budget=0.02)
    line.assign(shadowed(first, new.digest, promotion=trial, by="mira", why="", at=START))
    for seq in range(9):
        line.score(seq, OLD)
        line.score(seq, new.digest, SHADOW_SCORES)
    line.turn()
    line.restart()
    line.turn()
    (tally,) = line.board.tallies.values()
    assert (tally.joint, line.board.sees) == (9, {new.digest: True})
    line.score(9, OLD)
    line.score(9, new.digest, SHADOW_SCORES)
    line.turn()
    taken = read_event(Assignment, line.kafka.records(MODELS)[-1].value)
    assert (taken.bundle, taken.shadows) == (new.digest, (OLD,))
    line.turn()
    (tally,) = line.board.tallies.values()
    assert tally.case == case_of(taken), "the probation has begun"
    assert len(line.kafka.records(NOTICES)) == 1


def test_notices_are_written_before_assignments() -> None:
    sent: list[list[str]] = []

    class Sink:
        def send(self, messages: Sequence[Message], idle: Callable[[], None]) -> None:
            sent.append([each.topic for each in messages])

        def close(self) -> None:
            """Nothing is held."""

    NoticesFirst(Sink()).send([Message(each, None, b"") for each in (MODELS, NOTICES, MODELS)], lambda: None)
    assert sent == [[NOTICES], [MODELS, MODELS]]


ANSWER = """
import sys
job = sys.stdin.readline().strip()
print('{"job": ' + job + ', "problem": "too few frames"}')
"""


def apprenticed(board: Board, command: Sequence[str]) -> Apprentice:
    """Has fits done by processes that run `command`."""
    bounds = limits(TrainerSettings(onboarding=board.onboarding))
    return Apprentice(board, Processes(bounds, time.monotonic, {Kind.FIT: command}), time.monotonic, str)


def attempt(program: str, **settings: Any) -> Outcome:
    """How an attempt ends whose process runs `program`."""
    board = Board(Assignments(), OnboardingSettings(**settings))
    board.jobs["weld-07"] = Job(station="weld-07", frames=20)
    apprentice = apprenticed(board, (sys.executable, "-c", program))
    deadline = time.monotonic() + 20
    while not board.finished and time.monotonic() < deadline:
        apprentice.tend()
        time.sleep(0.02)
    apprentice.close()
    (outcome,) = board.finished
    return outcome


def test_what_the_attempt_says_is_handed_over() -> None:
    assert attempt(ANSWER) == Outcome(job=Job(station="weld-07", frames=20), problem="too few frames")


def test_an_attempt_that_crashes_is_our_fault() -> None:
    outcome = attempt("raise SystemExit(7)")
    assert outcome.ours
    assert "status 7" in outcome.problem


def test_an_attempt_that_takes_too_long_is_ended() -> None:
    assert "longer than 0 s" in attempt("import time; time.sleep(60)", limit_s=0.2).problem


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="nobody tells how much memory a process has")
def test_an_attempt_that_takes_too_much_memory_is_ended() -> None:
    outcome = attempt("hoard = bytes(b'x') * (400 * 1024**2); import time; time.sleep(60)", memory_mb=256)
    assert "more memory than 256 MB" in outcome.problem


def test_the_apprentice_is_ended_with_the_trainer() -> None:
    board = Board(Assignments(), OnboardingSettings())
    board.jobs["weld-07"] = Job(station="weld-07", frames=20)
    apprentice = apprenticed(board, (sys.executable, "-c", "import time; time.sleep(60)"))
    apprentice.tend()
    began = time.monotonic()
    apprentice.close()
    apprentice.close()
    assert time.monotonic() - began < 5
    assert board.finished == []
