"""What is remembered of a station between its frames, and what a frame brings. Plain numbers and words."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from andon.records import Cause, Evidence, FramePlace, Measure, Score
from andon.stage import Record
from andon_drift.look import Shifts


@dataclass(frozen=True, slots=True)
class Bad:
    """A picture that shows a fault."""

    evidence: Evidence
    measure: Measure
    usual: float
    right: float = 0.0
    down: float = 0.0


@dataclass(frozen=True, slots=True)
class Open:
    """A finding that began and has not ended."""

    finding: UUID
    since: datetime
    product: str | None = None
    bundle: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """One cause at one station. `letters` are the last pictures, oldest first: x (bad) and o (good); `bad` holds those
    that are bad, until they are a finding. `over` is the finding that ended last."""

    letters: str = ""
    bad: tuple[Bad, ...] = ()
    open: Open | None = None
    over: UUID | None = None

    @property
    def calm(self) -> bool:
        """Whether nothing is open and no last picture is bad."""
        return self.open is None and "x" not in self.letters

    @property
    def good_run(self) -> int:
        """Good pictures in a row, up to now."""
        return len(self.letters) - len(self.letters.rstrip("o"))


class Shot(NamedTuple):
    """A frame, where it lies, and where its score does: topic, partition and offset. What evidence is made of, should
    it be wanted: of nearly all frames it is not."""

    frame_id: UUID
    frame: FramePlace
    scored: tuple[str, int, int]
    captured_at: datetime
    score: float | None
    threshold: float | None
    bundle: str | None
    dataref: str | None
    width: int
    height: int

    @property
    def evidence(self) -> Evidence:
        """As a finding carries it."""
        topic, partition, offset = self.scored
        scored = FramePlace(topic=topic, partition=partition, offset=offset)
        return Evidence(**self._asdict() | {"scored": scored})


@dataclass(frozen=True, slots=True)
class Still:
    """How long the picture has been the same: `picture` names it, `count` frames since `since` show it, the first is
    `first`. `changes` is how many pictures in a row differ from the one before, as far as it matters."""

    picture: str = ""
    count: int = 0
    since: datetime | None = None
    first: Shot | None = None
    changes: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """All that is remembered of a station. `unjudged` is how many frames in a row had nothing to be compared with.
    `calm`: no last picture shows any fault, so that another good one changes nothing."""

    station: str
    origin: str = ""
    epoch: int = -1
    seq: int = -1
    still: Still = field(default_factory=Still)
    unjudged: int = 0
    calm: bool = False
    watches: dict[Cause, Watch] = field(default_factory=dict)

    @property
    def resting(self) -> bool:
        """Whether a fault is open: what the pictures show is of it."""
        return any(watch.open is not None for watch in self.watches.values())

    def watch(self, cause: Cause) -> Watch:
        """What is known of `cause`."""
        return self.watches.get(cause, Watch())


@dataclass(frozen=True, slots=True)
class Seen:
    """A score, and where in Kafka it lies; how far things moved in its picture, where that was found already."""

    score: Score
    place: FramePlace | Record
    shifts: Shifts | None = None


def picture_of(score: Score) -> str:
    """What tells a picture from every other: its checksum; where its maker gave none, all that was measured in it."""
    if score.sha256 is not None:
        return score.sha256
    health = score.health.model_dump_json() if score.health else ""
    return f"{health}/{score.framing}/{score.score}" if health else str(score.frame_id)


def shot_of(seen: Seen) -> Shot:
    """The frame, where it lies, and where its score does."""
    score, place = seen.score, seen.place
    return Shot(
        score.frame_id,
        score.frame,
        (place.topic, place.partition, place.offset),
        score.captured_at,
        score.score,
        score.threshold,
        score.bundle,
        score.dataref,
        score.width,
        score.height,
    )


def evidence_of(seen: Seen) -> Evidence:
    """The same as evidence."""
    return shot_of(seen).evidence
