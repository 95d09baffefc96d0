"""YAML to plain data, with the place of everything in it. Knows YAML, and nothing of lines or stations.

Every scalar is the text that stands there: `no`, `012` and `12:30` mean what they say, not what YAML 1.1 makes of
them. Anchors, aliases, merge keys and tags are refused, so a small file is never a large one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import yaml

from andon.errors import Mistake
from andon.line.found import MOST_TOLD, Found, LineMistake, Place, shown
from andon.line.secrets import secret_in

MAX_BYTES = 1024 * 1024  # what a Kubernetes ConfigMap may hold
MAX_DEPTH = 8
MAX_TEXT = 1000
MAX_NAME = 200
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ODD = yaml.reader.Reader.NON_PRINTABLE
TABBED = re.compile(r"^( *)\t", re.MULTILINE)
BEGAN, ENDED = "context_mark", "problem_mark"
PLAIN_WORDS = (
    (r"Unicode|escape", BEGAN, "a backslash before what it cannot stand before; use single quotes for plain text"),
    (r"mapping values are not", ENDED, "a ':' where none can be: the line above lacks one, or this text needs quotes"),
    (r"expected ':'", BEGAN, "this line needs a ':' after its name, or belongs one level deeper"),
    (r"expected key|<block end>|block mapping", ENDED, "indented otherwise than the lines around it"),
    (r"end of stream|',' or|quoted scalar|node content", BEGAN, "a quote or a bracket is opened and never closed"),
    (r"alias|anchor", BEGAN, "a name that begins with '*' or '&' has to stand in quotes, such as '*-cam'"),
    (r"cannot start any token", ENDED, "no text begins with this character; put it in quotes"),
)
"""What the parser says, which of its places is the one to look at, and what a person would say."""

Path = tuple[str | int, ...]
"""Names and positions that lead to something, from the top."""


@dataclass
class Reading:
    """What was read: None, text, dicts and lists of them. `keys` and `values` say where what stands; what is in `empty`
    is a name with nothing after it."""

    data: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    empty: set[Path] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)

    def place(self, path: Path) -> Place:
        """Where the value at `path` stands, or what is nearest above it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))


def read(data: bytes, name: str) -> Reading:
    """The file `name` holds `data`. Raises LineMistake where it is no YAML that could be a line file; smaller
    mistakes are in `found`."""
    text = _text(data, name)
    reading = Reading()
    tabs = [
        Found(_at(text, each.end(1)), "a tab; YAML indents by spaces")
        for each in islice(TABBED.finditer(text), MOST_TOLD)
    ]
    if tabs:
        raise LineMistake(name, tabs)
    try:
        _Builder(reading, yaml.parse(text, Loader=LOADER)).build()
    except yaml.YAMLError as error:
        raise LineMistake(name, [_broken(error)]) from None
    except _Stop as stop:
        raise LineMistake(name, [*reading.found, stop.found]) from None
    if not isinstance(reading.data, dict):
        raise LineMistake(name, [Found(Place(1, 1), "says nothing; a line file begins with names such as 'stations:'")])
    return reading


def _text(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise Mistake(f"{name}: is larger than 1 MiB, which is more than any line needs or a ConfigMap holds")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _at(data[: error.start].decode("utf-8", "replace"), None)
        raise LineMistake(name, [Found(place, "not UTF-8; save the file in that encoding")]) from None
    if odd := ODD.search(text):
        raise LineMistake(name, [Found(_at(text, odd.start()), f"a character that cannot be shown, {odd[0]!r}")])
    return text


class _Stop(Exception):
    """Reading on would tell nothing more."""

    def __init__(self, found: Found) -> None:
        super().__init__(found.text)
        self.found = found


class _Builder:
    """Builds data from the parser's events. Recursion is bounded by MAX_DEPTH."""

    def __init__(self, reading: Reading, events: Iterator[yaml.Event]) -> None:
        self._reading = reading
        self._events = events

    def build(self) -> None:
        """Fills the reading with the one document there is."""
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.DocumentStartEvent):
            self._reading.data = self._value((), next(self._events))
            next(self._events)  # the document ends
            more = next(self._events)
            if isinstance(more, yaml.DocumentStartEvent):
                raise _Stop(Found(_mark(more.start_mark), "a second document; a line file holds one"))

    def _value(self, path: Path, event: yaml.Event) -> Any:
        place = self._reading.values[path] = _mark(event.start_mark)
        self._refuse_cleverness(event, place)
        if len(path) > MAX_DEPTH:
            raise _Stop(Found(place, f"more than {MAX_DEPTH} levels deep; nothing of a line lies there"))
        match event:
            case yaml.ScalarEvent():
                return self._scalar(path, event, place)
            case yaml.MappingStartEvent():
                return self._mapping(path)
            case _:
                return self._sequence(path)

    def _scalar(self, path: Path, event: yaml.ScalarEvent, place: Place) -> str | None:
        text = _fit(event.value, place, MAX_TEXT)
        if secret := secret_in(text):
            self._reading.found.append(Found(place, secret))
        if text or event.style:
            return text
        self._reading.empty.add(path)
        return None

    def _mapping(self, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            place = _mark(event.start_mark)
            key = self._key(event, place)
            below = (*path, key)
            if below in self._reading.keys:
                first = self._reading.keys[below]
                self._reading.found.append(
                    Found(place, f"'{shown(key)}' stands here twice, first in line {first.line}")
                )
                below = (*path, f"{key} (line {place.line})")
            self._reading.keys[below] = place
            value = self._value(below, next(self._events))
            if below[-1] == key:
                made[key] = value
        return made

    def _key(self, event: yaml.Event, place: Place) -> str:
        self._refuse_cleverness(event, place)
        if not isinstance(event, yaml.ScalarEvent):
            raise _Stop(Found(place, "a name is a word, not a list or a mapping"))
        if event.value == "<<":
            raise _Stop(Found(place, "'<<' is refused; what stations share stands under 'defaults' or a pattern"))
        return _fit(event.value, place, MAX_NAME)

    def _sequence(self, path: Path) -> list[Any]:
        made: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            made.append(self._value((*path, len(made)), event))
        return made

    def _refuse_cleverness(self, event: yaml.Event, place: Place) -> None:
        anchor, tag = (str(getattr(event, name, None) or "")[:60] for name in ("anchor", "tag"))
        if isinstance(event, yaml.AliasEvent):
            raise _Stop(Found(place, f"an alias, '*{anchor}'; write it out; a name that begins with '*' is quoted"))
        if anchor:
            raise _Stop(Found(place, f"an anchor, '&{anchor}'; 'defaults' and patterns say what stations share"))
        if tag:
            raise _Stop(Found(place, f"a tag, '{tag}'; everything here is text"))


def _fit(text: str, place: Place, most: int) -> str:
    """`text`, which is short enough, and which no escape has given characters that no file could hold."""
    if len(text) > most:
        raise _Stop(Found(place, f"{len(text)} characters; {most} are the most"))
    if odd := ODD.search(text):
        raise _Stop(Found(place, f"a character that cannot be shown, {odd[0]!r}"))
    return text


def _mark(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _at(text: str, position: int | None) -> Place:
    """Where `position` of `text` is; None: its end."""
    before = text[:position]
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _broken(error: yaml.YAMLError) -> Found:
    """What the parser found, in words of people who do not write parsers."""
    problem, context = getattr(error, "problem", error), getattr(error, "context", "")
    fits = (each for each in PLAIN_WORDS if re.search(each[0], f"{problem} {context}"))
    _, which, words = next(fits, ("", ENDED, f"no YAML: {problem}"))
    marks = (getattr(error, name, None) for name in (which, BEGAN, ENDED))
    return Found(_mark(next(filter(None, marks), None)), words)
