"""What becomes of a station when something is wrong there: one event for each turn of its story."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from andon.records.event import Event
from andon.records.score import FramePlace, Region


class Cause(StrEnum):
    """What is wrong at the station."""

    DEFECT_SURGE = "defect_surge"  # k of the last n frames anomalous
    SEVERE_DEFECT = "severe_defect"  # one frame far above the threshold
    UNSCORABLE = "unscorable"  # k of the last n frames could not be scored
    STATION_SILENT = "station_silent"  # no frame for longer than the policy allows
    BUNDLE_REFUSED = "bundle_refused"  # the bundle assigned to it cannot serve; the one before goes on


class Severity(StrEnum):
    """Whether a human must come now or today."""

    CRITICAL = "critical"  # now
    WARNING = "warning"  # today
    INFO = "info"  # nothing is wrong


class IncidentKind(StrEnum):
    """The turns of an incident's story."""

    OPENED = "opened"  # something is wrong
    PAGED = "paged"  # a sink accepted the page; `sink` says which, `about` says which turn
    RESOLVED = "resolved"  # it is over


class Evidence(BaseModel):
    """One frame that shows what is wrong. `regions` are in pixels of the original image, `width` by `height`."""

    model_config = ConfigDict(frozen=True)

    frame_id: UUID
    frame: FramePlace
    captured_at: datetime
    score: float | None = None
    threshold: float | None = None
    bundle: str | None = None
    regions: tuple[Region, ...] = ()
    width: int = 0
    height: int = 0


class IncidentEvent(Event):
    """One turn of one incident. `event_id` and `incident_id` derive from frames, so a repeat is recognised.

    `reason` is the policy's own word for why it decided so. `count` is of bad frames so far.
    """

    event_id: UUID
    incident_id: UUID
    kind: IncidentKind
    station: str
    cause: Cause
    severity: Severity
    reason: str
    at: datetime
    opened_at: datetime
    count: int = 0
    product: str | None = None
    bundle: str | None = None
    summary: str = ""
    first_action: str = ""
    evidence: tuple[Evidence, ...] = ()
    sink: str | None = None
    about: IncidentKind | None = None
