"""What is written into `incidents` of findings: how an incident opens, of whom and what it tells, how it ends. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import zip_longest

from andon.ids import derived_id, drill_of
from andon.line import Plan
from andon.records import Cause, Change, ChangeKind, Drift, Evidence, Finding, IncidentEvent, IncidentKind, Severity
from andon.records.assignment import EVERY
from andon.records.incident import MOST_EVIDENCE
from andon_alerting.drift_words import first_of, one_sentence, without_station
from andon_alerting.line_words import first_action, has_it, took_it
from andon_alerting.story import FIRST_ACTION, SEVERITY
from andon_alerting.watch import PARTNER, Found

HARM = ("with_harm", "does_harm")
"""The reasons of incidents of which one finding tells that it drifts, another that more parts are called."""


def opening(
    finding: Finding, plan: Plan, why: StrEnum, *, harm: bool = False, beside: Sequence[Found] = ()
) -> IncidentEvent:
    """The incident that a finding opens. `harm`: more parts are called where something has drifted; `beside` are the
    drifts that last at a station whose parts are called more often."""
    usual = Severity.CRITICAL if harm else SEVERITY[finding.cause]
    drift = finding.drift or next((each.drift for each in reversed(beside)), None)
    return IncidentEvent(
        event_id=derived_id(finding.finding_id, IncidentKind.OPENED),
        incident_id=finding.finding_id,
        kind=IncidentKind.OPENED,
        station=finding.station,
        cause=finding.cause,
        severity=plan.severities.get(finding.cause, usual),
        reason=why,
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
        changed=_drifted(finding, drift, beside) if finding.cause is Cause.REJECT_RATE else None,
        measure=finding.measure,
        drift=drift,
        summary=finding.sentence,
        first_action=_first_action(finding.cause, drift),
        evidence=shown(drift, finding.evidence),
        drill=drill_of(finding.station) is not None,
    )


def _first_action(cause: Cause, drift: Drift | None) -> str:
    """What to do first; of called parts where something has drifted, both."""
    if drift is None or cause not in PARTNER:
        return FIRST_ACTION[cause]
    first = first_of(drift.named)
    return (
        first if cause is Cause.DRIFT else f"Look at the called parts. If they are good: {first[0].lower()}{first[1:]}"
    )


def _drifted(finding: Finding, drift: Drift | None, beside: Sequence[Found]) -> Change | None:
    """What drifted at a station whose parts are called more often, as the last thing that changed there."""
    if drift is None:
        return None
    said = next((each.sentence for each in reversed(beside) if each.named is drift.named), "")
    sentence = without_station(said, finding.station) if said else one_sentence(drift)
    return Change(kind=ChangeKind.DRIFT, at=drift.since, sentence=sentence)


def shown(drift: Drift | None, *frames: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Some frames, each once: before all others the two that `drift` shows side by side, which must be kept."""
    found = {each.frame_id: each for some in frames for each in some}
    pair = {each: found[each] for each in (drift.before, drift.after) if each in found} if drift else {}
    return tuple({**pair, **found}.values())[:MOST_EVIDENCE]


def of_both(own: IncidentEvent, told: Sequence[Found], finding: Finding) -> IncidentEvent:
    """The incident of a station where one thing more drifts: it tells of all of them, and shows the newest."""
    update = {
        "summary": in_turn(told, own),
        "drift": finding.drift or own.drift,
        "first_action": first_of(finding.drift.named) if finding.drift else own.first_action,
        "evidence": shown(finding.drift, finding.evidence, own.evidence),
        "count": max(own.count, len(told)),
    }
    return own.model_copy(update=update)


def of_the_rest(own: IncidentEvent, told: Sequence[Found]) -> IncidentEvent:
    """The incident of a station of whose drifts some ended, or are told of elsewhere: it tells of the others."""
    last = told[-1]
    update: dict[str, object] = {"summary": in_turn(told, own)}
    if own.drift is None or own.drift.named not in {each.named for each in told}:
        update |= {"drift": last.drift, "first_action": first_of(last.named) if last.named else own.first_action}
    return own.model_copy(update=update)


def in_turn(told: Sequence[Found], own: IncidentEvent) -> str:
    """What was said of each, one after the other: `weld-07: the light fades. Also: framing moved 11 px left.`"""
    first, *others = [each.sentence for each in told if each.sentence] or [own.summary]
    if not others:
        return first
    return " ".join(
        [f"{first.removesuffix('.')}.", *(f"Also: {without_station(each, own.station)}." for each in others)]
    )


def of_line(
    last: IncidentEvent,
    others: Sequence[IncidentEvent],
    burst: Sequence[Found],
    severity: Severity,
    reason: StrEnum,
) -> IncidentEvent:
    """The incident of the line that `last` completes; `others` are the open incidents of its stations that have it,
    too. Without a line it is that of the site's stations that have none."""
    members = [*(each for each in others if each.station != last.station), last]
    since, latest = burst[0].since, burst[-1].since
    named = list(dict.fromkeys(each.station for each in burst))
    incident = derived_id(last.incident_id, "line")
    drift = next((each.drift for each in members if each.drift and each.drift.rejects), last.drift)
    return last.model_copy(
        update={
            "event_id": derived_id(incident, IncidentKind.OPENED),
            "incident_id": incident,
            "station": EVERY,
            "stations": tuple(each.station for each in members),
            "area": last.area if len({each.area for each in members}) == 1 else "",
            "route": last.route if len({each.route for each in members}) == 1 else None,
            "severity": severity,
            "reason": reason,
            "opened_at": min(since, *(each.opened_at for each in members)),
            "count": len(members),
            "product": last.product if len({each.product for each in members}) == 1 else None,
            "bundle": last.bundle if len({each.bundle for each in members}) == 1 else None,
            "measure": None,
            "drift": drift,
            "summary": took_it(last, named, (latest - since).total_seconds()),
            "first_action": first_action(last),
            "evidence": shown(drift, _one_of_each(members)),
        }
    )


def _one_of_each(members: Sequence[IncidentEvent]) -> Iterable[Evidence]:
    """The first frame of each, then the second of each, so that all are seen."""
    rounds = zip_longest(*(each.evidence for each in members))
    return (frame for some in rounds for frame in some if frame is not None)


def of_stations(whole: IncidentEvent, stations: tuple[str, ...], evidence: tuple[Evidence, ...] = ()) -> IncidentEvent:
    """The line's incident with other stations."""
    return whole.model_copy(
        update={
            "stations": stations,
            "count": max(whole.count, len(stations)),
            "summary": has_it(whole, stations),
            "evidence": shown(whole.drift, whole.evidence, evidence),
        }
    )


def updated(now: IncidentEvent, why: StrEnum, by: Finding) -> IncidentEvent:
    """The event that tells how an incident stands since a turn of a finding."""
    return now.model_copy(
        update={
            "event_id": derived_id(now.incident_id, IncidentKind.UPDATED, str(by.finding_id), by.kind),
            "kind": IncidentKind.UPDATED,
            "reason": why,
            "at": by.at,
        }
    )


def severer(now: IncidentEvent, severity: Severity, why: StrEnum, at: datetime) -> IncidentEvent:
    """The incident as which another one goes on that calls people sooner: sinks know one by its severity, too."""
    incident = derived_id(now.incident_id, severity)
    return now.model_copy(
        update={
            "event_id": derived_id(incident, IncidentKind.OPENED),
            "incident_id": incident,
            "severity": severity,
            "reason": why,
            "at": at,
        }
    )


def does_harm(event: IncidentEvent) -> bool:
    """Whether parts are called more often where something has drifted."""
    if event.cause is Cause.REJECT_RATE:
        return event.drift is not None
    told = event.drift is not None and event.drift.rejects is not None
    return event.cause is Cause.DRIFT and (told or event.reason in HARM)


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


def worst(severities: Iterable[Severity]) -> Severity:
    """The severity that calls people soonest."""
    return min(severities, key=list(Severity).index)
