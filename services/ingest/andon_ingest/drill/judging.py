"""Whether a drill went as it should: the right cause, in time, to somebody, and nothing else. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from andon.records import Cause
from andon_ingest.drill.faults import EXPECTED, Fault, may_be_told
from andon_ingest.drill.story import Heard


class Result(StrEnum):
    """What came of one fault."""

    RIGHT = "right"  # the right cause was named and paged in time
    NOTHING = "nothing"  # no incident opened
    WRONG_CAUSE = "wrong_cause"  # another cause was named instead
    MORE_CAUSES = "more_causes"  # the right one, and one that is not so
    NOT_PAGED = "not_paged"  # the right cause was named, but no sink accepted the page
    TOO_LATE = "too_late"  # paged, but later than allowed
    NOT_NOTIFIED = "not_notified"  # paged in time, but no notification of Alertmanager arrived where one was waited for


@dataclass(frozen=True, slots=True)
class Tried:
    """One fault as it was tried: `began` is when the first altered frame was captured (of silence: should have been),
    `frames` are the altered ones in order, `within_s` is how long the page may take. `arrived` is when Alertmanager's
    notification of an incident arrived, by the incident's label; None where nobody waits for one."""

    fault: Fault
    began: datetime
    frames: Sequence[UUID]
    within_s: float
    arrived: Mapping[str, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fault, judged. Times are seconds from `began`; None: never. `frames` is how many altered frames it took until
    the incident opened; `beside` are the other causes that were told."""

    fault: Fault
    result: Result
    began: datetime
    named: Cause | None = None
    beside: tuple[Cause, ...] = ()
    frames: int | None = None
    opened_s: float | None = None
    paged_s: float | None = None
    sink: str | None = None
    notified_s: float | None = None
    resolved_s: float | None = None
    summary: str = ""

    @property
    def right(self) -> bool:
        """Whether it went as it should."""
        return self.result is Result.RIGHT


def expected(fault: Fault, heard: Sequence[Heard]) -> Heard | None:
    """The first incident of the right cause."""
    return next((each for each in heard if each.cause in EXPECTED[fault]), None)


def judge(tried: Tried, heard: Sequence[Heard]) -> Outcome:
    """What came of a fault. `heard` are the incidents that opened at the copy since it began."""
    found = expected(tried.fault, heard)
    told = found or (heard[0] if heard else None)
    if told is None:
        return Outcome(tried.fault, Result.NOTHING, tried.began)
    page = told.first_page
    paged_s = _since(tried, page[0]) if page else None
    return Outcome(
        fault=tried.fault,
        result=_result(tried, found, heard, paged_s),
        began=tried.began,
        named=told.cause,
        beside=tuple(dict.fromkeys(each.cause for each in heard if each.cause is not told.cause)),
        frames=_frames(tried, told),
        opened_s=_since(tried, told.opened),
        paged_s=paged_s,
        sink=page[1] if page else None,
        notified_s=_since(tried, (tried.arrived or {}).get(told.label)),
        resolved_s=_since(tried, told.resolved),
        summary=told.summary,
    )


def _result(tried: Tried, found: Heard | None, heard: Sequence[Heard], paged_s: float | None) -> Result:
    if found is None:
        return Result.WRONG_CAUSE
    if {each.cause for each in heard} - may_be_told(tried.fault):
        return Result.MORE_CAUSES
    if paged_s is None:
        return Result.NOT_PAGED
    if paged_s > tried.within_s:
        return Result.TOO_LATE
    return Result.RIGHT if tried.arrived is None or found.label in tried.arrived else Result.NOT_NOTIFIED


def _since(tried: Tried, at: datetime | None) -> float | None:
    return None if at is None else round((at - tried.began).total_seconds(), 3)


def _frames(tried: Tried, told: Heard) -> int | None:
    """How many of the altered frames had been sent when it opened: up to the last one that shows it."""
    places = [place for place, frame in enumerate(tried.frames, 1) if frame in told.frames]
    return max(places, default=None)
