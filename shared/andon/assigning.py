"""What people and rules do to an assignment: one in, one out. Nothing here asks Kafka, the store or a clock.

`by` is who did it, `why` in their words, `at` when. Each function gives the assignment that is to be written to
`models`; writing it is the caller's.
"""

from datetime import datetime
from typing import Any, Literal

from andon.errors import Mistake
from andon.records.assignment import EVERY, MOST_PAST, Assignment, Past, Trial

State = Literal["serving", "learning"]


def assigned(
    before: Assignment | None,
    *,
    station: str,
    product: str | None,
    bundle: str,
    by: str,
    why: str,
    at: datetime,
    state: State = "serving",
    keep_shadows: bool = True,
) -> Assignment:
    """`bundle` serves the station (and product) from now on; `before` is what was assigned to exactly these.

    The bundle it takes over from goes to `past`. Any trial ends, for it was against that bundle; the shadows stay,
    but for the one that a probation kept. The bundle that serves already keeps its past, its shadows and its trials.
    """
    said = {"bundle": bundle, "state": state, "by": by, "why": why, "at": at}
    if before is None:
        return Assignment(station=station, product=product, **said)
    if before.bundle != bundle:
        shadows = tuple(each for each in _free_shadows(before) if each != bundle)
        said |= _no_trial() | {"past": _past(before), "shadows": shadows}
    if not keep_shadows:
        said |= _no_trial() | {"shadows": ()}
    return before.model_copy(update=said)


def rolled_back(before: Assignment | None, *, by: str, why: str, at: datetime) -> Assignment:
    """The bundle that served last serves again, and leaves `past`: rolled back again, it goes one further.

    The bundle it leaves is in neither `past` nor the shadows. Any trial ends.
    Raises Mistake where nothing served before.
    """
    if before is None:
        raise Mistake("nothing is assigned, so there is nothing to roll back; see `andon assignments`")
    earlier = _earlier(before)
    if not earlier:
        raise Mistake(
            f"{named(before)}: {before.bundle[:12]} is the first bundle it ever had, there is none to go back to; "
            "name another with `andon assign`"
        )
    back = earlier[0].bundle
    shadows = tuple(each for each in _free_shadows(before) if each != back)
    return before.model_copy(
        update=_no_trial()
        | {"bundle": back, "past": earlier[1:], "shadows": shadows, "state": "serving"}
        | {"by": by, "why": why, "at": at}
    )


def shadowed(
    before: Assignment | None, bundle: str, *, promotion: Trial | None, by: str, why: str, at: datetime
) -> Assignment:
    """`bundle` scores the same frames without paging; with `promotion` it is the first shadow, which takes over when it
    keeps within that trial. A shadow that is named again without one stays a shadow and is on trial no more.

    Raises Mistake where nothing is assigned, where `bundle` serves, and for a trial while a probation lasts.
    """
    if before is None:
        raise Mistake("a shadow needs a bundle to shadow: assign one first with `andon assign`")
    if bundle == before.bundle:
        raise Mistake(f"{named(before)}: {bundle[:12]} serves there, it cannot be its own shadow")
    if promotion and before.probation:
        raise Mistake(
            f"{named(before)}: {before.bundle[:12]} is on probation beside {before.shadows[0][:12]}; "
            "wait until that is over, roll back, or give no trial"
        )
    others = tuple(each for each in before.shadows if each != bundle)
    if promotion:
        change: dict[str, Any] = {"shadows": (bundle, *others), "promotion": promotion}
    elif bundle not in before.shadows:
        change = {"shadows": (*others, bundle)}
    else:
        change = {"promotion": None} if bundle == before.shadows[0] else {}
    return before.model_copy(update=change | {"by": by, "why": why, "at": at})


def unshadowed(before: Assignment | None, bundle: str, *, by: str, why: str, at: datetime) -> Assignment:
    """`bundle` is a shadow no more; the trial it was part of ends. Raises Mistake where it is none."""
    if before is None or bundle not in before.shadows:
        raise Mistake(f"{bundle[:12]} is not a shadow{_at(before)}{_shadows_there(before)}")
    ended = _no_trial() if bundle == before.shadows[0] else {}
    shadows = tuple(each for each in before.shadows if each != bundle)
    return before.model_copy(update=ended | {"shadows": shadows, "by": by, "why": why, "at": at})


def promoted(
    before: Assignment | None, bundle: str, *, probation: Trial | None, by: str, why: str, at: datetime
) -> Assignment:
    """The shadow `bundle` serves from now on. With `probation`, the one it took over from is its first shadow as long
    as that lasts (`confirmed` ends it well, `rolled_back` ends it badly). Raises Mistake where `bundle` is no shadow.
    """
    if before is None or bundle not in before.shadows:
        raise Mistake(
            f"{bundle[:12]} is not a shadow{_at(before)}{_shadows_there(before)}; to let it serve, `andon assign` it"
        )
    others = tuple(each for each in _free_shadows(before) if each != bundle)
    shadows = (before.bundle, *others) if probation else others
    return before.model_copy(
        update={"bundle": bundle, "past": _past(before), "shadows": shadows, "state": "serving"}
        | {"promotion": None, "probation": probation, "by": by, "why": why, "at": at}
    )


def confirmed(before: Assignment | None, *, by: str, why: str, at: datetime) -> Assignment:
    """The probation is over: the bundle it took over from is no shadow any more. Raises Mistake where none lasts."""
    if before is None or before.probation is None:
        raise Mistake(f"no probation lasts{_at(before)}")
    shadows = _free_shadows(before)
    return before.model_copy(update=_no_trial() | {"shadows": shadows, "by": by, "why": why, "at": at})


def expect(before: Assignment | None, bundle: str) -> None:
    """Raises Mistake unless `bundle` is the one that is active: somebody else was quicker."""
    if before is None:
        raise Mistake(f"you expected {bundle[:12]} to be active, but nothing is assigned there")
    if before.bundle != bundle:
        raise Mistake(
            f"{named(before)}: you expected {bundle[:12]} to be active, but it is {before.bundle[:12]}"
            f"{_signed(before)}; look again, then say so with --expect {before.bundle[:12]}"
        )


def named(assignment: Assignment) -> str:
    """The station, and the product if the assignment is for one only, as people read them."""
    station = "every station" if assignment.station == EVERY else assignment.station
    return f"{station}, product {assignment.product}" if assignment.product else station


def _past(before: Assignment) -> tuple[Past, ...]:
    """`past` with `before` on top; a bundle never twice in a row."""
    left = Past(bundle=before.bundle, by=before.by, why=before.why, at=before.at)
    return (left, *_earlier(before))[:MOST_PAST]


def _earlier(before: Assignment) -> tuple[Past, ...]:
    """`past` from the first bundle on that is not the active one."""
    past = before.past
    while past and past[0].bundle == before.bundle:
        past = past[1:]
    return past


def _free_shadows(before: Assignment) -> tuple[str, ...]:
    """The shadows, but for the one that is there for the probation."""
    return before.shadows[1:] if before.probation else before.shadows


def _no_trial() -> dict[str, Any]:
    return {"promotion": None, "probation": None}


def _at(before: Assignment | None) -> str:
    return f" at {named(before)}" if before else ": nothing is assigned"


def _shadows_there(before: Assignment | None) -> str:
    if before is None:
        return ""
    return f", where the shadows are {', '.join(each[:12] for each in before.shadows) or 'none'}"


def _signed(before: Assignment) -> str:
    who = f" by {before.by}" if before.by else ""
    return f" (assigned{who} at {before.at:%Y-%m-%d %H:%M} UTC)"
