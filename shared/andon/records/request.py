"""What people ask training for, and what becomes of it. Both in `requests`, told apart by `record`."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from andon.records.event import Event

_HEX64 = r"^[0-9a-f]{64}$"
MOST_FRAMES = 200
MOST_LOG_LINES = 20


class Wish(StrEnum):
    """What a new bundle is to do otherwise than `bundle`."""

    THRESHOLD = "threshold"  # keep another false-call budget
    MEMORY = "memory"  # know the frames that were false calls as good
    RETRAIN = "retrain"  # be made anew from frames as they are now


class RequestState(StrEnum):
    """How far a request has come."""

    TAKEN = "taken"  # somebody works on it
    DONE = "done"  # `bundle` is in the store; nothing is assigned
    REFUSED = "refused"  # it cannot be done; `sentence` says why


class JobPhase(StrEnum):
    """How the work on a request stands."""

    WAITING = "waiting"  # nobody has begun: others, or the day's budget, come first
    PENDING = "pending"  # a Kubernetes Job was made and waits for its node, its GPU or its image
    RUNNING = "running"  # somebody works
    DONE = "done"  # whoever worked has ended well
    FAILED = "failed"  # whoever worked has ended badly, or was ended


class Request(Event):
    """A person, or the drift service (`by`), wants a bundle made from `bundle`. `budget` is the accepted share of good
    frames called anomalous; `frames` are those that were false calls (none named: all that people said so of at
    `station`)."""

    record: Literal["request"] = "request"
    request_id: UUID
    wish: Wish
    station: str
    product: str | None = None
    bundle: str = Field(pattern=_HEX64)
    budget: float | None = Field(None, gt=0, lt=1)
    frames: tuple[UUID, ...] = Field((), max_length=MOST_FRAMES)
    by: str = Field("", max_length=128)
    why: str = Field("", max_length=1000)
    at: datetime


class Rescored(Event):
    """What a new bundle says of frames that people have judged, against the one before: ids of frames by what changed.

    `lost` are known defects that it no longer calls: none, or the bundle is not to be trusted.
    """

    defects: int = 0
    found_before: int = 0
    found_after: int = 0
    lost: tuple[UUID, ...] = ()
    gained: tuple[UUID, ...] = ()
    good: int = 0
    called_before: int = 0
    called_after: int = 0
    missing: int = Field(0, description="judged frames whose image is nowhere any more")


class RequestNews(Event):
    """One turn of a request. `sentence` is for people. `phase` is how the work stands since `began_at`, `log` its last
    words: at most 20 lines."""

    record: Literal["news"] = "news"
    request_id: UUID
    state: RequestState
    station: str
    sentence: str = Field(max_length=1000)
    progress: float | None = Field(None, ge=0, le=1)
    bundle: str | None = Field(None, pattern=_HEX64)
    threshold: float | None = None
    rescored: Rescored | None = None
    phase: JobPhase | None = None
    began_at: datetime | None = None
    log: tuple[str, ...] | None = Field(None, max_length=MOST_LOG_LINES)
    at: datetime
