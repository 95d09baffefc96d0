"""A station's lamp: which colour, in which word, and what people have said of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from andon.incidents.chronicle import Incident
from andon.records import Cause, Score, Severity, Verdict

SILENT_S = 30.0  # where the line file lets a station be silent for ever


class Colour(StrEnum):
    """The worst first."""

    RED = "red"  # a critical incident is open
    AMBER = "amber"  # an incident is open that somebody should see today
    GREY = "grey"  # nothing comes, or what comes is not judged: nobody knows how the parts are
    GREEN = "green"  # frames come and are judged


class Flag(StrEnum):
    """What else people should know of a lamp."""

    ACKNOWLEDGED = "acknowledged"  # somebody has taken on all that is open
    SILENCED = "silenced"  # nobody is called about it now
    LEARNING = "learning"  # its bundle was fitted by Andon itself to the station's first frames


@dataclass(frozen=True, slots=True)
class Lamp:
    """`word` says why it has its colour, for people who tell no colours apart."""

    colour: Colour
    word: str
    flags: tuple[Flag, ...] = ()


_LIT = {Severity.CRITICAL: Colour.RED, Severity.WARNING: Colour.AMBER}
RANK = {colour: rank for rank, colour in enumerate(Colour)}


def lamp(
    incidents: Sequence[Incident],
    last: Score | None,
    now: datetime,
    silent_s: float | None = None,
    *,
    silenced: bool = False,
    learning: bool = False,
) -> Lamp:
    """The lamp of a station with these open incidents, the worst first, and this last scored frame.

    Drills light nothing, nor does what is only to be known (severity info). `silent_s`: for how long a station may
    send nothing, by its plan; None: SILENT_S.
    """
    lit = [each for each in incidents if each.resolved is None and not each.last.drill and each.last.severity in _LIT]
    flags = _flags(lit, silenced=silenced, learning=learning)
    if lit:
        worst = min(lit, key=lambda each: RANK[_LIT[each.last.severity]])
        return Lamp(_LIT[worst.last.severity], _word(worst), flags)
    return Lamp(*_of_frames(last, now, SILENT_S if silent_s is None else silent_s), flags)


def _word(incident: Incident) -> str:
    """Its cause; of a drift what drifted: `drift: focus`."""
    cause = incident.last.cause
    drift = next((each.drift for each in reversed(incident.turns) if each.drift), None)
    return f"drift: {drift.named}" if drift is not None and cause is Cause.DRIFT else cause.replace("_", " ")


def _flags(lit: Sequence[Incident], *, silenced: bool, learning: bool) -> tuple[Flag, ...]:
    said = {
        Flag.ACKNOWLEDGED: bool(lit) and all(each.taken for each in lit),
        Flag.SILENCED: silenced,
        Flag.LEARNING: learning,
    }
    return tuple(flag for flag, holds in said.items() if holds)


def _of_frames(last: Score | None, now: datetime, silent_s: float) -> tuple[Colour, str]:
    """Of a station where no incident is open."""
    if last is None:
        return Colour.GREY, "no frame"
    if (now - last.scored_at).total_seconds() > silent_s:
        return Colour.GREY, "silent"
    if (now - last.captured_at).total_seconds() > silent_s:
        return Colour.GREY, "behind"
    if last.verdict is Verdict.UNSCORABLE:
        return Colour.GREY, last.unscorable.replace("_", " ") if last.unscorable else "unscorable"
    return Colour.GREEN, "called" if last.verdict is Verdict.ANOMALOUS else "ok"
