"""What is wrong with a line file though each of its words is right: entries that no station gets, times that never are.

They are looked for in what was read, not in the model, so that they are told along with every wrong word.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import tzinfo
from fnmatch import translate
from typing import Any
from zoneinfo import ZoneInfo

from andon.errors import Mistake
from andon.line.found import Found, about
from andon.line.model import PATTERN
from andon.line.read import Path, Reading
from andon.line.windows import in_zone, window

MOST_PATTERNS = 500
WHICH_ZONE = "in which time zone? say at the top, such as 'time zone: Europe/Berlin'"


def doubts(reading: Reading) -> Iterator[Found]:
    """All of them."""
    stations = _table(reading.data.get("stations"))
    yield from _alike([name for name in stations if "*" not in name], reading)
    yield from _hidden([name for name in stations if "*" in name and PATTERN.fullmatch(name)], reading)
    zone = reading.data.get("time zone")
    yield from _shifts((), reading.data, zone, reading)
    yield from _times(("defaults",), reading.data.get("defaults"), zone, reading)
    for name, entry in stations.items():
        yield from _times(("stations", name), entry, zone, reading)


def _table(given: Any) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _alike(names: list[str], reading: Reading) -> Iterator[Found]:
    """Two names that people would take for one."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(_heard(name), name)
        if other != name:
            line = reading.keys["stations", other].line
            text = f"station '{name}': people will take it for '{other}' in line {line}; name one of them otherwise"
            yield Found(reading.keys["stations", name], text)


def _heard(name: str) -> str:
    """A name without what people do not hear: which sign stands between its words, and zeros before a number."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[._-]+", "-", name))


def _hidden(patterns: list[str], reading: Reading) -> Iterator[Found]:
    """A pattern all of whose stations an earlier one takes: only '*' of the earlier can meet '*' of the later."""
    if len(patterns) > MOST_PATTERNS:
        at = reading.keys["stations", patterns[MOST_PATTERNS]]
        yield Found(at, f"{len(patterns)} patterns; {MOST_PATTERNS} are the most")
        return
    earlier: dict[str, re.Pattern[str]] = {}
    for pattern in patterns:
        hiding = next((name for name, compiled in earlier.items() if compiled.match(pattern)), None)
        if hiding:
            line = reading.keys["stations", hiding].line
            text = f"station '{pattern}': '{hiding}' in line {line} takes all of its stations; put this one before it"
            yield Found(reading.keys["stations", pattern], text)
        earlier[pattern] = re.compile(translate(pattern))


def _times(path: Path, entry: Any, zone: str | None, reading: Reading) -> Iterator[Found]:
    yield from _windows(path, entry, zone, reading)
    yield from _shifts(path, entry, zone, reading)


def _windows(path: Path, entry: Any, zone: str | None, reading: Reading) -> Iterator[Found]:
    given, path = _table(entry).get("maintenance"), (*path, "maintenance")
    for place, text in enumerate(given if isinstance(given, list) else [given]):
        at = reading.place((*path, place))
        with suppress(Mistake):  # told by the model
            if isinstance(text, str) and not _ever(text, zone):
                yield Found(at, about(path, f"'{text}': the clocks jump over it, so it never is"))
            elif isinstance(text, str) and not zone:
                yield Found(at, about(path, WHICH_ZONE))


def _shifts(path: Path, entry: Any, zone: str | None, reading: Reading) -> Iterator[Found]:
    if _table(_table(entry).get("shifts")) and not zone:
        path = (*path, "shifts")
        yield Found(reading.keys[path], about(path, WHICH_ZONE))


def _ever(text: str, zone: str | None) -> bool:
    """Whether there is such a time. Raises Mistake for what is none."""
    found = window(text)
    with suppress(KeyError, ValueError, OSError):
        clocks: tzinfo | None = ZoneInfo(zone) if zone else None
        return clocks is None or in_zone(found, clocks).ever
    return True
