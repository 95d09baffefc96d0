"""A score: how anomalous one frame is, where, and by which bundle."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from andon.errors import Invalid
from andon.health import ImageHealth
from andon.ids import station_id
from andon.reasons import Reason
from andon.records.event import Event, read_event
from andon.records.replayed import sent_again
from andon.stage import Record

FRAMING = r"^[A-Za-z0-9+/]{171}=$"
"""The text of a framing: two profiles of 64 bytes in base64."""
EMBEDDING = r"^(?:[A-Za-z0-9+/]{8})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{6}==)?$"
"""The text of an embedding: whole numbers of two bytes each in base64."""


class Verdict(StrEnum):
    """What inspection says of a frame."""

    OK = "ok"  # the score is at or below the threshold
    ANOMALOUS = "anomalous"  # the score is above the threshold
    UNSCORABLE = "unscorable"  # there is no score; `unscorable` says why


class Unscorable(StrEnum):
    """Why a frame could not be scored. It never reads as `ok`."""

    NO_BUNDLE = "no_bundle"  # nothing is assigned to its station, or nothing that could be loaded
    WRONG_PREPARATION = "wrong_preparation"  # prepared for another bundle than any at hand
    NOT_FINITE = "not_finite"  # the model answered NaN or infinity
    WRONG_SHAPE = "wrong_shape"  # the model answered something else than it promised


class FramePlace(BaseModel):
    """Where in Kafka the original image lies, for as long as Kafka keeps it."""

    model_config = ConfigDict(frozen=True)

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, record: Record) -> "FramePlace":
        """Where `record` lies, whatever it holds."""
        return cls(topic=record.topic, partition=record.partition, offset=record.offset)


class Region(BaseModel):
    """One anomalous place in original pixel coordinates; `peak` is the highest raw map value inside it."""

    model_config = ConfigDict(frozen=True)

    x: int
    y: int
    width: int
    height: int
    peak: float


class Score(Event):
    """The verdict on one frame.

    `score` is raw and unclamped, comparable with `threshold` only under the same `bundle`. `regions` are in
    original pixels. `heat_map` is a small 8-bit grey PNG in base64, on anomalous frames only: the raw map
    scaled so that 128 is the threshold. `health` are the numbers preprocess measured.
    """

    frame_id: UUID
    station: str
    epoch: int
    seq: int
    product: str | None = None
    part: str | None = None
    subject: str | None = None
    captured_at: datetime
    scored_at: datetime
    verdict: Verdict
    unscorable: Unscorable | None = None
    score: float | None = None
    threshold: float | None = None
    bundle: str | None = None
    runtime: str | None = Field(None, description="what computed it: ONNX Runtime's or OpenVINO's version and device")
    regions: tuple[Region, ...] = ()
    heat_map: str | None = None
    width: int = Field(ge=0)
    height: int = Field(ge=0)
    frame: FramePlace
    dataref: str | None = None
    skipped: str | None = None
    health: ImageHealth | None = None
    peak: tuple[int, int] | None = Field(
        None,
        description="x, y of the map's highest place, in original pixels; null where no place is higher than others",
    )
    embedding: str | None = Field(
        None,
        min_length=4,
        max_length=344,
        pattern=EMBEDDING,
        description="what the picture is like, float16 in base64, see andon.embedding",
    )
    framing: str | None = Field(None, pattern=FRAMING, description="where things stand in it, see andon.framing")
    sha256: str | None = Field(None, description="of the encoded image, where its maker gave it")
    golden: str | None = Field(None, description="a heartbeat's golden frame, '<bundle>/<name>': in no statistic")
    replayed: bool | None = Field(
        None,
        description="its frame was a dead letter that somebody sent again: it opens no incident and ends none",
    )

    @property
    def ratio(self) -> float | None:
        """Score against threshold; above 1 is anomalous. None where it was not scored."""
        if self.score is None or not self.threshold:
            return None
        return self.score / self.threshold

    @property
    def origin(self) -> str:
        """What its (epoch, seq) counts within: '' for our own ingest, the topic partition for a foreign frame."""
        return "" if self.epoch else f"{self.frame.topic}/{self.frame.partition}"


def read_score(record: Record) -> Score:
    """The score in `record`; `replayed`, where it was itself a dead letter that somebody sent again.

    Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW, or BAD_STATION when the record's key is not its station.
    """
    score = read_event(Score, record.value)
    if record.key is None or record.key != station_id(score.station).encode():
        raise Invalid(Reason.BAD_STATION, f"the record's key is not its station {score.station!r}")
    if score.captured_at.tzinfo is None or score.scored_at.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "Score: captured_at and scored_at need a time zone")
    return score.model_copy(update={"replayed": True}) if sent_again(record) else score
