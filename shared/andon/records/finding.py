"""What was found wrong with the inspection of a station, by whoever watches it; and that it is over. In `drift`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from andon.records.drift import Drift
from andon.records.event import Event
from andon.records.incident import MOST_EVIDENCE, Cause, Evidence, Measure


class FindingKind(StrEnum):
    """The turns of a finding."""

    BEGAN = "began"
    ENDED = "ended"


class Finding(Event):
    """One turn of one finding. `finding_id` is the same for both turns, and whenever one is said again.

    `station` is '*' where it concerns no single one. `since` is when it began, `at` when this turn was seen.
    `evidence` are frames that show it. `drift` says what drifted, where the cause is that. `by` is the
    service that found it.
    """

    finding_id: UUID
    kind: FindingKind
    cause: Cause
    station: str
    product: str | None = None
    bundle: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    sentence: str = Field(max_length=1000, description="for people: what is different, and since when")
    since: datetime
    at: datetime
    measure: Measure | None = None
    evidence: tuple[Evidence, ...] = Field((), max_length=MOST_EVIDENCE)
    drift: Drift | None = None
    by: str = Field("", max_length=64)
