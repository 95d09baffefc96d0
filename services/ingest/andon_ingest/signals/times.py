"""When a reading was made, as people and machines write it down."""

import re
from datetime import UTC, datetime, tzinfo

from andon.errors import Invalid
from andon.reasons import Reason

_UNIX = re.compile(r"\d{9,19}([.,]\d+)?")
_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})[ T](.+)")
UNITS = (1e9, 1e6, 1e3, 1.0)  # of Unix time: nanoseconds, microseconds, milliseconds, seconds
YEAR_2001, YEAR_2100 = 1e9, 4.1e9  # Unix time in seconds


def read_time(text: str, zone: tzinfo = UTC) -> datetime:
    """ISO 8601, `2026-11-22 14:02:07`, `22.11.2026 14:02:07`, or Unix time in s, ms, us or ns. In `zone` where the
    text names none. Raises Invalid(BAD_RECORD).
    """
    text = text.strip()
    try:
        at = _unix(text) if _UNIX.fullmatch(text) else datetime.fromisoformat(_GERMAN.sub(_turned, text))
    except (ValueError, OverflowError):
        hint = "write it as 2026-11-22T14:02:07Z"
        raise Invalid(Reason.BAD_RECORD, f"{text[:40]!r} is no time; {hint}") from None
    return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)


def _unix(text: str) -> datetime:
    number = float(text.replace(",", "."))
    for unit in UNITS:
        if YEAR_2001 <= number / unit <= YEAR_2100:
            return datetime.fromtimestamp(number / unit, UTC)
    raise ValueError(text)


def _turned(found: re.Match[str]) -> str:
    day, month, year, rest = found.groups()
    return f"{year}-{int(month):02}-{int(day):02}T{rest}"
