"""What passed a point of the line: sequence numbers, as each hop saw them. In `ledger`, where they are added up."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from andon.records.event import Event

Span = tuple[int, int]
"""First and last sequence number of an unbroken run, both included."""


class Hop(StrEnum):
    """A hop of the line, in the order in which a frame passes them."""

    CAPTURED = "captured"  # it has an identity, and Kafka acknowledged it in camera.frames
    REACHED_PREPROCESS = "reached_preprocess"  # preprocess read it
    PREPARED = "prepared"  # Kafka acknowledged it in frames.prepared
    REACHED_SCORING = "reached_scoring"  # scoring read it
    SCORED = "scored"  # Kafka acknowledged its score


class Passed(Event):
    """What one process saw of one capture since it last said so. Saying it twice changes nothing.

    `epoch` is 0 for foreign frames; `origin` is then 'topic/partition', and the numbers are offsets in it. `spans` are
    in order at each point. `skipped` is what ingest left out since the epoch began, by reason. `by` is the service.
    """

    station: str
    epoch: int = Field(ge=0)
    origin: str | None = None
    spans: dict[Hop, tuple[Span, ...]]
    skipped: dict[str, int] = Field({})
    at: datetime
    by: str = Field("", max_length=64)
