"""What a line file may say: names, and how the text of each becomes a value."""

import re
from collections.abc import Callable, Mapping
from datetime import time, tzinfo
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from andon.budget import parse_budget
from andon.errors import Invalid, Mistake
from andon.ids import DRILL, label, station_id
from andon.line import sentences
from andon.line.camera import Camera
from andon.line.found import shown
from andon.line.plan import Burst
from andon.line.sentences import Fields
from andon.line.shifts import begins, each_begins_once, named
from andon.line.windows import window
from andon.records import Cause, Severity
from andon.settings import Group

T = TypeVar("T")
MOST_WINDOWS = 100
ROUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PATTERN = re.compile(r"[a-z0-9*][a-z0-9*._-]{0,63}")


def said(parse: Callable[[str], T]) -> PlainValidator:
    """A value that is one text, which `parse` understands or raises Mistake."""
    return PlainValidator(lambda given: _understood(parse, given))


def _understood(parse: Callable[[str], T], given: object) -> T:
    if not isinstance(given, str):
        empty = given is None
        raise ValueError(  # noqa: TRY004  pydantic takes no TypeError
            "says nothing; write a text after it" if empty else "takes one text, nothing beneath"
        )
    try:
        return parse(given)
    except (Mistake, Invalid) as error:
        raise ValueError(getattr(error, "detail", str(error))) from None


def _name(text: str) -> str:
    """A word for people, that labels, topics and paths can hold too."""
    if not text.strip() or not text.isprintable() or len(text) > 64 or set(text) & set("/+#"):
        raise Mistake(f"'{shown(text)}': 1 to 64 characters, without '/', '+' and '#'")
    return text.strip()


def _route(text: str) -> str:
    if ROUTE.fullmatch(text) is None:
        raise Mistake(f"'{shown(text)}': a route is one word of letters, digits, '-', '.' and '_'")
    return text


def _zone(text: str) -> tzinfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        near = get_close_matches(text[:64], available_timezones(), n=1)
        raise Mistake(f"'{shown(text)}': is no time zone; try '{near[0] if near else 'Europe/Berlin'}'") from None


def _budget(text: str) -> float:
    try:
        return parse_budget(text)
    except Mistake as mistake:
        raise Mistake(str(mistake).removeprefix("budget ")) from None


def _product(text: str) -> str:
    return label(text, "product")


def _station(text: str) -> str:
    """A station's name, or a pattern with '*'."""
    if text.startswith(DRILL):
        raise ValueError(f"a drill copy has the plan of '{shown(text.removeprefix(DRILL))}'; it cannot have its own")
    if "*" not in text:
        return _understood(station_id, text)
    if PATTERN.fullmatch(text) is None:
        raise ValueError("a pattern may hold a-z, 0-9, '-', '.', '_' and '*' for any of them (at most 64)")
    return text


def _listed(given: object) -> object:
    """A list of products has no budgets of its own; an empty mapping says nothing."""
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        return dict.fromkeys(given)
    return given


def _windows(given: object) -> object:
    """A list of windows, one, or "never"."""
    if isinstance(given, str):
        return [] if sentences.plain(given) in sentences.NEVER else [given]
    return given


def _something(given: object) -> object:
    if given is None:
        raise ValueError("says nothing")
    return given


def _nothing_is_empty(given: object) -> object:
    return {} if given is None else given


Name = Annotated[str, said(_name)]
Budget = Annotated[float | None, said(_budget)]
ProductName = Annotated[str, said(_product)]
ProductBudget = Annotated[float | None, PlainValidator(lambda given: given and _understood(_budget, given))]
StationName = Annotated[str, AfterValidator(_station)]
OneWindow = Annotated[Any, said(window)]
ShiftWords = Annotated[
    dict[Annotated[str, said(named)], Annotated[time, said(begins)]],
    AfterValidator(each_begins_once),
    BeforeValidator(_something),
]


class PolicyWords(Group):
    """When a station's scores become an incident, each sentence some fields of a `Policy`."""

    open: Annotated[Fields, said(sentences.opens)] = Field({})
    at_once: Annotated[Fields, said(sentences.at_once)] = Field({}, alias="open at once")
    over: Annotated[Fields, said(sentences.over_after)] = Field({}, alias="over after")
    unscorable: Annotated[Fields, said(sentences.unscorable)] = Field({})
    silent: Annotated[Fields, said(sentences.silent_after)] = Field({}, alias="silent after")
    changeover: Annotated[Fields, said(sentences.after_changeover)] = Field({}, alias="after a changeover")

    @property
    def fields(self) -> dict[str, Any]:
        """Of a `Policy`, those that something was said of."""
        found = (self.open, self.at_once, self.over, self.unscorable, self.silent, self.changeover)
        return {name: value for each in found for name, value in each.items()}


class StationWords(Group):
    """What may be said of a station, of a pattern, or of all (`defaults`)."""

    site: Name = ""
    area: Name = ""
    line: Name = ""
    products: Annotated[Mapping[ProductName, ProductBudget], BeforeValidator(_listed)] = {}
    budget: Budget = None
    camera: Annotated[Camera | None, BeforeValidator(_something)] = None
    policy: Annotated[PolicyWords, BeforeValidator(_nothing_is_empty)] = PolicyWords()
    severity: Mapping[Annotated[Cause, said(sentences.cause)], Annotated[Severity, said(sentences.severity)]] = {}
    route: Annotated[str | None, said(_route)] = None
    heartbeat: Annotated[float | None, said(sentences.heartbeat)] = 300.0
    shifts: ShiftWords = Field({})
    maintenance: Annotated[tuple[OneWindow, ...], Field(max_length=MOST_WINDOWS), BeforeValidator(_windows)] = ()


class LineWords(Group):
    """A line file."""

    line: Name = ""
    site: Name = ""
    area: Name = ""
    zone: Annotated[tzinfo | None, said(_zone)] = Field(None, alias="time zone")
    shifts: ShiftWords = Field({})
    burst: Annotated[Burst, said(sentences.burst)] = Burst()
    defaults: Annotated[StationWords, BeforeValidator(_nothing_is_empty)] = StationWords()
    stations: Annotated[
        dict[StationName, Annotated[StationWords, BeforeValidator(_nothing_is_empty)]],
        BeforeValidator(_nothing_is_empty),
    ] = Field({})
