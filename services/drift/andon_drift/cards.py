"""What is remembered of a station, as texts by field: a hash in Redis holds them."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from andon.records import Cause, Chart, DriftCause
from andon_drift.drift import Card
from andon_drift.sensors import Sensors
from andon_drift.state import State
from andon_drift.watch.place import Held, HeldId, PlaceId, Watched, read_place, write_place

FAULTS, WATCHED, SENSORS, PLACE = "faults", "watched", "sensors", "place/"
Fields = dict[str, str | None]
"""By field; None: it is to go."""


def write_card(card: Card) -> Fields:
    """What is to be saved of `card`: all but the places that did not change."""
    watched = card.watched
    fields: Fields = {FAULTS: write_state(card.state), WATCHED: _write_watched(watched)}
    if watched.sensors is not None:
        fields[SENSORS] = watched.sensors.dump()
    for key in card.touched & watched.places.keys():
        fields[_field(key)] = write_place(watched.places[key])
    for key in card.saved - watched.places.keys():
        fields[_field(key)] = None
    return fields


def read_card(station: str, partition: int, fields: Mapping[str, str]) -> Card:
    """The card that was saved so; an empty one of no fields."""
    state = read_state(fields[FAULTS]) if FAULTS in fields else State(station)
    watched = Watched()
    if WATCHED in fields:
        watched = _read_watched(fields[WATCHED], fields)
    if SENSORS in fields:
        watched.sensors = Sensors.load(fields[SENSORS])
    return Card(station, partition, state, watched, saved=set(watched.places))


@cache
def _adapter() -> TypeAdapter[State]:
    return TypeAdapter(State)


def write_state(state: State) -> str:
    """The faults of a station as JSON."""
    return _adapter().dump_json(state, exclude_none=True).decode()


def read_state(text: str) -> State:
    """The state in `text`."""
    return _adapter().validate_json(text)


def _write_watched(watched: Watched) -> str:
    kept = {
        "places": [[*key, place.away] for key, place in watched.places.items()],
        "held": [_write_held(key, held) for key, held in watched.held.items()],
        "over": [[*_write_id(key), str(finding)] for key, finding in watched.over.items()],
        "resting": watched.resting,
        "elsewhere": watched.elsewhere,
    }
    return json.dumps(kept, separators=(",", ":"))


def _read_watched(text: str, fields: Mapping[str, str]) -> Watched:
    kept = json.loads(text)
    watched = Watched(resting=kept["resting"], elsewhere=kept["elsewhere"])
    for product, bundle, away in kept["places"]:
        key: PlaceId = product, bundle
        if _field(key) in fields:
            watched.places[key] = read_place(fields[_field(key)])
            watched.places[key].away = away
    watched.held = dict(_read_held(each) for each in kept["held"])
    watched.over = {_read_id(cause, named): UUID(finding) for cause, named, finding in kept["over"]}
    return watched


def _write_held(key: HeldId, held: Held) -> list[Any]:
    charts = sorted([*place, name, chart.value] for place, name, chart in held.charts)
    return [
        *_write_id(key),
        str(held.finding),
        held.since.isoformat(),
        held.product,
        held.bundle,
        charts,
        held.alone,
    ]


def _read_held(kept: list[Any]) -> tuple[HeldId, Held]:
    cause, named, finding, since, product, bundle, charts, alone = kept
    speaks_of = {((made, by), name, Chart(chart)) for made, by, name, chart in charts}
    held = Held(UUID(finding), datetime.fromisoformat(since), product, bundle, speaks_of, alone)
    return _read_id(cause, named), held


def _write_id(key: HeldId) -> list[str | None]:
    cause, named = key
    return [cause.value, named.value if named else None]


def _read_id(cause: str, named: str | None) -> HeldId:
    return Cause(cause), DriftCause(named) if named else None


def _field(key: PlaceId) -> str:
    product, bundle = key
    return f"{PLACE}{bundle}/{product or ''}"
