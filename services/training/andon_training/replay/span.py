"""A stretch of time as people give it: `2h` ago, or a moment in ISO 8601."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.errors import Mistake

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
MOST_AGO = timedelta(days=3650)
NEARLY_ALL = timedelta(minutes=1)  # less than that is not worth a word


@dataclass(frozen=True)
class Span:
    """From `start` to `stop`, by when records were written to Kafka. Both aware."""

    start: datetime
    stop: datetime

    def __str__(self) -> str:
        return f"{told(self.start)} to {told(self.stop)}"


def span(since: str, until: str | None, now: datetime) -> Span:
    """The stretch that `--from` and `--to` name. Raises Mistake for what names no time, or none that is past."""
    found = Span(moment(since, "--from", now), now if until is None else moment(until, "--to", now))
    if found.start >= found.stop:
        raise Mistake(f"--from {since} is not before --to {until or 'now'}: {found}; nothing lies between them")
    return found


def moment(text: str, option: str, now: datetime) -> datetime:
    """`2h` before `now`, or an ISO 8601 moment; one without a time zone is in this machine's."""
    ago = AGO.fullmatch(text.strip())
    if ago is not None:
        back = timedelta(**{UNITS[ago[2]]: min(float(ago[1]), MOST_AGO.total_seconds())})
        return now - min(back, MOST_AGO)
    try:
        at = datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise Mistake(
            f"{option} {text[:40]!r}: say how long ago (90s, 10m, 2h, 3d) or when (2026-03-02T14:00)"
        ) from None
    if at > now:
        raise Mistake(f"{option} {text[:40]}: lies ahead; Kafka holds what was")
    return at


def told(at: datetime) -> str:
    """A moment for people, in this machine's time zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def lasting(time: timedelta) -> str:
    """A length of time for people: seconds, minutes, hours or days."""
    seconds = time.total_seconds()
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
