"""What a person says of one frame. In `verdicts`; the last word on a frame counts."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from andon.records.event import Event


class Told(StrEnum):
    """What somebody who looked at the part says of it."""

    REAL = "real"  # it was called anomalous, and it is defective
    FALSE_CALL = "false_call"  # it was called anomalous, and it is good
    UNSURE = "unsure"  # they cannot tell: counts on neither side
    MISSED = "missed"  # it was called ok, and it is defective


class Answer(Event):
    """The answer of one person (`by`) on one frame. `defect` is the kind of defect, where they named one."""

    frame_id: UUID
    station: str
    answer: Told
    defect: str | None = Field(None, max_length=128)
    by: str = Field("", max_length=128)
    at: datetime
    note: str = Field("", max_length=1000)
