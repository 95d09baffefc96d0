"""What drift shows of a station besides its findings: how far it has learned, and every number against its limit.

One JSON text a station in Redis, under `drift_key`, written by `andon drift` every few seconds while frames come.
Whoever reads it may find it old (`updated`): then nothing came, or drift does not run.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from andon.records.baseline import SIGNALS
from andon.records.drift import Chart


class PlaceState(StrEnum):
    """How far a station, making one product with one bundle, is watched for drift."""

    NO_REFERENCE = "no_reference"  # no bundle serves it: there is nothing to learn from
    LEARNING = "learning"  # frames are collected; nothing is watched yet
    ACTIVE = "active"  # the reference is frozen and the charts run
    STALE = "stale"  # they run, but the reference is old, or frames come at quite another pace


class Shown(BaseModel):
    """A newer drift may add fields; a reader leaves them be."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ShownChart(Shown):
    """One chart of one number: its `statistic` against its `limit`, both in the chart's own measure. `active`: it has
    passed it, and the number is not back yet. `value` is the number's mean over the last frames, `usual` its mean in
    the reference, in `unit` (may be empty); both None where `name` is no single number: 'embedding', 'rejects',
    'places', 'together'.
    """

    name: str
    chart: Chart
    statistic: float
    limit: float
    active: bool = False
    value: float | None = None
    usual: float | None = None
    unit: str = ""


class ShownPlace(Shown):
    """The station making `product` with `bundle`, a digest; `bundle` is 'signals' for its sensors, None for no bundle.

    While it learns, `frames` of `wanted` are collected, over `seconds` of `wanted_s` of frames; both must be reached,
    and `ratio` is the lesser share, below 1 until the reference is frozen. Afterwards `frames` is what it was learned
    from, between `since` and `until`. `why` says for people what holds it up, or why it is stale. `resting`: a fault of
    the camera is open, so nothing is learned or watched until it is over. `false_alarm_days` is how many days lie on
    average between two false tickets. `last` is when its newest frame was taken; `period_s` the seconds between two.
    """

    product: str | None = None
    bundle: str | None = None
    state: PlaceState
    why: str = ""
    frames: int = 0
    wanted: int = 0
    seconds: float = 0.0
    wanted_s: float = 0.0
    ratio: float = 0.0
    since: datetime | None = None
    until: datetime | None = None
    last: datetime
    period_s: float | None = None
    resting: bool = False
    false_alarm_days: float | None = None
    charts: tuple[ShownChart, ...] = ()

    @property
    def sensors(self) -> bool:
        """Whether it is the place of the sensors, not of pictures."""
        return self.bundle == SIGNALS


class StationDrift(Shown):
    """All places of `station` that drift remembers, the one seen last first. `updated` is the time of the newest frame
    that this was computed from, or of the clock where none came."""

    station: str
    updated: datetime
    places: tuple[ShownPlace, ...] = ()


def drift_key(key_prefix: str, station: str) -> str:
    """Where in Redis it lies. `key_prefix` is ANDON_REDIS__KEY_PREFIX."""
    return f"{key_prefix}drift:places:{station}"


def write_station_drift(shown: StationDrift) -> str:
    """The JSON that Redis keeps."""
    return shown.model_dump_json(exclude_defaults=True)


def read_station_drift(text: Any) -> StationDrift | None:
    """What lies there; None where nothing does, or nothing that can be read."""
    if not text:
        return None
    try:
        return StationDrift.model_validate_json(text)
    except ValidationError:
        return None
