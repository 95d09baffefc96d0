"""Keeping an incident's stations quiet for a while, as people choose it at the console. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from andon.errors import Mistake
from andon.incidents import Incident
from andon.incidents.when import length
from andon.line import Plan, Plans
from andon.line.shifts import Shifts
from andon.records import Silence
from andon.records.assignment import EVERY
from andon.silences import concerned, is_on, station_until

LONGEST = timedelta(days=7)
WITHOUT_SHIFTS = timedelta(hours=8)
CHOICES = ("30min", "2h", "shift", "own")


@dataclass(frozen=True, slots=True)
class Quiet:
    """How quiet it is about an incident. `targets` are whom a silence of it is about: its stations, or '*'. `on` are
    the silences that hold now, `until` when nobody is called until; `window`: maintenance alone keeps it so."""

    targets: tuple[str, ...]
    on: tuple[Silence, ...]
    until: datetime | None
    window: bool

    @property
    def stamp(self) -> str:
        """Another text whenever somebody has changed it, for a form to carry."""
        return ",".join(f"{each.target}@{each.since:%Y%m%dT%H%M%S%f}" for each in self.on)

    @property
    def is_everything(self) -> bool:
        """Whether a silence of it would be one of every station there is."""
        return self.targets == (EVERY,)

    @property
    def about(self) -> str:
        """Whom it is about, for people."""
        return "every station" if self.is_everything else ", ".join(self.targets)


def quiet(incident: Incident, of: Callable[[str], Silence | None], plans: Plans, now: datetime) -> Quiet:
    """How quiet it is about it now; `of` answers the last silence of a station or '*'."""
    targets = concerned(incident.last)
    held = {each: found for each in dict.fromkeys((*targets, EVERY)) if (found := of(each)) is not None}
    on = tuple(each for each in held.values() if is_on(each, now))
    ends = [station_until(each, held, plans, now) for each in targets]
    until = min((each for each in ends if each is not None), default=None) if None not in ends else None
    return Quiet(targets, on, until, window=until is not None and not on)


def shift_end(plan: Plan, now: datetime) -> tuple[str, datetime]:
    """What the shift that is on is called, and its end; '' and in 8 hours where the line file gives no shifts."""
    if plan.shifts.starts == Shifts().starts:
        return "", now + WITHOUT_SHIFTS
    shift = plan.shift_of(now)
    return shift.name, shift.ends


def ends_at(choice: str, own: str, plan: Plan, now: datetime) -> datetime:
    """When a silence of this choice ends. Raises Mistake for what is no choice, no length of time, or too long."""
    match choice:
        case "30min" | "2h":
            return now + length(choice, "the silence")
        case "shift":
            return shift_end(plan, now)[1]
        case "own":
            return now + _not_too_long(length(own, "the silence"))
    raise Mistake(f"{choice[:40]!r}: a silence lasts {', '.join(CHOICES[:-1])}, or a time of your own")


def silences(targets: Iterable[str], until: datetime, why: str, by: str, now: datetime) -> list[Silence]:
    """One for each target. Raises Mistake where nobody says why."""
    if not why:
        raise Mistake("say why it is to be quiet, for whoever looks tonight")
    return [Silence(target=each, since=now, until=until, why=why[:1000], by=by[:128]) for each in targets]


def ended(on: Iterable[Silence], by: str, now: datetime) -> list[Silence]:
    """The same silences, over now."""
    return [each.model_copy(update={"until": max(now, each.since), "by": by[:128]}) for each in on]


def spoken_until(at: datetime) -> str:
    """`14:00 UTC`, for the log."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _not_too_long(time: timedelta) -> timedelta:
    if time > LONGEST:
        raise Mistake(
            "more than 7 days: by then nobody remembers it. For what comes again, write a maintenance window into the "
            "line file; for longer, andon silence --long"
        )
    return time
