"""What became of a dead letter: that somebody sent it on its way again, or let it be. In `dead-letters.turns`."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from andon.records.event import Event
from andon.records.score import FramePlace


class LetterTurnKind(StrEnum):
    """The turns of a dead letter."""

    REPLAYED = "replayed"  # its record was written again where it came from, as the same frame
    DISCARDED = "discarded"  # somebody looked, and nothing is to be done


class LetterTurn(Event):
    """One turn of one dead letter. `letter` is its place in `dead-letters`; the last turn holds.

    `replayed_to` is where it was written again.
    """

    kind: LetterTurnKind
    letter: FramePlace
    station: str | None = None
    reason: str = Field(max_length=64)
    why: str | None = Field(None, max_length=500, description="what the person said")
    replayed_to: FramePlace | None = None
    at: datetime
    by: str = Field(max_length=128)
