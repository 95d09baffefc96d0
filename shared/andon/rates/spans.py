"""The times that rates are told for, in whole quarter hours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from andon.line import Plan
from andon.line.shifts import LAST_DAY

QUARTER = timedelta(minutes=15)
ONE_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` until just before `until`: both aware, and the beginnings of quarter hours."""

    name: str
    since: datetime
    until: datetime


def quarter_of(at: datetime) -> datetime:
    """The beginning of its quarter hour, in UTC."""
    utc = at.astimezone(UTC)
    return utc.replace(minute=utc.minute - utc.minute % 15, second=0, microsecond=0)


def this_shift(plan: Plan, now: datetime) -> Span:
    """The shift that is on, whole."""
    shift = plan.shift_of(now)
    return Span(shift.name, shift.begins, shift.ends)


def last_day(now: datetime) -> Span:
    """The last 24 hours, and what more its first and last quarters hold."""
    return Span(LAST_DAY, quarter_of(now - ONE_DAY), quarter_of(now) + QUARTER)
