"""What the newest records say: frames and scores, assignments and their bundles, and other clocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame: when its camera says it was taken, and when its record was written; by a broker's clock where
    `by_broker`, else by its producer's. Of a foreign frame only the record tells the time: `captured_at` is None."""

    station: str
    topic: str
    captured_at: datetime | None
    written_at: datetime
    by_broker: bool


@dataclass(frozen=True, slots=True)
class SeenScore:
    """A score, and when its record was written."""

    station: str
    captured_at: datetime
    scored_at: datetime
    written_at: datetime
    by_broker: bool
    golden: bool


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest few records of each partition of the frame topics and of `scores`; `now` is when they were read."""

    now: datetime
    frames: tuple[SeenFrame, ...]
    scores: tuple[SeenScore, ...]

    @property
    def records(self) -> tuple[SeenFrame | SeenScore, ...]:
        """All of them."""
        return (*self.frames, *self.scores)


@dataclass(frozen=True, slots=True)
class Assigned:
    """One assignment: what serves, what was proven, and why the active one was refused, if it was."""

    station: str
    product: str | None
    bundle: str
    shadows: tuple[str, ...]
    proven: str | None
    refused: str | None
    age_s: float

    @property
    def place(self) -> str:
        """The station and product in words."""
        name = "every station" if self.station == "*" else self.station
        return f"{name} ({self.product})" if self.product else name


@dataclass(frozen=True, slots=True)
class Models:
    """What is assigned, and which stations that send frames have no assignment."""

    assigned: tuple[Assigned, ...]
    without: tuple[str, ...] = ()
    heard: int = 0


@dataclass(frozen=True, slots=True)
class SeenBundle:
    """A bundle that serves or shadows somewhere. `missing`, `damaged`, `untrusted` say what is wrong; `active`: it is
    not only a shadow."""

    digest: str
    places: tuple[str, ...]
    active: bool
    missing: bool = False
    damaged: str = ""
    untrusted: str = ""


@dataclass(frozen=True, slots=True)
class Bundles:
    """Every bundle that is assigned. `store` is where they are to lie, `trusting` whether signatures are asked for."""

    store: str
    bundles: tuple[SeenBundle, ...]
    trusting: bool = False
    unproven: str = ""  # why signatures could not be looked at


@dataclass(frozen=True, slots=True)
class Clock:
    """Another clock, and how far it is ahead of ours, in seconds; right to `within_s`. `at_least`: only that it is not
    further behind than that is known."""

    of: str
    ahead_s: float
    within_s: float
    at_least: bool = False


class RedisClock(Clock):
    """That of Redis."""


class AlertmanagerClock(Clock):
    """That of Alertmanager."""


class RecordClock(Clock):
    """That of whoever wrote the newest record."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Other clocks beside ours, and why others were not seen."""

    clocks: tuple[Clock, ...]
    unseen: Mapping[str, str]


def middle(numbers: Sequence[float]) -> float:
    """The median; the lower of the two in the middle."""
    return sorted(numbers)[(len(numbers) - 1) // 2]
