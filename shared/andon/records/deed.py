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
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    ASSIGNED = "assigned"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    SHADOWED = "shadowed"
    REQUESTED = "requested"  # asked training for a bundle
    EXPORTED = "exported"  # took reviewed frames away
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
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
