"""What can be wrong with a frame among supposedly good ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was found, in the order of looking: what is dropped first, and of the rest the plainest cause."""

    UNREADABLE = "unreadable"
    BLACK = "black"
    FLAT = "flat"
    REPEAT = "repeat"
    NEAR_DUPLICATE = "near-duplicate"
    ALIKE = "alike"
    OTHER_SIZE = "other-size"
    DARK = "dark"
    OVEREXPOSED = "overexposed"
    BLURRED = "blurred"
    MISFRAMED = "mis-framed"
    ODD = "odd"


DROPPED = frozenset({Kind.UNREADABLE, Kind.BLACK, Kind.FLAT, Kind.REPEAT, Kind.NEAR_DUPLICATE})
"""The kinds a fit leaves out by itself. A person should look at a frame of any other kind; a fit keeps it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The number that decided: `value` in `unit`, beyond `limit`, which comes from the set where it can."""

    value: float
    limit: float
    unit: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one frame. `says` is a sentence for a person; `repeats` names the frame that a repeat, a
    near-duplicate or a frame alike repeats. An unreadable frame has no `measure`.
    """

    kind: Kind
    frame: str
    says: str
    measure: Measure | None = None
    repeats: str | None = None

    @property
    def dropped(self) -> bool:
        """Whether a fit leaves the frame out by itself."""
        return self.kind in DROPPED


@dataclass(frozen=True, slots=True)
class Curation:
    """What a look at a set of frames found.

    `frames`: all names, as given. `findings`: by kind, then by frame as given; a frame may have several, but a
    dropped one has one. `typical`: the frames most like the rest, to compare with. `notes`: sentences on the whole set.
    """

    frames: tuple[str, ...]
    findings: tuple[Finding, ...]
    typical: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """The frames a fit learns from, in the order given."""
        dropped = names(finding for finding in self.findings if finding.dropped)
        return tuple(frame for frame in self.frames if frame not in dropped)

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind is kind)


def names(findings: Iterable[Finding]) -> frozenset[str]:
    """The frames of `findings`."""
    return frozenset(finding.frame for finding in findings)
