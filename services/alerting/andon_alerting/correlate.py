"""Which incidents the findings of one cause make: one a station, or one for a whole line. Pure.

Nobody waits to see whether more stations follow: the first ones open as incidents of their stations at once. When so
many stations of a line have the same image or drift cause within the burst's time, one incident of the line takes the
place of theirs; further stations join it, stations that are well leave it, and the last one ends it. What drifted has a
name: only what is named alike is the same. Stations that belong to no line share a drift with those of their site.

The burst counts when each finding began (`since`), and counts those that have ended meanwhile, so that it does not
matter in which order simultaneous findings arrive. When something began to drift is an estimate, so a drift may have
begun farther apart.

Drift calls nobody, nor do parts that are called more often; both at one station do, once: the incident of whichever
finding came second is critical. Where that finding belongs to an incident that is open and milder, another incident
takes its place.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from andon.line import Plans
from andon.records import Cause, DriftCause, Finding, FindingKind, IncidentEvent
from andon.records.assignment import EVERY
from andon_alerting.finding_story import (
    ending,
    of_both,
    of_line,
    of_stations,
    of_the_rest,
    opening,
    severer,
    updated,
    worst,
)
from andon_alerting.watch import Found, Line, Watch, line_of, named_in, note, plan_of, repeated, shared_by

DRIFT_TIMES = 10.0  # the burst's time: an onset is estimated to some blocks of frames


class Why(StrEnum):
    """The reason of a decision about a finding."""

    REPEATED = "repeated"  # this turn of the finding was said before: changes nothing
    BEGAN = "began"  # the first finding of its cause at the station: its incident opens
    WITH_HARM = "with_harm"  # the same, and parts are called more often where something drifts: people are called
    STILL_OPEN = "still_open"  # another finding of a cause that is open at the station: one incident for both
    ALSO = "also"  # something else drifts at the station as well: its incident tells of both
    BURST = "burst"  # many stations of the line have it at the same time: the line's incident opens
    PART_OF_LINE = "part_of_line"  # the station's incident goes on as that of its line
    JOINED = "joined"  # one more station of a line whose incident is open
    DOES_HARM = "does_harm"  # an incident that called nobody goes on as one that does
    STILL_FOUND = "still_found"  # one of several findings ended: the incident goes on
    THE_REST = "the_rest"  # one of several things that drift ended: the incident tells of the others
    LEFT = "left"  # a station is well again, others of its line are not
    ENDED = "ended"  # nothing is found any more: over
    UNKNOWN = "unknown"  # the end of a finding that no open incident tells of: changes nothing


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing decided, with the event that tells of it, where it turned an incident's story."""

    why: Why
    event: IncidentEvent | None = None


Step = tuple[Watch, tuple[Turn, ...]]


def take(watch: Watch, finding: Finding, plans: Plans, other: Watch | None = None) -> Step:
    """What is remembered after `finding`, and what was decided. `other` is the watch of its cause's partner."""
    if repeated(watch, finding):
        return watch, (Turn(Why.REPEATED),)
    other = other or Watch()
    after = note(watch, finding, other)
    if finding.kind is FindingKind.BEGAN:
        return _began(after, finding, plans, other)
    return _ended(after, finding)


def _began(watch: Watch, finding: Finding, plans: Plans, other: Watch) -> Step:
    new, plan, named = watch.found[-1], plan_of(finding.station, plans), named_in(finding)
    beside = other.lasting(finding.station) if finding.cause is Cause.REJECT_RATE else ()
    opened = opening(finding, plan, Why.WITH_HARM if new.harm else Why.BEGAN, harm=new.harm, beside=beside)
    line = shared_by(plan, finding.cause)
    whole, own = watch.whole(line, named) if line else None, watch.own(finding.station)
    if whole:
        return _of_whole(watch, whole, finding, opened)
    burst = _burst(watch, new, line, plans, finding.cause) if line else []
    if line and len({each.station for each in burst}) >= plans.burst.stations:
        return _became_one(watch, burst, finding, line, opened)
    if own:
        return _of_own(watch, own, finding, opened)
    return replace(watch, open=(*watch.open, opened)), (Turn(Why(opened.reason), opened),)


def _of_whole(watch: Watch, whole: IncidentEvent, finding: Finding, opened: IncidentEvent) -> Step:
    """A finding of which the line has an incident."""
    is_known = finding.station in whole.stations
    stations = whole.stations if is_known else (*whole.stations, finding.station)
    now = of_stations(whole, stations, opened.evidence)
    if _calls_sooner(opened, whole):
        return _does_harm(watch, whole, now, opened)
    if is_known:
        return watch, (Turn(Why.STILL_OPEN),)
    return watch.telling_now(now), (Turn(Why.JOINED, updated(now, Why.JOINED, finding)),)


def _of_own(watch: Watch, own: IncidentEvent, finding: Finding, opened: IncidentEvent) -> Step:
    """A finding at a station that has an incident open."""
    told = watch.told_by(own)
    is_known = len([each for each in told if each.named is named_in(finding)]) > 1
    now = own if is_known else of_both(own, told, finding)
    if _calls_sooner(opened, own):
        return _does_harm(watch, own, now, opened)
    if is_known or finding.cause is not Cause.DRIFT:
        return watch, (Turn(Why.STILL_OPEN),)
    return watch.telling_now(now), (Turn(Why.ALSO, updated(now, Why.ALSO, finding)),)


def _calls_sooner(opened: IncidentEvent, held: IncidentEvent) -> bool:
    """Whether people must be called by `opened`, who were not by the open incident that it belongs to."""
    return opened.reason == Why.WITH_HARM and worst((opened.severity, held.severity)) is not held.severity


def _does_harm(watch: Watch, held: IncidentEvent, now: IncidentEvent, opened: IncidentEvent) -> Step:
    """The incident `held` goes on, as it is `now`, as one that calls people."""
    drift = opened.drift if opened.drift and opened.drift.rejects else now.drift
    grown = now.model_copy(update={"drift": drift, "changed": opened.changed or now.changed})
    goes_on = severer(grown, opened.severity, Why.DOES_HARM, opened.at)
    over = ending(held, Why.DOES_HARM, opened.at, f"{_where(held)}: it does harm by now, and goes on as a page.")
    after = watch.without(held).telling_now(goes_on)
    return after, (Turn(Why.DOES_HARM, over), Turn(Why.DOES_HARM, goes_on))


def _where(held: IncidentEvent) -> str:
    return (f"line {held.line}" if held.line else "the stations") if held.stations else held.station


def _ended(watch: Watch, finding: Finding) -> Step:
    gone, held = watch.over[-1], watch.telling(finding.station, named_in(finding))
    if held is None:
        return watch, (Turn(Why.UNKNOWN),)
    if gone.settled:
        return watch, (Turn(Why.STILL_FOUND),)
    told = watch.told_by(held)
    if any(each.station == finding.station and each.named is gone.named for each in told):
        return watch, (Turn(Why.STILL_FOUND),)
    if left := tuple(each for each in held.stations if each != finding.station):
        return _told_now(watch, of_stations(held, left), Why.LEFT, finding)
    if told and not held.stations:
        return _told_now(watch, of_the_rest(held, told), Why.THE_REST, finding)
    return watch.without(held), (Turn(Why.ENDED, ending(held, Why.ENDED, finding.at, finding.sentence)),)


def _told_now(watch: Watch, now: IncidentEvent, why: Why, finding: Finding) -> Step:
    return watch.telling_now(now), (Turn(why, updated(now, why, finding)),)


def _burst(watch: Watch, new: Found, line: Line, plans: Plans, cause: Cause) -> list[Found]:
    """The findings of the line in the fullest time of the burst's length that `new` lies in, earliest first."""
    within_s = plans.burst.within_s * (DRIFT_TIMES if cause is Cause.DRIFT else 1.0)
    alike = [each for each in (*watch.found, *watch.over) if each.named is new.named and not each.settled]
    here = [each for each in alike if shared_by(plan_of(each.station, plans), cause) == line]
    here.sort(key=lambda each: (each.since, each.station))

    def within(start: Found) -> list[Found]:
        ages = [(each, (each.since - start.since).total_seconds()) for each in here]
        return [each for each, age_s in ages if 0 <= age_s <= within_s]

    ours = [found for found in map(within, here) if any(each.finding == new.finding for each in found)]
    return max(ours, key=lambda found: len({each.station for each in found}), default=[])


def _became_one(watch: Watch, burst: list[Found], finding: Finding, line: Line, opened: IncidentEvent) -> Step:
    """The line's incident takes the place of those of its stations. What else drifts there stays theirs."""
    alone, mixed = _having_it(watch, line, named_in(finding))
    severity = worst(each.severity for each in (*alone, opened))
    whole = of_line(opened, (*alone, *mixed), burst, severity, Why.BURST)
    goes_on = f"goes on as the incident of line {whole.line}" if whole.line else "goes on as one incident of them all"
    over = [
        ending(each, Why.PART_OF_LINE, finding.at, f"{each.station} is not alone with it: {goes_on}.") for each in alone
    ]
    after = replace(watch, open=(*(each for each in watch.open if each not in alone), whole))
    after, rest = _without_what_the_line_tells(after, mixed, finding)
    return after, (*(Turn(Why.PART_OF_LINE, each) for each in over), *rest, Turn(Why.BURST, whole))


def _having_it(watch: Watch, line: Line, named: DriftCause | None) -> tuple[list[IncidentEvent], list[IncidentEvent]]:
    """The open incidents of single stations of the line that tell of what is `named` so: of nothing else, and of
    something else as well."""
    alone, mixed = list[IncidentEvent](), list[IncidentEvent]()
    for own in watch.open:
        if own.stations or own.station == EVERY or line_of(own) != line:
            continue
        names = {each.named for each in watch.told_by(own)}
        if names <= {named}:
            alone.append(own)
        elif named in names:
            mixed.append(own)
    return alone, mixed


def _without_what_the_line_tells(
    watch: Watch, mixed: list[IncidentEvent], finding: Finding
) -> tuple[Watch, list[Turn]]:
    """Incidents of stations that told of what their line's incident tells of now, and of something else: of that only.
    The one that never told of it says nothing."""
    turns = []
    for own in mixed:
        earlier = [each for each in watch.found if each.station == own.station and each.finding != finding.finding_id]
        if any(each.named is named_in(finding) and not each.settled for each in earlier):
            now = of_the_rest(own, watch.told_by(own))
            watch = watch.telling_now(now)
            turns.append(Turn(Why.THE_REST, updated(now, Why.THE_REST, finding)))
    return watch, turns
