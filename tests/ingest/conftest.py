"""What the tests of ingest share: a clock they can turn, and a line in memory."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink
from andon.stage import Record, Source, Stage
from andon_ingest.capture import Capture, Shot, frames
from andon_ingest.clock import Clock

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def now() -> datetime:
    """The time of every turn."""
    return START


class Time:
    """Passes only when somebody sleeps, or a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, lambda: START + timedelta(seconds=self.now_s - 1000), self.sleep)


class Line:
    """A stage over Kafka's in-memory twin, turned by hand."""

    def __init__(self) -> None:
        self.kafka = MemoryKafka(partitions=1)

    def stage(self, source: Source) -> Stage:
        return Stage("ingest", source, frames, MemorySink(self.kafka), MemoryDeadLetters(self.kafka))

    def turn(self, source: Source) -> None:
        """One turn."""
        self.stage(source).step(now)

    def play(self, source: Source, turns: int = 1000) -> None:
        """Turns until the source has ended."""
        stage = self.stage(source)
        while not source.ended and turns:
            stage.step(now)
            turns -= 1
        stage.close()

    @property
    def frames(self) -> list[Record]:
        return self.kafka.records("camera.frames")

    @property
    def dead_letters(self) -> list[Record]:
        return self.kafka.records("dead-letters")

    def subjects(self) -> list[str]:
        return [(record.header("ce_subject") or b"").decode() for record in self.frames]

    def seqs(self, station: str) -> list[int]:
        return [int(record.header("ce_seq") or b"") for record in self.frames if record.key == station.encode()]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def new_capture() -> Callable[..., Capture]:
    """Captures of one epoch, with the same traces each time."""

    def make(epoch: int = 1700000000000, **given: object) -> Capture:
        return Capture(epoch, "test", lambda: f"00-{'a' * 32}-{'b' * 16}-01", **given)  # type: ignore[arg-type]

    return make


@pytest.fixture
def shot() -> Callable[[bytes], Shot]:
    """An image of one moment."""
    return lambda data: Shot("press-4", data, START)
