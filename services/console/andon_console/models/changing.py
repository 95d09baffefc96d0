"""What people change about an assignment, as `andon assign`, `shadow`, `promote` and `rollback` do. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from andon.assigning import assigned, named, promoted, rolled_back, shadowed, unshadowed
from andon.budget import budget_words, parse_budget
from andon.errors import Mistake
from andon.ids import label, sha256_hex, station_id
from andon.records import Assignment, Did, Trial, write_event
from andon.records.assignment import EVERY

SHORT = 12
MOST_FRAMES = 10_000_000


class Act(StrEnum):
    """What is changed."""

    ASSIGN = "assign"  # this bundle serves
    SHADOW = "shadow"  # this bundle scores the same frames and pages nobody
    UNSHADOW = "unshadow"  # it does so no more
    PROMOTE = "promote"  # a shadow serves
    ROLLBACK = "rollback"  # a bundle that served before serves again

    @property
    def did(self) -> Did:
        """How the audit log calls it."""
        return _DID[self]

    @property
    def swaps(self) -> bool:
        """Whether another bundle serves then."""
        return self not in (Act.SHADOW, Act.UNSHADOW)


_DID = {
    Act.ASSIGN: Did.ASSIGNED,
    Act.SHADOW: Did.SHADOWED,
    Act.UNSHADOW: Did.SHADOWED,
    Act.PROMOTE: Did.PROMOTED,
    Act.ROLLBACK: Did.ROLLED_BACK,
}


@dataclass(frozen=True, slots=True)
class Where:
    """A station ('*': every one without its own) and, for an assignment of its own, a product."""

    station: str
    product: str | None = None

    @classmethod
    def of(cls, station: str, product: str) -> "Where":
        """Raises Invalid when either cannot be a name."""
        name = station if station == EVERY else station_id(station)
        return cls(name, label(product, "product") if product else None)

    @property
    def words(self) -> str:
        """As people name it."""
        name = "every station without its own" if self.station == EVERY else self.station
        return f"{name}, product {self.product}" if self.product else name


@dataclass(frozen=True, slots=True)
class Wish:
    """One change: of `bundle`, for `why`; `trial` is for shadows that may take over and for promotions."""

    act: Act
    bundle: str
    why: str
    trial: Trial | None = None


def changed(where: Where, before: Assignment | None, wish: Wish, by: str, at: datetime) -> Assignment:
    """The assignment that is to be written. Raises Mistake where it cannot be done, as the commands say it."""
    match wish.act:
        case Act.ASSIGN:
            return assigned(
                before, station=where.station, product=where.product, bundle=wish.bundle, by=by, why=wish.why, at=at
            )
        case Act.SHADOW:
            return shadowed(before, wish.bundle, promotion=wish.trial, by=by, why=wish.why, at=at)
        case Act.UNSHADOW:
            return unshadowed(before, wish.bundle, by=by, why=wish.why, at=at)
        case Act.PROMOTE:
            return promoted(before, wish.bundle, probation=wish.trial, by=by, why=wish.why, at=at)
        case Act.ROLLBACK:
            return back_to(before, wish.bundle, by, wish.why, at)


def back_to(before: Assignment | None, bundle: str, by: str, why: str, at: datetime) -> Assignment:
    """Rolled back once, or as often as it takes until `bundle` serves. Raises Mistake where it never served."""
    after = rolled_back(before, by=by, why=why, at=at)
    for _ in after.past:
        if after.bundle == bundle:
            break
        after = rolled_back(after, by=by, why=why, at=at)
    if after.bundle != bundle:
        raise Mistake(f"{named(after)}: {bundle[:SHORT]} is not among the bundles that served there before; assign it")
    return after


def stamp(assignment: Assignment | None) -> str:
    """Tells one state of an assignment from another: what a form carries of the state that its page showed."""
    return sha256_hex(write_event(assignment))[:16] if assignment is not None else "none"


def conflict(where: Where, now: Assignment | None, seen: str, person: str) -> str | None:
    """Why a change is refused: somebody was quicker; None where it stands as it was seen."""
    if stamp(now) == seen:
        return None
    if now is None:
        return f"{where.words}: nothing is assigned there any more. Nothing was written; look again."
    who = "you have" if now.by == person else f"{now.by or 'somebody'} has"
    why = f" ({now.why})" if now.why else ""
    return (
        f"{where.words}: {who} changed it at {now.at:%Y-%m-%d %H:%M:%S} UTC{why}; {now.bundle[:SHORT]} is assigned now"
        f"{_shadows(now)}. Nothing was written; look again."
    )


def trial_of(frames: int | None, budget: str) -> Trial | None:
    """The trial that a form asks for. Raises Mistake for half of one."""
    if frames is None and not budget.strip():
        return None
    if frames is None or not budget.strip():
        raise Mistake("a trial needs both: how many frames, and a budget such as '2 per 1000'; or leave both empty")
    if not 1 <= frames <= MOST_FRAMES:
        raise Mistake(f"a trial of {frames} frames: say 1 to {MOST_FRAMES}")
    return Trial(frames=frames, budget=parse_budget(budget))


def told(assignment: Assignment | None) -> str:
    """An assignment in a few words, for the audit log."""
    if assignment is None:
        return "nothing assigned"
    trial = assignment.promotion or assignment.probation
    kind = "promotion" if assignment.promotion else "probation"
    on = f", {kind} {trial_words(trial)}" if trial else ""
    return f"{assignment.bundle[:SHORT]}{_shadows(assignment)}{on}"


def trial_words(trial: Trial) -> str:
    """A trial in a few words."""
    return f"{trial.frames} frames within {budget_words(trial.budget)}"


def done(where: Where, before: Assignment | None, after: Assignment, act: Act, bundle: str) -> str:
    """What was done, as a sentence."""
    short = bundle[:SHORT]
    match act:
        case Act.SHADOW:
            return f"{where.words}: {short} shadows {after.bundle[:SHORT]} from now on."
        case Act.UNSHADOW:
            return f"{where.words}: {short} is a shadow no more."
    over = f"; it takes over from {before.bundle[:SHORT]}" if before and before.bundle != after.bundle else ""
    return f"{where.words}: {short} is assigned{over}. It serves as soon as scoring has proven it."


def _shadows(assignment: Assignment) -> str:
    shadows = ", ".join(each[:SHORT] for each in assignment.shadows)
    return f", shadows {shadows}" if shadows else ""
