"""What becomes of a station when something is wrong there: one event for each turn of its story."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from andon.records.drift import Drift
from andon.records.event import Event
from andon.records.score import FramePlace, Region
from andon.tracing.context import traceparent

MOST_EVIDENCE = 12
"""Frames that an event shows at most."""


class Cause(StrEnum):
    """What is wrong at the station."""

    # Seen in the scores
    DEFECT_SURGE = "defect_surge"  # k of the last n frames anomalous
    SEVERE_DEFECT = "severe_defect"  # one frame far above the threshold
    UNSCORABLE = "unscorable"  # k of the last n frames could not be scored
    STATION_SILENT = "station_silent"  # no frame for longer than the policy allows
    # Found by the drift service: the image is wrong, whatever the part is
    STATION_FROZEN = "station_frozen"  # the same picture again and again
    STATION_DARK = "station_dark"  # far less light than the bundle was made with
    STATION_BRIGHT = "station_bright"  # far more light: what is white shows no defect
    STATION_BLURRED = "station_blurred"  # out of focus, or a dirty lens
    CAMERA_MOVED = "camera_moved"  # the part stands elsewhere in the picture
    DRIFT = "drift"  # the process, the light or a sensor moved; `drift` says which
    REJECT_RATE = "reject_rate"  # more parts are anomalous than used to be: defects, not drift
    # Found by whoever checks the inspection itself
    INSPECTOR_BROKEN = "inspector_broken"  # a golden frame got a wrong verdict, or none in time
    BUNDLE_REFUSED = "bundle_refused"  # the bundle assigned to it cannot serve; the one before goes on
    LEDGER_OUT_OF_BALANCE = "ledger_out_of_balance"  # captured is not scored + dead-lettered + skipped
    FALSE_CALLS = "false_calls"  # people overrule more verdicts than the false-call budget allows
    EVIDENCE_AT_RISK = "evidence_at_risk"  # Kafka will delete frames before somebody has read them


class Severity(StrEnum):
    """Whether a human must come now or today."""

    CRITICAL = "critical"  # now
    WARNING = "warning"  # today
    INFO = "info"  # nothing is wrong


class IncidentKind(StrEnum):
    """The turns of an incident's story."""

    OPENED = "opened"  # something is wrong
    UPDATED = "updated"  # it is worse, or more stations have it
    ACKNOWLEDGED = "acknowledged"  # somebody has taken it on; `by` says who
    PAGED = "paged"  # a sink accepted the page; `sink` says which, `about` says which turn
    RESOLVED = "resolved"  # it is over


class Evidence(BaseModel):
    """One frame that shows what is wrong. `regions` are in pixels of the original image, `width` by `height`.

    `frame` is where in Kafka its image lies, `scored` where its score does, with the heat map.
    """

    model_config = ConfigDict(frozen=True)

    frame_id: UUID
    frame: FramePlace
    scored: FramePlace | None = None
    captured_at: datetime
    score: float | None = None
    threshold: float | None = None
    bundle: str | None = None
    dataref: str | None = None
    regions: tuple[Region, ...] = ()
    width: int = 0
    height: int = 0


class ChangeKind(StrEnum):
    """What may explain that things are different now."""

    SWAP = "swap"  # another bundle judges
    CHANGEOVER = "changeover"  # another product is made
    DEPLOY = "deploy"  # another runtime or device scores
    DRIFT = "drift"  # the pictures, the parts or a sensor drifted; `sentence` says what


class Change(BaseModel):
    """The last thing that changed at a station before its incident. `before` and `after` are digests, products or
    runtimes."""

    model_config = ConfigDict(frozen=True)

    kind: ChangeKind
    at: datetime
    before: str | None = None
    after: str | None = None
    sentence: str | None = Field(None, max_length=1000)


class Measure(BaseModel):
    """A number against its limit: `sharpness 2.1 against 3.4`. `unit` may be empty."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    name: str
    value: float
    limit: float
    unit: str = ""


class IncidentEvent(Event):
    """One turn of one incident. `event_id` and `incident_id` derive from frames, so a repeat is recognised.

    `station` is '*' for an incident of a whole line, and `stations` then names those that have it. `reason` is the
    policy's own word for why it decided so. `count` is of bad frames so far; `first` and `last` are the first and the
    last bad one. `changed` is what changed last at the station before it began. `drift` says what drifted. `drill`
    marks a rehearsal.
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
    site: str = ""
    area: str = ""
    line: str = ""
    stations: tuple[str, ...] = ()
    route: str | None = Field(None, description="who is told: a word that Alertmanager's routes know")
    product: str | None = None
    bundle: str | None = None
    first: UUID | None = None
    last: UUID | None = None
    changed: Change | None = None
    measure: Measure | None = None
    drift: Drift | None = None
    summary: str = ""
    first_action: str = ""
    evidence: tuple[Evidence, ...] = Field((), max_length=MOST_EVIDENCE)
    drill: bool = False
    sink: str | None = None
    about: IncidentKind | None = None
    by: str | None = Field(None, max_length=128, description="the person, where one did it")
    note: str | None = Field(None, max_length=1000)
    traceparent: str | None = Field(None, description="W3C trace context of the frame that opened it")

    @field_validator("traceparent")
    @classmethod
    def _is_one(cls, value: str | None) -> str | None:
        """Anybody may have written it; nobody loses an incident for it."""
        return traceparent(value)
