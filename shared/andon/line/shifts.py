"""Shifts: at which times of the day one crew follows another.

Each goes on until the next one begins, so together they are all of the time, and no moment belongs to two. They begin
at quarter hours: frames are counted by quarter hours of UTC, and the clocks of every time zone differ from UTC by
whole ones, so a shift's count is the sum of its quarters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from andon.errors import Mistake
from andon.line.clocks import earliest
from andon.line.found import shown

ALL_DAY = "day"
LAST_DAY = "24h"
"""What the last 24 hours are called, beside shifts: no shift may be."""

MOST_SHIFTS = 24
CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)
NAME = re.compile(r"[^\W_][\w .-]{0,31}")


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift of one day: from `begins` until just before `ends`, both aware, in UTC."""

    name: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Shifts:
    """When each begins on the clocks of `zone`, in the order of the day. Built in: one a day, from midnight on."""

    starts: tuple[tuple[time, str], ...] = ((time(), ALL_DAY),)
    zone: tzinfo = UTC

    def on(self, at: datetime) -> Shift:
        """The shift that is on at `at`, an aware time.

        A time that clocks show twice begins a shift at the first; one that they jump over begins it at the jump, and a
        shift that they jump over whole is left out that day.
        """
        today = at.astimezone(self.zone).date()
        days = (today - timedelta(days=1), today, today + timedelta(days=1))
        begun = [each for day in days for each in _begun(self, day)]
        now = max(place for place, (moment, _) in enumerate(begun) if moment <= at)
        moment, name = begun[now]
        return Shift(name, moment, begun[now + 1][0])


@lru_cache(maxsize=1024)
def _begun(shifts: Shifts, day: date) -> tuple[tuple[datetime, str], ...]:
    """When the shifts of a day begin, in UTC."""
    return tuple((earliest(datetime.combine(day, start), shifts.zone), name) for start, name in shifts.starts)


def shifts(given: Mapping[str, time], zone: tzinfo | None) -> Shifts:
    """The shifts that a line file gives by name; without any, the one that is built in."""
    starts = tuple(sorted((start, name) for name, start in given.items()))
    return Shifts(starts or ((time(), ALL_DAY),), zone or UTC)


def begins(text: str) -> time:
    """When a shift begins, of "06:00". Raises Mistake."""
    found = CLOCK.fullmatch(text.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise Mistake(f"'{shown(text)}': say when it begins, such as '06:00'; it goes on until the next one begins")
    hour, minute = int(found[1]), int(found[2])
    if minute % 15:
        near = f"{hour:02}:{minute - minute % 15:02}"
        raise Mistake(f"'{shown(text)}': frames are counted by quarter hours, so a shift begins at one; try '{near}'")
    return time(hour, minute)


def named(text: str) -> str:
    """What a shift may be called: a metric's label and people show it. Raises Mistake."""
    if text == LAST_DAY:
        raise Mistake(f"'{LAST_DAY}': is what the last 24 hours are called; call the shift otherwise")
    if NAME.fullmatch(text) is None:
        raise Mistake(f"'{shown(text)}': a shift is called by 1 to 32 letters, digits, spaces, '-', '.' and '_'")
    return text


def each_begins_once(given: dict[str, time]) -> dict[str, time]:
    """`given`, where each begins at a time of its own. Raises ValueError."""
    if len(given) > MOST_SHIFTS:
        raise ValueError(f"{len(given)} shifts; {MOST_SHIFTS} a day are the most")
    first: dict[time, str] = {}
    for name, start in given.items():
        if other := first.get(start):
            raise ValueError(f"'{other}' and '{name}' both begin at {start:%H:%M}; each needs a time of its own")
        first[start] = name
    return given
