"""Readings as machines write them become readings as Andon keeps them: names in snake case, numbers that are finite."""

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records.reading import Reading
from andon_ingest.signals.names import snake
from andon_ingest.signals.times import read_time

_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d|^[\d.,]+)$")  # Unix time needs none
SHAPE = '{"at": "2026-11-22T14:02:07Z", "values": {"spindle_temperature": 341.2}}'


@dataclass(frozen=True, slots=True)
class Parsed:
    """A reading, and how many of its numbers were left out because they were none, or not finite."""

    reading: Reading
    left_out: int = 0


def parse_json(text: str | bytes) -> list[dict[str, Any]]:
    """One reading or a list of them. Raises Invalid(BAD_RECORD), with the place."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Invalid(Reason.BAD_RECORD, f"no JSON ({where}: {error.msg}); send {SHAPE}") from None
    except (ValueError, RecursionError):  # not UTF-8, a number of thousands of digits, thousands of brackets
        raise Invalid(Reason.BAD_RECORD, f"no JSON that can be read; send {SHAPE}") from None
    readings = found if isinstance(found, list) else [found]
    if not readings or not all(isinstance(each, dict) for each in readings):
        raise Invalid(Reason.BAD_RECORD, f"no reading, and no list of some; send {SHAPE}")
    return readings


def parse(given: dict[str, Any], station: str, source: str = "", now: datetime | None = None) -> Parsed:
    """The reading that `given` holds. `station` and `source` are taken where it names none, and `now` for its time.

    Raises Invalid: BAD_RECORD, or BAD_STATION where it names another station.
    """
    if given.get("station", station) != station:
        raise Invalid(Reason.BAD_STATION, f"the reading is of station {given['station']!r}, not of {station!r}")
    numbers = _mapping(given, "values")
    values = {snake(name): value for name, value in numbers.items() if finite(value)}
    if not values:
        raise Invalid(Reason.BAD_RECORD, f"values holds no finite number; send {SHAPE}")
    units = {snake(name): str(unit) for name, unit in (_mapping(given, "units") if "units" in given else {}).items()}
    at = _time(given.get("at"), now)
    reading = make(station, str(given.get("source") or source), at, values, units)
    return Parsed(reading, len(numbers) - len(values))


def make(station: str, source: str, at: datetime, values: dict[str, float], units: dict[str, str]) -> Reading:
    """A reading, its units only of what it holds. Raises Invalid(BAD_RECORD), in words."""
    units = {name: unit for name, unit in units.items() if name in values and unit}
    try:
        return Reading(station=station, source=source, at=at, values=values, units=units)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(Reason.BAD_RECORD, f"{where}: {first['msg']}"[:300]) from None


def finite(value: object) -> bool:
    """Whether it is a number that can be kept. A switch is one, too: 0 or 1."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False


def _mapping(given: dict[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name)
    if not isinstance(found, dict):
        raise Invalid(Reason.BAD_RECORD, f"{name} must be names and numbers; send {SHAPE}")
    return found


def _time(given: object, now: datetime | None) -> datetime:
    if given is None and now is not None:
        return now
    at = read_time(str(given))
    if isinstance(given, str) and not _ZONE.search(given):
        raise Invalid(Reason.BAD_RECORD, f"at {given[:40]!r} needs a time zone; write it as 2026-11-22T14:02:07Z")
    return at
