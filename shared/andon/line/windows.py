"""Maintenance windows: "Sundays 06:00 to 10:00", "Fridays 22:00 to Mondays 05:00", "2026-12-24 to 2026-12-26".

Times are those that clocks on the wall show in the window's time zone. Where daylight saving skips a time, the moment
of the jump stands for it; where it brings a time twice, a window begins at the first and ends at the second.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from andon.errors import Mistake
from andon.line.clocks import earliest, latest
from andon.line.found import shown
from andon.line.sentences import plain

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
GROUPS = {
    "every day": range(7),
    "daily": range(7),
    "weekdays": range(5),
    "weekends": range(5, 7),
}
CLOCK = r"(\d{1,2}:\d\d)"
DATE = r"(20\d\d-\d\d-\d\d)"
ALL_DAY = re.compile(r"(.+?) all day")
HOURS = re.compile(rf"(.+?) {CLOCK} to {CLOCK}", re.ASCII)
SPAN = re.compile(rf"(\w+) {CLOCK} to (\w+) {CLOCK}", re.ASCII)
MOMENTS = re.compile(rf"{DATE} {CLOCK} to (?:{DATE} )?{CLOCK}", re.ASCII)
DATES = re.compile(rf"{DATE}(?: to {DATE})?", re.ASCII)
HELP = (
    "say 'Sundays 06:00 to 10:00', 'every day 12:00 to 12:30', 'Fridays 22:00 to Mondays 05:00', "
    "'2026-12-24 00:00 to 2026-12-27 06:00' or '2026-12-24 to 2026-12-26'"
)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Weekly:
    """Begins on each of `days` (0 is Monday) at `start`, and ends `nights` days later at `end`."""

    text: str
    days: frozenset[int]
    start: time
    nights: int
    end: time
    zone: tzinfo = UTC

    def until(self, at: datetime) -> datetime | None:
        """When the window around `at` ends, in UTC; None where `at` lies in none."""
        today = at.astimezone(self.zone).date()
        ends = (end for begin, end in self._around(today) if begin <= at < end)
        return max(ends, default=None)

    @property
    def ever(self) -> bool:
        """Whether there is such a time at all."""
        return True

    def _around(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        for back in range(self.nights + 1):
            day = today - timedelta(days=back)
            if day.weekday() in self.days:
                last = datetime.combine(day + timedelta(days=self.nights), self.end)
                yield earliest(datetime.combine(day, self.start), self.zone), latest(last, self.zone)


@dataclass(frozen=True, slots=True)
class Dated:
    """Once, from `start` to `end` on the wall clock."""

    text: str
    start: datetime
    end: datetime
    zone: tzinfo = UTC

    def until(self, at: datetime) -> datetime | None:
        """When the window around `at` ends, in UTC; None where `at` lies in none."""
        end = latest(self.end, self.zone)
        return end if earliest(self.start, self.zone) <= at < end else None

    @property
    def ever(self) -> bool:
        """Whether there is such a time at all: daylight saving may skip it."""
        return earliest(self.start, self.zone) < latest(self.end, self.zone)


MaintenanceWindow = Weekly | Dated


def window(text: str) -> MaintenanceWindow:
    """The window that `text` names, in UTC until `in_zone` says otherwise. Raises Mistake."""
    said = plain(text)
    if found := MOMENTS.fullmatch(said):
        first = _day(found[1])
        return _dated(text, first, _time(found[2]), _day(found[3]) if found[3] else first, _time(found[4]))
    if found := DATES.fullmatch(said):
        return _dated(text, _day(found[1]), timedelta(), _day(found[2] or found[1]), ONE_DAY)
    if found := ALL_DAY.fullmatch(said):
        return Weekly(shown(text), _days(found[1], text), time(), 1, time())
    if (found := SPAN.fullmatch(said)) and found[1] not in GROUPS:
        return _span(text, _name(found[1], text), _time(found[2]), _name(found[3], text), _time(found[4]))
    if found := HOURS.fullmatch(said):
        return _hours(text, _days(found[1], text), _time(found[2]), _time(found[3]))
    raise Mistake(f"'{shown(text)}': {HELP}")


def in_zone(given: MaintenanceWindow, zone: tzinfo) -> MaintenanceWindow:
    """The same times on the clocks of `zone`."""
    return replace(given, zone=zone)


def _dated(text: str, first: date, start: timedelta, last: date, end: timedelta) -> Dated:
    begin, over = (datetime.combine(day, time()) + clock for day, clock in ((first, start), (last, end)))
    if over <= begin:
        raise Mistake(f"'{shown(text)}': ends before it begins, so it never is")
    return Dated(shown(text), begin, over)


def _hours(text: str, days: frozenset[int], start: timedelta, end: timedelta) -> Weekly:
    """An end before the start is on the next day."""
    if start == end:
        raise Mistake(f"'{shown(text)}': begins when it ends; say 'all day' where that is meant")
    later = end if end > start else end + ONE_DAY
    return Weekly(shown(text), days, _start(start), later // ONE_DAY, _clock(end))


def _span(text: str, first: int, start: timedelta, last: int, end: timedelta) -> Weekly:
    days = (last - first) % 7
    if days == 0 and end == start:
        raise Mistake(f"'{shown(text)}': begins when it ends, so it never is")
    later = timedelta(days=days if days or end > start else 7) + end
    return Weekly(shown(text), frozenset({first}), _start(start), later // ONE_DAY, _clock(end))


def _days(said: str, text: str) -> frozenset[int]:
    """Of "every day", "weekends", "Mondays to Fridays" or "Mondays, Wednesdays and Fridays"."""
    if said in GROUPS:
        return frozenset(GROUPS[said])
    if " to " in said:
        first, last = (_name(each, text) for each in said.split(" to ", 1))
        return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
    return frozenset(_name(each, text) for each in re.split(r", and |, ?| and ", said))


def _name(said: str, text: str) -> int:
    """Sunday, Sundays and Sun are the same day."""
    found = [number for number, day in enumerate(DAYS) if said in (day, f"{day}s", day[:3])]
    if not found:
        raise Mistake(f"'{shown(text)}': '{shown(said)}' is no day of the week; {HELP}")
    return found[0]


def _day(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise Mistake(f"'{said}': there is no such day") from None


def _time(said: str) -> timedelta:
    hours, minutes = (int(each) for each in said.split(":"))
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise Mistake(f"'{said}': a time lies between 00:00 and 24:00")
    return timedelta(hours=hours, minutes=minutes)


def _start(since_midnight: timedelta) -> time:
    if since_midnight == ONE_DAY:
        raise Mistake("'24:00': is an end; a window that begins at midnight begins at 00:00 of the next day")
    return _clock(since_midnight)


def _clock(since_midnight: timedelta) -> time:
    minutes = since_midnight % ONE_DAY // timedelta(minutes=1)
    return time(minutes // 60, minutes % 60)
