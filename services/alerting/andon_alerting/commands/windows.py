"""Maintenance windows of a line file: which are on now, and when each comes next."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.incidents.when import spoken, stamp

if TYPE_CHECKING:
    from andon.line.line import Line
    from andon.line.windows import MaintenanceWindow

OTHERS = "every other station"
MOST_NAMES = 4


@dataclass
class Maintenance:
    """One window and those it is for. `begins` None: it is on now."""

    words: str
    begins: datetime | None
    ends: datetime
    stations: list[str] = field(default_factory=list)

    @property
    def who(self) -> str:
        """The stations, for people."""
        more = f" and {len(self.stations) - MOST_NAMES} more" if len(self.stations) > MOST_NAMES else ""
        return ", ".join(self.stations[:MOST_NAMES]) + more

    def when(self, now: datetime) -> str:
        """`on now`, or how soon."""
        return "on now" if self.begins is None else f"{stamp(self.begins)}, in {spoken(self.begins - now)}"

    @property
    def record(self) -> dict[str, Any]:
        """As --json tells it."""
        begins = self.begins.isoformat() if self.begins else None
        return {
            "stations": self.stations,
            "window": self.words,
            "on": self.begins is None,
            "begins": begins,
            "ends": self.ends.isoformat(),
        }


def maintenance(path: Path | None, now: datetime) -> list[Maintenance]:
    """The windows of the line file at `path`: what is on, then what comes next. Raises Mistake for a wrong one."""
    if path is None:
        return []
    from andon.line.parse import bytes_of, parse

    found = windows_of(parse(bytes_of(path), str(path)), now)
    return sorted(found, key=lambda each: (each.begins is not None, each.begins or each.ends))


def windows_of(line: "Line", now: datetime) -> list[Maintenance]:
    """Each window once, with the stations and patterns it is for; those that never come again are left out."""
    from andon.line.windows import Dated, Weekly

    found: dict[MaintenanceWindow, Maintenance] = {}
    for name in (*line.names, OTHERS):
        for window in line.plan(name).maintenance:
            if isinstance(window, Weekly | Dated) and (times := _times(window, now)):
                found.setdefault(window, Maintenance(window.text, *times)).stations.append(name)
    return list(found.values())


def _times(window: "MaintenanceWindow", now: datetime) -> tuple[datetime | None, datetime] | None:
    """When it begins (None: it is on) and ends; None where it never comes again."""
    on = window.until(now)
    if on is not None:
        return None, on
    begins = _begins(window, now)
    ends = window.until(begins) if begins is not None else None
    return (begins, ends) if begins is not None and ends is not None else None


def _begins(window: "MaintenanceWindow", now: datetime) -> datetime | None:
    """Its next beginning after `now`, in UTC."""
    from andon.line.clocks import earliest
    from andon.line.windows import Dated

    if isinstance(window, Dated):
        begins = earliest(window.start, window.zone)
        return begins if begins > now else None
    today = now.astimezone(window.zone).date()
    days = [day for ahead in range(9) if (day := today + timedelta(days=ahead)).weekday() in window.days]
    starts = (earliest(datetime.combine(day, window.start), window.zone) for day in days)
    return next((each for each in starts if each > now), None)
