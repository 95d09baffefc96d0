"""What is pushed to /signals/STATION: one reading as JSON, or a list of some."""

from datetime import datetime
from typing import Any

from andon.errors import Invalid
from andon.reasons import Reason
from andon_ingest.signals.inbox import Pushed
from andon_ingest.signals.lenient import Parsed, parse, parse_json

MOST_BYTES = 1024 * 1024
MOST = 1000
"""Readings in one request."""


def pushed(station: str, data: bytes, now: datetime) -> Pushed:
    """The readings in a request's body. One that comes alone and without a time is of `now`; two of them cannot be of
    the same moment. Raises Invalid, with the place of the reading.
    """
    given = parse_json(data)
    if len(given) > MOST:
        raise Invalid(Reason.TOO_LARGE, f"{len(given)} readings in one request; send at most {MOST}")
    alone = now if len(given) == 1 else None
    return Pushed(tuple(_parsed(each, station, place, alone) for place, each in enumerate(given, 1)))


def _parsed(given: dict[str, Any], station: str, place: int, now: datetime | None) -> Parsed:
    try:
        return parse(given, station, now=now)
    except Invalid as invalid:
        raise Invalid(invalid.reason, f"reading {place}: {invalid.detail}") from None
