"""What drifted at a station: the cause by name, the numbers that moved, and where to look. Part of a finding."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from andon.records.score import Region

MOST_POINTS = 64
MOST_MOVED = 12


class DriftCause(StrEnum):
    """What changed slowly, or for good, although no single picture is at fault."""

    FOCUS = "focus"  # the picture became softer, or sharper
    EXPOSURE = "exposure"  # more or less light on the whole picture
    GLARE = "glare"  # more of the picture is white: a reflection
    NOISE = "noise"  # the sensor's noise: gain, heat
    COLOUR = "colour"  # the colours shifted against each other
    FRAMING = "framing"  # things stand elsewhere in the picture
    SPOT = "spot"  # something sits at one fixed place: dust, a drop
    PROCESS = "process"  # the scores moved, the pictures did not: the parts changed
    PRODUCT = "product"  # everything changed at once: this looks like another product
    SENSOR = "sensor"  # a reading beside the camera moved, the pictures did not
    UNNAMED = "unnamed"  # something moved, and no rule tells what it is


class Chart(StrEnum):
    """What watches a number."""

    CUSUM = "cusum"  # two-sided, on block means: a lasting step, soon
    EWMA = "ewma"  # of the raw scores of good frames: a slow trend
    WASSERSTEIN = "wasserstein"  # windows against the reference: spread and shape
    HOTELLING = "hotelling"  # T-squared of window means: many numbers together
    BERNOULLI = "bernoulli"  # CUSUM on the share of anomalous frames
    PLACES = "places"  # CUSUMs on where the map is highest: does it gather at one spot?


class Point(BaseModel):
    """One point of a number's history: a mean around `at`."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    at: datetime
    value: float


class Moved(BaseModel):
    """One number that moved: from `before` to `after`, in `unit` (may be empty); `sigmas` is that in standard
    deviations of the reference, signed. `statistic` of `chart` passed `limit`; all three None where it moved along
    without passing one. `since` is when it began to move, where that is told of this number alone: of sensor readings.
    `history` runs from before the change to now.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    name: str = Field(max_length=128)
    unit: str = Field("", max_length=32)
    before: float
    after: float
    sigmas: float
    chart: Chart | None = None
    statistic: float | None = None
    limit: float | None = None
    since: datetime | None = None
    history: tuple[Point, ...] = Field((), max_length=MOST_POINTS)


class Drift(BaseModel):
    """What drifted. `moved` are the numbers, the most telling one first; `sensors` the readings that moved with or
    before them; `rejects` the share of anomalous frames, where that rose too: then the drift does harm.

    `before` and `after` are frames of the finding's evidence: how it looked, and how it looks. `where` is the fixed
    spot, `right` and `down` how far things moved, in pixels of the original image. `false_alarm_days` is how long this
    station goes on average between two drift tickets when nothing changes. `retrain`: a retraining was asked for.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    named: DriftCause
    since: datetime
    moved: tuple[Moved, ...] = Field((), max_length=MOST_MOVED)
    sensors: tuple[Moved, ...] = Field((), max_length=MOST_MOVED)
    rejects: Moved | None = None
    before: UUID | None = None
    after: UUID | None = None
    where: Region | None = None
    right: float = 0.0
    down: float = 0.0
    false_alarm_days: float | None = None
    retrain: bool = False
