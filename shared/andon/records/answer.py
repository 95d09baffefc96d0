"""What a person says of one frame. In `verdicts`; the last word on a frame counts."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from andon.errors import Invalid
from andon.ids import station_id
from andon.reasons import Reason
from andon.records.event import Event, read_event
from andon.records.score import FramePlace, Verdict
from andon.stage import Record

MOST_OUTLINES = 16
MOST_POINTS = 200
Pixel = Annotated[int, Field(ge=0, le=1_000_000)]


class Told(StrEnum):
    """What somebody who looked at the part says of it."""

    REAL = "real"  # it was called anomalous, and it is defective
    FALSE_CALL = "false_call"  # it was called anomalous, and it is good
    UNSURE = "unsure"  # they cannot tell: counts on neither side
    MISSED = "missed"  # it was called ok, and it is defective
    GOOD = "good"  # it was called ok, and it is good: what an audit mostly says
    WITHDRAWN = "withdrawn"  # taken back: as if nobody had said anything of it


DEFECTIVE = frozenset({Told.REAL, Told.MISSED})
SOUND = frozenset({Told.FALSE_CALL, Told.GOOD})


class Outline(BaseModel):
    """A place on the part that somebody drew: the corners of a polygon, (x, y) in pixels of the original image."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    points: tuple[tuple[Pixel, Pixel], ...] = Field(min_length=3, max_length=MOST_POINTS)


class Answer(Event):
    """The answer of one person (`by`) on one frame. `defect` is the kind of defect, where they named one.

    `frame` is where in Kafka its image lies, `scored` where its score does. `verdict`, `score`, `threshold`, `bundle`,
    `product` and `captured_at` are what inspection said of it, so that an answer can be counted without its score.
    `audit`: it was asked of a random sample of frames, not because something looked odd.
    """

    frame_id: UUID
    station: str
    answer: Told
    defect: str | None = Field(None, max_length=128)
    outlines: tuple[Outline, ...] = Field((), max_length=MOST_OUTLINES)
    by: str = Field("", max_length=128)
    at: datetime
    note: str = Field("", max_length=1000)
    audit: bool = False
    verdict: Verdict | None = None
    score: float | None = None
    threshold: float | None = None
    bundle: str | None = None
    product: str | None = None
    captured_at: datetime | None = None
    width: int = Field(0, ge=0)
    height: int = Field(0, ge=0)
    frame: FramePlace | None = None
    scored: FramePlace | None = None
    dataref: str | None = None


def read_answer(record: Record) -> Answer:
    """The answer in `record`. Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW, or BAD_STATION under another's key."""
    answer = read_event(Answer, record.value)
    if record.key != station_id(answer.station).encode():
        raise Invalid(Reason.BAD_STATION, f"the record's key is not its station {answer.station!r}")
    if answer.at.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "Answer: at needs a time zone")
    return answer
