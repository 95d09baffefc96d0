"""Which incidents the findings of one cause make: one a station, or one for a whole line. Pure.

Nobody waits to see whether more stations follow: the first ones open as incidents of their stations at once. When so
many stations of a line have the same image or drift cause within the burst's time, one incident of the line takes the
place of theirs; further stations join it, stations that are well leave it, and the last one ends it.

The burst counts when each finding began (`since`), and counts those that have ended meanwhile, so that it does not
matter in which order simultaneous findings arrive.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from andon.ids import derived_id, drill_of
from andon.line import Plan, Plans
from andon.records import Cause, Finding, FindingKind, IncidentEvent, IncidentKind, Severity
from andon.records.assignment import EVERY
from andon.records.incident import MOST_EVIDENCE
from andon_alerting.line_words import first_action, has_it, took_it
from andon_alerting.story import FIRST_ACTION, SEVERITY

MOST_OVER = 64  # ended findings that are remembered for each cause: more than one turn is likely to bring

OF_LINE = frozenset(
    {
        Cause.STATION_FROZEN,
        Cause.STATION_DARK,
        Cause.STATION_BRIGHT,
        Cause.STATION_BLURRED,
        Cause.CAMERA_MOVED,
        Cause.DRIFT,
    }
)
"""The causes that stations of a line may share: light, power, air, material.

STATION_SILENT is none of them: scores tell of it, on as many partitions as there are stations to read, so no one
process sees all stations of a line. Each station opens its own, and Alertmanager groups what it is told by line.
"""

FOUND = OF_LINE | {Cause.INSPECTOR_BROKEN, Cause.LEDGER_OUT_OF_BALANCE, Cause.EVIDENCE_AT_RISK}
"""The causes that findings may tell of. The others are decided from scores, notices and people's answers."""


class Why(StrEnum):
    """The reason of a decision about a finding."""

    REPEATED = "repeated"  # this turn of the finding was said before: changes nothing
    BEGAN = "began"  # the first finding of its cause at the station: its incident opens
    STILL_OPEN = "still_open"  # another finding of a cause that is open at the station: one incident for both
    BURST = "burst"  # many stations of the line have it at the same time: the line's incident opens
    PART_OF_LINE = "part_of_line"  # the station's incident goes on as that of its line
    JOINED = "joined"  # one more station of a line whose incident is open
    STILL_FOUND = "still_found"  # one of several findings ended: the incident goes on
    LEFT = "left"  # a station is well again, others of its line are not
    ENDED = "ended"  # nothing is found any more: over
    UNKNOWN = "unknown"  # the end of a finding that no open incident tells of: changes nothing


@dataclass(frozen=True, slots=True)
class Found:
    """One finding. `settled`: a person ended the incident that told of it, so it opens none any more."""

    finding: UUID
    station: str
    since: datetime
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """All that is remembered of one cause: findings that last, the last ones that ended, and the open incidents, each
    as the event that opened it would tell it now."""

    found: tuple[Found, ...] = ()
    over: tuple[Found, ...] = ()
    open: tuple[IncidentEvent, ...] = ()

    def at(self, station: str) -> IncidentEvent | None:
        """The open incident that tells of `station`."""
        return next((each for each in self.open if station in (each.stations or (each.station,))), None)

    def of_line(self, line: "Line") -> IncidentEvent | None:
        """The open incident of a whole line."""
        return next((each for each in self.open if each.stations and line_of(each) == line), None)


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing decided, with the event that tells of it, where it turned an incident's story."""

    why: Why
    event: IncidentEvent | None = None


Line = tuple[str, str, bool]
"""Site, line, and whether it is a rehearsal: drill copies are never mixed with real stations."""

Step = tuple[Watch, tuple[Turn, ...]]


def line_of(about: Plan | IncidentEvent) -> Line | None:
    """The line that a station or an incident belongs to; None where it is part of none."""
    drill = about.drill if isinstance(about, IncidentEvent) else drill_of(about.station) is not None
    return (about.site, about.line, drill) if about.line else None


def take(watch: Watch, finding: Finding, plans: Plans) -> Step:
    """What is remembered after `finding`, and what was decided."""
    return _began(watch, finding, plans) if finding.kind is FindingKind.BEGAN else _ended(watch, finding)


def note(watch: Watch, finding: Finding) -> Watch:
    """`watch` with the finding noted, and no incident touched."""
    found = Found(finding.finding_id, finding.station, finding.since)
    if finding.kind is FindingKind.BEGAN:
        return replace(watch, found=(*watch.found, found))
    left = tuple(each for each in watch.found if each.finding != finding.finding_id)
    return replace(watch, found=left, over=(*watch.over, found)[-MOST_OVER:])


def repeated(watch: Watch, finding: Finding) -> bool:
    """Whether this turn of the finding was noted before."""
    is_over = any(each.finding == finding.finding_id for each in watch.over)
    return is_over or (
        finding.kind is FindingKind.BEGAN and any(each.finding == finding.finding_id for each in watch.found)
    )


def ended_by_a_person(watch: Watch, event: IncidentEvent) -> Watch:
    """`watch` after a person ended one of its incidents by `event`: the findings that it told of go on without one."""
    held = next((each for each in watch.open if each.incident_id == event.incident_id), None)
    return settled(_without(watch, held), held, event.at) if held else watch


def settled(watch: Watch, incident: IncidentEvent, at: datetime) -> Watch:
    """`watch`, whose findings that an incident told of until `at` open none any more."""
    told = set(incident.stations or (incident.station,))

    def settle(each: Found) -> Found:
        return replace(each, settled=True) if each.station in told and each.since <= at else each

    return replace(watch, found=tuple(map(settle, watch.found)), over=tuple(map(settle, watch.over)))


def _began(watch: Watch, finding: Finding, plans: Plans) -> Step:
    if repeated(watch, finding):
        return watch, (Turn(Why.REPEATED),)
    after, plan = note(watch, finding), plan_of(finding.station, plans)
    held = after.at(finding.station)
    line = line_of(plan) if finding.cause in OF_LINE else None
    whole = after.of_line(line) if line else None
    if whole and not held:
        return _joined(after, whole, finding)
    if line and not whole:
        burst = _burst(after, finding, line, plans)
        if len({each.station for each in burst}) >= plans.burst.stations:
            return _became_one(after, burst, finding, plan, line)
    if held:
        return after, (Turn(Why.STILL_OPEN),)
    opened = opening(finding, plan)
    return replace(after, open=(*after.open, opened)), (Turn(Why.BEGAN, opened),)


def _ended(watch: Watch, finding: Finding) -> Step:
    if repeated(watch, finding):
        return watch, (Turn(Why.REPEATED),)
    after, held = note(watch, finding), watch.at(finding.station)
    if held is None:
        return after, (Turn(Why.UNKNOWN),)
    if any(each.station == finding.station and not each.settled for each in after.found):
        return after, (Turn(Why.STILL_FOUND),)
    left = tuple(each for each in held.stations if each != finding.station)
    if left:
        return _changed(after, held, left, Why.LEFT, finding)
    over = ending(held, Why.ENDED, finding.at, finding.sentence)
    return _without(after, held), (Turn(Why.ENDED, over),)


def _burst(watch: Watch, new: Finding, line: Line, plans: Plans) -> list[Found]:
    """The findings of the line in the fullest time of the burst's length that `new` lies in, earliest first."""
    counted = [each for each in (*watch.found, *watch.over) if not each.settled]
    here = [each for each in counted if line_of(plan_of(each.station, plans)) == line]
    here.sort(key=lambda each: (each.since, each.station))

    def within(start: datetime) -> list[Found]:
        ages = [(each, (each.since - start).total_seconds()) for each in here]
        return [each for each, age_s in ages if 0 <= age_s <= plans.burst.within_s]

    times = (within(each.since) for each in here)
    ours = [each for each in times if any(found.finding == new.finding_id for found in each)]
    return max(ours, key=lambda each: len({found.station for found in each}), default=[])


def _became_one(watch: Watch, burst: list[Found], finding: Finding, plan: Plan, line: Line) -> Step:
    theirs = [each for each in watch.open if not each.stations and line_of(each) == line]
    whole = _whole(burst, theirs, opening(finding, plan))
    goes_on = f"goes on as the incident of line {plan.line}"
    parts = [
        ending(each, Why.PART_OF_LINE, finding.at, f"{each.station} is not alone with it: {goes_on}.")
        for each in theirs
    ]
    after = replace(watch, open=(*(each for each in watch.open if each not in theirs), whole))
    return after, (*(Turn(Why.PART_OF_LINE, each) for each in parts), Turn(Why.BURST, whole))


def _whole(burst: list[Found], theirs: list[IncidentEvent], last: IncidentEvent) -> IncidentEvent:
    """The incident of the line that `last` completes; `theirs` are the open incidents of its stations."""
    members = [*(each for each in theirs if each.station != last.station), last]
    first, latest = burst[0].since, burst[-1].since
    named = list(dict.fromkeys(each.station for each in burst))
    incident = derived_id(last.incident_id, "line")
    return last.model_copy(
        update={
            "event_id": derived_id(incident, IncidentKind.OPENED),
            "incident_id": incident,
            "station": EVERY,
            "stations": tuple(each.station for each in members),
            "area": last.area if len({each.area for each in members}) == 1 else "",
            "route": last.route if len({each.route for each in members}) == 1 else None,
            "severity": worst(each.severity for each in members),
            "reason": Why.BURST,
            "opened_at": min(first, *(each.opened_at for each in members)),
            "count": len(members),
            "product": last.product if len({each.product for each in members}) == 1 else None,
            "bundle": last.bundle if len({each.bundle for each in members}) == 1 else None,
            "measure": None,
            "summary": took_it(last.cause, last.line, named, (latest - first).total_seconds()),
            "first_action": first_action(last.cause),
            "evidence": tuple(frame for each in members for frame in each.evidence)[:MOST_EVIDENCE],
        }
    )


def _joined(watch: Watch, whole: IncidentEvent, finding: Finding) -> Step:
    return _changed(watch, whole, (*whole.stations, finding.station), Why.JOINED, finding)


def _changed(watch: Watch, whole: IncidentEvent, stations: tuple[str, ...], why: Why, finding: Finding) -> Step:
    """The line's incident with other stations."""
    frames = (*whole.evidence, *finding.evidence)[:MOST_EVIDENCE] if why is Why.JOINED else whole.evidence
    update = {
        "stations": stations,
        "count": max(whole.count, len(stations)),
        "summary": has_it(whole.cause, whole.line, stations, whole.opened_at),
        "evidence": frames,
    }
    now = whole.model_copy(update=update)
    told = now.model_copy(
        update={
            "event_id": derived_id(whole.incident_id, IncidentKind.UPDATED, str(finding.finding_id), finding.kind),
            "kind": IncidentKind.UPDATED,
            "reason": why,
            "at": finding.at,
        }
    )
    return replace(_without(watch, whole), open=(*_without(watch, whole).open, now)), (Turn(why, told),)


def _without(watch: Watch, incident: IncidentEvent) -> Watch:
    return replace(watch, open=tuple(each for each in watch.open if each.incident_id != incident.incident_id))


def opening(finding: Finding, plan: Plan) -> IncidentEvent:
    """The incident that a finding opens."""
    return IncidentEvent(
        event_id=derived_id(finding.finding_id, IncidentKind.OPENED),
        incident_id=finding.finding_id,
        kind=IncidentKind.OPENED,
        station=finding.station,
        cause=finding.cause,
        severity=plan.severities.get(finding.cause, SEVERITY[finding.cause]),
        reason=Why.BEGAN,
        at=finding.at,
        opened_at=finding.since,
        count=1,
        site=plan.site,
        area=plan.area,
        line=plan.line,
        route=plan.route,
        product=finding.product,
        bundle=finding.bundle,
        first=finding.evidence[0].frame_id if finding.evidence else None,
        last=finding.evidence[-1].frame_id if finding.evidence else None,
        measure=finding.measure,
        summary=finding.sentence,
        first_action=FIRST_ACTION[finding.cause],
        evidence=finding.evidence,
        drill=drill_of(finding.station) is not None,
    )


def ending(held: IncidentEvent, why: StrEnum, at: datetime, sentence: str) -> IncidentEvent:
    """The end of the incident `held`."""
    return held.model_copy(
        update={
            "event_id": derived_id(held.incident_id, IncidentKind.RESOLVED),
            "kind": IncidentKind.RESOLVED,
            "reason": why,
            "at": at,
            "summary": sentence,
            "first_action": "",
        }
    )


def plan_of(station: str, plans: Plans) -> Plan:
    """The plan of a station; what concerns no single one has none."""
    return Plan(EVERY) if station == EVERY else plans.of(station)


def worst(severities: Iterable[Severity]) -> Severity:
    """The severity that calls people soonest."""
    return min(severities, key=list(Severity).index)
