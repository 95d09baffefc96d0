"""What a machine is told of one part. JSON by MQTT; its fields one by one by OPC UA."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from andon.line import Plan
from andon.records import Region, Score, Verdict
from andon.records.score import Unscorable

Rule = Literal["reject", "pass", "hold"]


class Action(StrEnum):
    """What a gate is to do with the part."""

    REJECT = "reject"  # take it out
    GO = "pass"  # let it go on
    HOLD = "hold"  # keep it for a person to look at: nobody could inspect it
    NONE = "none"  # nothing: it is gone, or this is a test


class ResultState(IntEnum):
    """OPC 40100-1:2019, 12.19 ResultStateDataType, as far as it happens here."""

    COMPLETED = 1
    FAILED = 4


class PartResult(BaseModel):
    """One verdict. Names after OPC 40100-1 where it has one: `resultId` is the frame's id, `recipeId` the bundle.

    `action` and `late` hold for the moment it was sent (`sentAt`); `ageMs` is its age then. `test` marks one that no
    part belongs to.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    schema_version: int = 1
    result_id: UUID
    result_state: int
    is_partial: bool = False
    is_simulated: bool = False
    test: bool = False
    part_id: str | None = None
    product_id: str | None = None
    recipe_id: str | None = None
    site: str = ""
    area: str = ""
    line: str = ""
    station: str
    epoch: int
    seq: int
    verdict: Verdict
    unscorable: Unscorable | None = None
    action: Action
    late: bool = False
    score: float | None = None
    threshold: float | None = None
    regions: tuple[Region, ...] = ()
    captured_at: datetime
    scored_at: datetime
    sent_at: datetime | None = None
    age_ms: int | None = Field(None, description="at sentAt, since it was captured or scored, whichever is earlier")
    max_age_ms: int | None = Field(None, description="an older one is late")


def part_result(score: Score, plan: Plan, rule: Rule) -> PartResult:
    """What `score` says, with the names of its place. Not yet late."""
    return PartResult(
        result_id=score.frame_id,
        result_state=ResultState.FAILED if score.verdict is Verdict.UNSCORABLE else ResultState.COMPLETED,
        part_id=score.part,
        product_id=score.product,
        recipe_id=score.bundle,
        site=plan.site,
        area=plan.area,
        line=plan.line,
        station=score.station,
        epoch=score.epoch,
        seq=score.seq,
        verdict=score.verdict,
        unscorable=score.unscorable,
        action=action(score.verdict, rule),
        score=score.score,
        threshold=score.threshold,
        regions=score.regions,
        captured_at=score.captured_at,
        scored_at=score.scored_at,
    )


def action(verdict: Verdict, rule: Rule) -> Action:
    """What a gate is to do while the part is still there; `rule` is for parts that could not be inspected."""
    if verdict is Verdict.OK:
        return Action.GO
    return Action.REJECT if verdict is Verdict.ANOMALOUS else Action(rule)


def sent(result: PartResult, now: datetime, max_age_ms: int) -> PartResult:
    """`result` as it is sent at `now`: late, and without an action, where it is older than `max_age_ms`.

    Its age counts from capture or scoring, whichever is earlier: a camera whose clock runs ahead makes nothing fresh.
    One that claims to come from the future by more than `max_age_ms` is late too, since nobody knows how old it is.
    """
    age_ms = int((now - min(result.captured_at, result.scored_at)).total_seconds() * 1000)
    late = abs(age_ms) > max_age_ms
    told = {"sent_at": now, "age_ms": age_ms, "max_age_ms": max_age_ms, "late": late}
    return result.model_copy(update=told | ({"action": Action.NONE} if late else {}))


def write_result(result: BaseModel) -> bytes:
    """Its JSON; absent fields are left out."""
    return result.model_dump_json(by_alias=True, exclude_none=True).encode()
