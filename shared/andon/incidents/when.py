"""Lengths of time and moments, as people type them and as they are told. Pure."""

import re
from datetime import UTC, datetime, timedelta

from andon.errors import Mistake

_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_LENGTH = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)\s*([a-z]+)", re.ASCII)
_LONGEST = timedelta(days=3650)


def length(text: str, what: str) -> timedelta:
    """`90s`, `20min`, `2h`, `1d`, `1h30min`. Raises Mistake for what is no length of time, or none at all."""
    parts = _LENGTH.findall(text.strip().lower())
    whole = "".join(number + unit for number, unit in parts) == re.sub(r"\s", "", text.lower())
    if not parts or not whole or any(unit not in _UNITS for _, unit in parts):
        raise Mistake(f"{what} {text[:40]!r}: say how long, such as 90s, 20min, 2h or 1d")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds <= 0:
        raise Mistake(f"{what} {text[:40]!r}: it would be over at once")
    return min(timedelta(seconds=seconds), _LONGEST)


def ahead(text: str, what: str, now: datetime) -> datetime:
    """A moment to come, ISO 8601; without a time zone it is this machine's. Raises Mistake."""
    at = _moment(text, f"{what} {text[:40]!r}: say when, such as 2026-11-23T06:00")
    if at <= now:
        raise Mistake(f"{what} {text[:40]}: that is past; it is {told(now)} now")
    return at


def past(text: str, what: str, now: datetime) -> datetime:
    """`8h` before now, or a moment in ISO 8601. Raises Mistake."""
    if _LENGTH.match(text.strip().lower()):
        return now - length(text, what)
    at = _moment(text, f"{what} {text[:40]!r}: say how long ago (90s, 20min, 8h, 3d) or when (2026-03-02T14:00)")
    if at > now:
        raise Mistake(f"{what} {text[:40]}: lies ahead; it is {told(now)} now")
    return at


def _moment(text: str, mistake: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Mistake(mistake) from None


def told(at: datetime) -> str:
    """A moment for people, to the minute: in UTC, as pages have it, and in this machine's zone where that differs."""
    here = at.astimezone()
    text = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return text if not here.utcoffset() else f"{text} ({here:%H:%M %Z})"


def stamp(at: datetime) -> str:
    """A moment in a table of UTC times."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def spoken(time: timedelta) -> str:
    """A length of time as people say it: 40 s, 12 min, 3 h 5 min, 2 d 4 h."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 2 * 86400:
        return _two(seconds // 3600, "h", seconds % 3600 // 60, "min")
    return _two(seconds // 86400, "d", seconds % 86400 // 3600, "h")


def _two(large: int, unit: str, small: int, below: str) -> str:
    return f"{large} {unit} {small} {below}" if small else f"{large} {unit}"
