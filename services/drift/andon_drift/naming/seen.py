"""What is known of a place when one of its numbers has drifted: all of them, whether they alarmed or not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from andon.charts import Alarm
from andon.records.baseline import SIGNALS
from andon.records.drift import Moved, Point
from andon_drift.naming.gathering import Gathering


@dataclass(frozen=True, slots=True)
class Number:
    """One watched number: its usual value (`before`, the reference's mean) and its mean over the last frames
    (`after`), raw, in `unit`; NaN where it cannot be told any more.

    `sigmas` is the difference in standard deviations of one frame in the reference, signed. `mean_z` is the mean
    normal score of the last frames and `error` how far that strays from 0 by chance (one standard deviation).
    `least` is the least raw change that matters to anybody. `alarm` is the chart that passed its limit, if one did.
    """

    before: float
    after: float
    sigmas: float
    mean_z: float
    unit: str = ""
    least: float = 0.0
    error: float = 0.15
    alarm: Alarm | None = None
    history: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """A place whose number drifted, at `at`; the change began at `since`, as the chart that alarmed estimates it.

    `numbers` are all watched ones by the names of the reference (luminance, ..., right and down in pixels of the
    original `width` by `height`, score); of a place of sensors the readings. `embedding` is the alarm of T-squared, if
    there is one; `gathers` that of where the maps are highest. `rejects` is the share of anomalous frames, where it
    rose. `sensors` are readings that moved with it.
    `before_frame` and `after_frame` are frames of the evidence. `threshold` is the bundle's, of the raw score.
    `false_alarm_days` is how long the place goes between two false tickets.
    """

    station: str
    product: str | None
    bundle: str
    at: datetime
    since: datetime
    width: int
    height: int
    numbers: Mapping[str, Number]
    embedding: Alarm | None = None
    places: Gathering | None = None
    gathers: Alarm | None = None
    rejects: Number | None = None
    sensors: tuple[Moved, ...] = field(default=())
    threshold: float | None = None
    before_frame: UUID | None = None
    after_frame: UUID | None = None
    false_alarm_days: float | None = None
    retrain: bool = False

    @property
    def of_sensors(self) -> bool:
        """Whether the numbers are readings of sensors, not of pictures."""
        return self.bundle == SIGNALS
