"""Over which of a station's past scores a comparison or a preview looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from andon_console.live.jobs import Job, Progress
from andon_console.models.heard import Heard, read_heard
from andon_console.rates.tally import last_shift
from andon_console.world import World

SHIFT = "shift"
SPANS = {
    "1": "the last hour",
    "8": "the last 8 hours",
    "24": "the last 24 hours",
    "72": "the last 3 days",
    SHIFT: "the last shift",
}


@dataclass(frozen=True, slots=True)
class Past:
    """From when until when scores were written. `name` is one of SPANS."""

    name: str
    begin: datetime
    end: datetime

    @property
    def words(self) -> str:
        """For people."""
        return SPANS[self.name]


def past(world: World, station: str, name: str) -> Past:
    """The stretch that a page names."""
    now = world.now()
    if name == SHIFT:
        span = last_shift(world.line.of(station), now)
        return Past(name, span.since, span.until)
    return Past(name, now - timedelta(hours=int(name)), now)


def heard(world: World, station: str, over: Past) -> Job:
    """The job that reads these scores; whoever asks again is answered by the same. Its result is a `Heard`."""
    begin = over.begin if over.name == SHIFT else None  # what is of now may be five minutes old
    work = partial(_read, world, station, over, partitions(world, station))
    return world.bench.jobs.ask(("scores", station, over.name, begin), work)


def partitions(world: World, station: str) -> Sequence[int]:
    """Where its scores were seen: a foreign producer may put them elsewhere than their key says."""
    seen = world.stations.get(station)
    return (seen.scored.partition,) if seen and seen.scored.partition >= 0 else ()


def _read(world: World, station: str, over: Past, known: Sequence[int], progress: Progress) -> Heard:
    return read_heard(world.bench.logs, station, over.begin, over.end, known, progress)
