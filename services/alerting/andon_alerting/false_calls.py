"""Whether people overrule more verdicts than the false-call budget allows. Pure.

The budget is an accepted share of good frames called anomalous; what people overrule is counted against it, for each
station and product, among the frames scored in the last 24 h. Few answers prove little, so the incident opens only
when the exact lower bound of the rate lies above the budget, and is over when an upper estimate lies below it.
Nobody answers on every frame, so the true rate is at least the one that is counted here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import exp, lgamma, log, log1p
from uuid import UUID

from andon.ids import derived_id, drill_of
from andon.line import Plan
from andon.records import Answer, Cause, Evidence, IncidentEvent, IncidentKind, Measure, Told
from andon.records.incident import MOST_EVIDENCE
from andon_alerting.finding_story import ending
from andon_alerting.story import FIRST_ACTION, SEVERITY

WINDOW = timedelta(hours=24)
OPENS_AT = 0.01  # the chance of seeing so many false calls within the budget: a lower bound of 99 %
ENDS_AT = 0.20  # the chance of seeing so few beyond it: an upper estimate of 80 %, since nobody is called by the end


class Why(StrEnum):
    """The reason of a decision about a false-call budget."""

    OVER_BUDGET = "over_budget"  # more verdicts are overruled than the budget allows, and not by chance
    NOT_PROVEN = "not_proven"  # verdicts are overruled, but so many may be chance
    STILL_OVER = "still_over"  # its incident is open, and the rate is not clearly below the budget
    WITHIN_BUDGET = "within_budget"  # the rate is below the budget again: over
    NOTHING_SCORED = "nothing_scored"  # no frame was scored for as long as is counted: over
    NO_BUDGET = "no_budget"  # the line file no longer gives a budget: over


@dataclass(frozen=True, slots=True)
class Said:
    """The last word on a frame."""

    frame: UUID
    answer: Told
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A person ended the incident of a product: frames captured until then count no more."""

    product: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Overruled:
    """What people said of a station's frames, and its open incidents. `partition` is that of its answers. `ended`: what
    people ended while its frames would still count."""

    station: str
    partition: int
    said: tuple[Said, ...] = ()
    open: tuple[IncidentEvent, ...] = ()
    ended: tuple[Ended, ...] = ()

    def of(self, product: str | None) -> IncidentEvent | None:
        """The open incident of a product."""
        return next((each for each in self.open if each.product == product), None)

    def counts_since(self, product: str | None) -> datetime | None:
        """When a person last ended an incident of a product; None: not while its frames would still count."""
        return max((each.at for each in self.ended if each.product == product), default=None)


@dataclass(frozen=True, slots=True)
class Called:
    """A frame that was called anomalous."""

    evidence: Evidence
    product: str | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What was counted at a station: frames scored by (product, hour), and the frames people answered on."""

    scored: Mapping[tuple[str | None, datetime], int]
    called: Mapping[UUID, Called]


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing decided, with the event that tells of it, where it turned an incident's story."""

    why: Why
    product: str | None
    event: IncidentEvent | None = None


Step = tuple[Overruled, tuple[Turn, ...]]


def hear(known: Overruled, answer: Answer) -> Overruled:
    """`known` with the answer taken in: the last word on a frame counts."""
    before = next((each for each in known.said if each.frame == answer.frame_id), None)
    if before is not None and before.at > answer.at:
        return known
    others = tuple(each for each in known.said if each is not before)
    return replace(known, said=(*others, Said(answer.frame_id, answer.answer, answer.at)))


def ended_by_a_person(known: Overruled, event: IncidentEvent) -> Overruled:
    """`known` after a person ended one of its open incidents by `event`."""
    left = tuple(each for each in known.open if each.incident_id != event.incident_id)
    return forgiven(replace(known, open=left), event) if left != known.open else known


def forgiven(known: Overruled, event: IncidentEvent) -> Overruled:
    """`known`, of whose product only frames captured after `event` count: neither what people said of others before,
    nor what they say of them from now on."""
    others = tuple(each for each in known.ended if each.product != event.product)
    return replace(known, ended=(*others, Ended(event.product, event.at)))


def judge(known: Overruled, looked: Looked, plan: Plan, now: datetime) -> Step:
    """What is remembered after a look at the counts, and what was decided for each product."""
    recent = tuple(each for each in known.said if each.at >= now - WINDOW)
    ended = tuple(each for each in known.ended if each.at >= now - WINDOW)
    after, turns = replace(known, said=recent, ended=ended), []
    products = {each for each, _ in looked.scored} | {each.product for each in known.open}
    for product in sorted(products, key=lambda each: each or ""):
        tally = _tally(after, looked, product, now)
        after, turn = _turn(after, tally, product, plan, now)
        turns += [turn] if turn else []
    return after, tuple(turns)


@dataclass(frozen=True, slots=True)
class _Tally:
    overruled: tuple[Evidence, ...]
    scored: int


def _tally(known: Overruled, looked: Looked, product: str | None, now: datetime) -> _Tally:
    first, since = hour_of(now - WINDOW), known.counts_since(product)
    ours = [(hour, count) for (each, hour), count in looked.scored.items() if each == product and hour >= first]
    scored = sum(count * _share_after(since, hour, now) for hour, count in ours)
    false = {each.frame for each in known.said if each.answer is Told.FALSE_CALL}
    shown = [looked.called[each] for each in false if each in looked.called]
    frames = [each.evidence for each in shown if each.product == product and each.evidence.captured_at >= first]
    overruled = [each for each in frames if since is None or each.captured_at > since]
    overruled.sort(key=lambda each: (each.captured_at, str(each.frame_id)))
    return _Tally(tuple(overruled), max(round(scored), len(overruled)))


def _share_after(since: datetime | None, hour: datetime, now: datetime) -> float:
    """How much of an hour's frames were captured after `since`, as if they had come evenly: none is timed by itself."""
    end = max(min(now, hour + timedelta(hours=1)), hour + timedelta(seconds=1))
    if since is None or since <= hour:
        return 1.0
    return max(0.0, (end - since) / (end - hour))


def _turn(
    known: Overruled, tally: _Tally, product: str | None, plan: Plan, now: datetime
) -> tuple[Overruled, Turn | None]:
    held, budget = known.of(product), plan.budget_of(product)
    why = _why(held is not None, len(tally.overruled), tally.scored, budget)
    if why is None:
        return known, None
    if held is None:
        if why is not Why.OVER_BUDGET or budget is None:
            return known, Turn(why, product)
        opened = _opened(known, tally, product, plan, budget, now)
        return replace(known, open=(*known.open, opened)), Turn(why, product, opened)
    if why is Why.STILL_OVER:
        return known, Turn(why, product)
    over = ending(held, why, now, _end(known.station, product, tally, budget, why))
    return replace(known, open=tuple(each for each in known.open if each is not held)), Turn(why, product, over)


def _why(is_open: bool, overruled: int, scored: int, budget: float | None) -> Why | None:
    if budget is None:
        return Why.NO_BUDGET if is_open else None
    if is_open:
        if not scored:
            return Why.NOTHING_SCORED
        return Why.WITHIN_BUDGET if at_most(overruled, scored, budget) < ENDS_AT else Why.STILL_OVER
    if not overruled or not scored:
        return None
    return Why.OVER_BUDGET if at_least(overruled, scored, budget) < OPENS_AT else Why.NOT_PROVEN


def at_least(count: int, of: int, rate: float) -> float:
    """The chance of `count` or more among `of` at `rate`.

    It is below alpha exactly where the one-sided lower Clopper-Pearson bound at confidence 1 - alpha lies above
    `rate` (C. J. Clopper, E. S. Pearson: The use of confidence or fiducial limits illustrated in the case of the
    binomial, Biometrika 26, 1934, 404-413): asking it this way round needs no inverse of the beta distribution.
    """
    return 1.0 - at_most(count - 1, of, rate)


def at_most(count: int, of: int, rate: float) -> float:
    """The chance of `count` or fewer among `of` at `rate`: below alpha where the upper bound lies below `rate`."""
    if count >= of:
        return 1.0
    return min(1.0, sum(_chance(each, of, rate) for each in range(count + 1)))


def _chance(count: int, of: int, rate: float) -> float:
    """The binomial probability, by logarithms, since its factors overflow."""
    if not 0.0 < rate < 1.0:
        return float(count == (of if rate >= 1.0 else 0))
    ways = lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)
    return exp(ways + count * log(rate) + (of - count) * log1p(-rate))


def hour_of(at: datetime) -> datetime:
    """The beginning of its hour, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _opened(
    known: Overruled, tally: _Tally, product: str | None, plan: Plan, budget: float, now: datetime
) -> IncidentEvent:
    station, frames = known.station, tally.overruled
    last_word = max(each.at for each in known.said)
    incident = derived_id(frames[-1].frame_id, station, Cause.FALSE_CALLS, last_word.isoformat())
    return IncidentEvent(
        event_id=derived_id(incident, IncidentKind.OPENED),
        incident_id=incident,
        kind=IncidentKind.OPENED,
        station=station,
        cause=Cause.FALSE_CALLS,
        severity=plan.severities.get(Cause.FALSE_CALLS, SEVERITY[Cause.FALSE_CALLS]),
        reason=Why.OVER_BUDGET,
        at=now,
        opened_at=frames[0].captured_at,
        count=len(frames),
        site=plan.site,
        area=plan.area,
        line=plan.line,
        route=plan.route,
        product=product,
        bundle=_only(each.bundle for each in frames),
        first=frames[0].frame_id,
        last=frames[-1].frame_id,
        measure=Measure(name="false_call_rate", value=len(frames) / max(1, tally.scored), limit=budget),
        summary=f"{_place(station, product)}: {_numbers(tally)}; {_budget(budget)}.",
        first_action=FIRST_ACTION[Cause.FALSE_CALLS],
        evidence=frames[-MOST_EVIDENCE:],
        drill=drill_of(station) is not None,
    )


def _end(station: str, product: str | None, tally: _Tally, budget: float | None, why: Why) -> str:
    place = _place(station, product)
    if why is Why.NOTHING_SCORED:
        return f"{place}: nothing was scored in the last 24 h, so the false calls of before no longer count."
    if why is Why.NO_BUDGET or budget is None:
        return f"{place}: the line file gives no false-call budget any more."
    return f"{place}: within the budget again. In the last 24 h {_numbers(tally)}; {_budget(budget)}."


def _place(station: str, product: str | None) -> str:
    return f"{station}, {product}" if product else station


def _numbers(tally: _Tally) -> str:
    return f"people overruled {len(tally.overruled):,} of {tally.scored:,} verdicts"


def _budget(budget: float) -> str:
    return f"the budget is {budget * 1000:g} per 1,000"


def _only(values: Iterable[str | None]) -> str | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None
