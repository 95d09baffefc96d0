"""What Andon did by itself, or could not do, and people should know. In `notices`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from andon.records.event import Event


class NoticeKind(StrEnum):
    """What happened."""

    BUNDLE_REFUSED = "bundle_refused"  # it could not be loaded or failed its gate; the one before serves on
    BUNDLE_SERVES = "bundle_serves"  # it took over; ends a refusal at the same station and product
    SHADOW_REFUSED = "shadow_refused"  # a shadow could not be loaded or failed its gate; it scores nothing
    ONBOARDED = "onboarded"  # a new station got its first bundle by itself
    NOT_ONBOARDED = "not_onboarded"  # its frames did not make a bundle
    PROMOTED = "promoted"  # a shadow kept within its trial and took over
    NOT_PROMOTED = "not_promoted"  # a shadow broke its trial and was let go
    ROLLED_BACK = "rolled_back"  # a promoted bundle broke its trial or its gate; the one before is back
    CONFIRMED = "confirmed"  # a promoted bundle kept within its probation
    BASELINE_LEARNED = "baseline_learned"  # how a station looks when all is well is known: drift is watched from now on
    DRILL_PASSED = "drill_passed"  # every fault of a rehearsal was named right and paged in time
    DRILL_FAILED = "drill_failed"  # one was not: people may not be told when it matters


class Notice(Event):
    """One thing to know about `station` ('*': every station). `notice_id` is the same whenever it is said again."""

    notice_id: UUID
    kind: NoticeKind
    station: str
    product: str | None = None
    bundle: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    sentence: str = Field(max_length=1000, description="for people: what happened, and what to do if anything")
    at: datetime
