"""What somebody did at the console: the audit log. In `audit`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from andon.records.event import Event


class Did(StrEnum):
    """What was done."""

    ANSWERED = "answered"  # a verdict on a frame
    WITHDREW = "withdrew"  # took an answer back
    ACKNOWLEDGED = "acknowledged"  # took an incident on
    RESOLVED = "resolved"  # said that an incident is over
    SILENCED = "silenced"  # nobody is called about a station for a while
    UNSILENCED = "unsilenced"  # ended that before its time
    ASSIGNED = "assigned"  # said which bundle serves a station
    PROMOTED = "promoted"  # let a shadow serve
    ROLLED_BACK = "rolled_back"  # let the bundle before serve again
    SHADOWED = "shadowed"  # put a bundle on trial beside the one that serves
    REQUESTED = "requested"  # asked training for a bundle
    RELEARNED = "relearned"  # had the reference of a station learned anew
    FROZEN = "frozen"  # put a station's reference into a bundle
    REPLAYED = "replayed"  # sent dead letters again, as the same frames
    DISCARDED = "discarded"  # said that nothing is to be done about dead letters
    EXPORTED = "exported"  # took reviewed frames away
    SIGNED_IN = "signed_in"  # came in by a token
    SIGNED_OUT = "signed_out"  # ended their session
    REFUSED = "refused"  # tried what their role may not, or without proof that they meant it


class Deed(Event):
    """`by`, in `role`, did it to `subject` (an incident, a frame, a bundle, a station), from the network address
    `address`. `before` and `after` are what it changed, in words."""

    deed_id: UUID
    at: datetime
    did: Did
    by: str = Field(max_length=128)
    role: str = Field("", max_length=32)
    station: str | None = None
    subject: str = Field("", max_length=256)
    detail: str = Field("", max_length=1000)
    before: str | None = Field(None, max_length=1000)
    after: str | None = Field(None, max_length=1000)
    address: str = Field("", max_length=64)
