"""Which evidence may go, and which must: the oldest of what is over. Pure."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from andon.evidence import Dossier
from andon.records import IncidentKind


class Leaves(StrEnum):
    """Why evidence goes."""

    TOO_OLD = "too_old"  # its incident is over for longer than the store keeps evidence
    TOO_MUCH = "too_much"  # the store holds more bytes than it may, and this is the oldest
    DRILL_OVER = "drill_over"  # of a drill, which is kept a day
    ABANDONED = "abandoned"  # files that no incident.json names, older than evidence is kept


@dataclass(frozen=True, slots=True)
class Kept:
    """The evidence of one incident, as it lies there: `at` is its last turn; None: nobody knows. What no incident.json
    names is `abandoned`, and `at` then when it was written."""

    incident: str
    size: int
    at: datetime | None
    over: bool
    drill: bool = False
    frames: frozenset[UUID] = frozenset()
    abandoned: bool = False

    @classmethod
    def of(cls, dossier: Dossier, size: int) -> "Kept":
        """What `dossier` says, with the bytes of all that lies there."""
        turn = dossier.turn
        over = turn.kind is IncidentKind.RESOLVED
        return cls(str(turn.incident_id), size, turn.at, over, turn.drill, dossier.known)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept."""

    max_age: timedelta
    max_bytes: int
    drill_age: timedelta


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes, oldest first and each with its reason; `held` are the bytes that may not go, `stays` what remains."""

    leaving: tuple[tuple[Kept, Leaves], ...]
    held: int
    stays: int


def choose(kept: Iterable[Kept], labelled: Set[UUID], bounds: Bounds, now: datetime) -> Choice:
    """Drills that had their day, then what is too old, then the oldest until the rest fits.

    Never what is open, nor what holds a frame that somebody answered; but a drill that nobody ended is no incident.
    """
    every = sorted(kept, key=lambda each: (each.at or now, each.incident))
    free = [each for each in every if may_go(each, labelled)]
    leaving = [(each, why) for each in free if (why := _overdue(each, bounds, now)) is not None]
    gone = {each.incident for each, _ in leaving}
    stays = sum(each.size for each in every if each.incident not in gone)
    for each in free:
        if stays > bounds.max_bytes and each.incident not in gone and each.over:
            leaving.append((each, Leaves.TOO_MUCH))
            stays -= each.size
    held = sum(each.size for each in every if not may_go(each, labelled))
    return Choice(tuple(leaving), held, stays)


def may_go(kept: Kept, labelled: Set[UUID]) -> bool:
    """Whether it may ever go as things are."""
    return (kept.over or kept.drill or kept.abandoned) and not kept.frames & labelled


def _overdue(kept: Kept, bounds: Bounds, now: datetime) -> Leaves | None:
    if kept.at is None:
        return None
    if kept.drill:
        return Leaves.DRILL_OVER if now - kept.at > bounds.drill_age else None
    if now - kept.at > bounds.max_age:
        return Leaves.ABANDONED if kept.abandoned else Leaves.TOO_OLD
    return None
