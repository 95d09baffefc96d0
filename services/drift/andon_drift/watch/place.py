"""What is remembered of one place: a station making one product with one bundle, or its sensors."""

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from andon.charts import Alarm, Charts
from andon.records import Cause, Chart, Drift, DriftCause
from andon_drift.naming import History
from andon_drift.numbers import Scale
from andon_drift.sensors import Sensors
from andon_drift.watch.collecting import Change, Collected
from andon_drift.watch.recent import Recent
from andon_drift.watch.rows import Row

PACE = 0.02
"""The weight of a new block in the pace at which frames come."""
PlaceId = tuple[str | None, str]
"""Product and bundle."""


@dataclass(slots=True)
class Active:
    """An alarm whose number is not back yet, since `since`. It was raised when `block` blocks had been watched. `told`:
    a finding speaks of it."""

    alarm: Alarm
    since: datetime
    block: int
    told: bool = False


ChartId = tuple[str, Chart]


@dataclass(slots=True)
class Place:
    """One place. `pending` are the rows that are no block yet. Until `charts` run it is `collected`; they run against
    the reference whose last frame is `reference`, in frames that come `every`-th block. `waiting` counts the blocks
    until what alarmed is named. `away` is how many frames of the station lay elsewhere since its last one.

    `slept` is the text of charts whose reference is not at hand yet. `unsaved` is what the series in Redis does not
    know yet, `past` the text of the history while it is as it was written last; neither is remembered itself.
    """

    product: str | None
    bundle: str
    names: tuple[str, ...]
    collected: Collected
    recent: Recent
    history: History
    scale: Scale = field(default_factory=Scale)
    pending: list[Row] = field(default_factory=list)
    last: datetime | None = None
    period_s: float = 0.0
    charts: Charts | None = None
    reference: datetime | None = None
    every: int = 1
    relearned: datetime | None = None
    active: dict[ChartId, Active] = field(default_factory=dict)
    waiting: int = 0
    away: int = 0
    slept: str = ""
    past: str = ""
    unsaved: list[Change] = field(default_factory=list)

    @property
    def id(self) -> PlaceId:
        """Product and bundle."""
        return self.product, self.bundle

    @property
    def watching(self) -> bool:
        """Whether there is a reference that it is watched against."""
        return self.reference is not None

    @classmethod
    def new(cls, product: str | None, bundle: str, names: Sequence[str], collected: Collected) -> "Place":
        """Of which nothing is known."""
        names = tuple(names)
        return cls(product, bundle, names, collected, Recent(len(names)), History(names))

    def paced(self, interval_s: float) -> None:
        """One block's usual interval between frames, seconds, moves the pace a little."""
        if interval_s <= 0:
            return
        before = math.log(self.period_s or interval_s)
        self.period_s = math.exp(before + PACE * (math.log(interval_s) - before))


@dataclass(slots=True)
class Held:
    """An open finding of drift, or of a reject rate. `charts` of the places that it speaks of, which have not recovered
    yet. `alone` counts frames since none of them is known to be active, where it was read back from the topic or the
    charts began anew; None: they are known. `drift` is what it said, without histories."""

    finding: UUID
    since: datetime
    product: str | None = None
    bundle: str | None = None
    charts: set[tuple[PlaceId, str, Chart]] = field(default_factory=set)
    alone: int | None = None
    drift: Drift | None = None


HeldId = tuple[Cause, DriftCause | None]


@dataclass(slots=True)
class Watched:
    """What is remembered of the drift of a station: its places, the one seen last at the end; its open findings, and
    the last of each that ended; how many frames its charts still rest; its sensors, where it has some."""

    places: dict[PlaceId, Place] = field(default_factory=dict)
    held: dict[HeldId, Held] = field(default_factory=dict)
    over: dict[HeldId, UUID] = field(default_factory=dict)
    resting: int = 0
    elsewhere: int = 0
    sensors: Sensors | None = None


def write_place(place: Place) -> str:
    """The text that Redis keeps."""
    place.past = place.past or _base64(place.history.dump())
    kept: dict[str, Any] = {
        "product": place.product,
        "bundle": place.bundle,
        "names": place.names,
        "scale": asdict(place.scale),
        "pending": [_row(row) for row in place.pending],
        "last": _time(place.last),
        "period_s": place.period_s,
        "reference": _time(place.reference),
        "every": place.every,
        "relearned": _time(place.relearned),
        "away": place.away,
        "recent": place.recent.dump(),
        "history": place.past,
    }
    if not place.watching:
        kept["collected"] = asdict(place.collected)
        kept["collected"] |= {"since": _time(place.collected.since), "until": _time(place.collected.until)}
        kept["collected"]["anchor"] = [None if math.isnan(each) else each for each in place.collected.anchor]
    else:
        kept["charts"] = _base64(place.charts.dump()) if place.charts else place.slept
        kept["active"] = [_active(each) for each in place.active.values()]
        kept["waiting"] = place.waiting
    return json.dumps(kept, separators=(",", ":"))


def read_place(text: str) -> Place:
    """The place in `text`; its charts sleep until their reference is at hand."""
    kept = json.loads(text)
    names = tuple(kept["names"])
    collected = _read_collected(kept["collected"]) if "collected" in kept else Collected(0)
    place = Place.new(kept["product"], kept["bundle"], names, collected)
    place.scale = Scale(**kept["scale"])
    place.pending = [_read_row(each) for each in kept["pending"]]
    place.last, place.relearned = _read_time(kept["last"]), _read_time(kept["relearned"])
    place.period_s, place.away, place.every = kept["period_s"], kept["away"], kept["every"]
    place.recent = Recent.load(len(names), kept["recent"])
    place.history = History.load(names, base64.b64decode(kept["history"]))
    place.past = kept["history"]
    place.reference = _read_time(kept["reference"])
    if place.watching:
        place.slept, place.waiting = kept["charts"], kept["waiting"]
        place.active = dict(map(_read_active, kept["active"]))
    return place


def _read_collected(kept: dict[str, Any]) -> Collected:
    anchor = [math.nan if each is None else each for each in kept["anchor"]]
    times = {name: _read_time(kept[name]) for name in ("since", "until")}
    return Collected(**kept | times | {"anchor": anchor})


def _row(row: Row) -> list[Any]:
    values = base64.b64encode(np.array(row.values, "<f8").tobytes()).decode()
    return [row.at.isoformat(), values, int(row.anomalous), row.embedding, row.peak]


def _read_row(kept: list[Any]) -> Row:
    at, values, anomalous, embedding, peak = kept
    numbers = tuple(np.frombuffer(base64.b64decode(values), "<f8").tolist())
    return Row(datetime.fromisoformat(at), numbers, bool(anomalous), embedding, peak)


def _active(active: Active) -> list[Any]:
    alarm = active.alarm
    numbers = [alarm.name, alarm.chart.value, float(alarm.statistic), float(alarm.limit), alarm.up, int(alarm.frames)]
    return [*numbers, active.since.isoformat(), active.block, active.told]


def _read_active(kept: list[Any]) -> tuple[ChartId, Active]:
    name, chart, statistic, limit, up, frames, since, block, told = kept
    alarm = Alarm(name=name, chart=Chart(chart), statistic=statistic, limit=limit, up=up, frames=frames)
    return (name, alarm.chart), Active(alarm, datetime.fromisoformat(since), block, told)


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _read_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
