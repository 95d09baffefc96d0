"""What is written into `incidents`: one event for each turn of an incident's story, told in a sentence. Pure."""

from datetime import datetime, timedelta
from typing import TypedDict
from uuid import UUID

from andon.ids import derived_id, drill_of
from andon.line import Plan
from andon.records import Cause, Change, ChangeKind, IncidentEvent, IncidentKind, Measure, Severity
from andon_alerting.policy import Decision, Open, Why
from andon_alerting.showing import ratio_of

SEVERITY = {
    Cause.DEFECT_SURGE: Severity.CRITICAL,
    Cause.SEVERE_DEFECT: Severity.CRITICAL,
    Cause.UNSCORABLE: Severity.CRITICAL,
    Cause.STATION_SILENT: Severity.WARNING,
    Cause.STATION_FROZEN: Severity.CRITICAL,
    Cause.STATION_DARK: Severity.CRITICAL,
    Cause.STATION_BRIGHT: Severity.CRITICAL,
    Cause.STATION_BLURRED: Severity.CRITICAL,
    Cause.CAMERA_MOVED: Severity.CRITICAL,
    Cause.DRIFT: Severity.WARNING,
    Cause.REJECT_RATE: Severity.WARNING,
    Cause.INSPECTOR_BROKEN: Severity.CRITICAL,
    Cause.BUNDLE_REFUSED: Severity.WARNING,
    Cause.LEDGER_OUT_OF_BALANCE: Severity.CRITICAL,
    Cause.FALSE_CALLS: Severity.WARNING,
    Cause.EVIDENCE_AT_RISK: Severity.WARNING,
}
FIRST_ACTION = {
    Cause.DEFECT_SURGE: "Look at the last parts of this station; stop the line if they are bad.",
    Cause.SEVERE_DEFECT: "Take this part out and look at it, and at the parts right after it.",
    Cause.UNSCORABLE: "Have parts checked by hand until frames are scored again, then find out why they are not.",
    Cause.STATION_SILENT: "Is the line running? Then check the camera's power and network, and ingest.",
    Cause.STATION_FROZEN: "Restart the camera; have parts checked by hand until the picture moves again.",
    Cause.STATION_DARK: "Look at the lamp and at what stands before it.",
    Cause.STATION_BRIGHT: "Look at the lamp, at sunlight, and at the camera's exposure.",
    Cause.STATION_BLURRED: "Wipe the lens; then look at its focus ring.",
    Cause.CAMERA_MOVED: "Look whether somebody touched the camera or the fixture; put it back, or learn anew.",
    Cause.DRIFT: "Look at the frames before and after; nothing has to be stopped.",
    Cause.REJECT_RATE: "Look at the parts that are called: are they bad? Then at what makes them so.",
    Cause.INSPECTOR_BROKEN: "Have parts checked by hand; then look at scoring: andon assignments, its log, its lag.",
    Cause.BUNDLE_REFUSED: "Tell whoever assigned it; then `andon rollback`, or assign one that `andon verify` passes.",
    Cause.LEDGER_OUT_OF_BALANCE: "`andon ledger {station}` names them, and where they vanished; check them by hand.",
    Cause.FALSE_CALLS: "Look at the overruled frames; learn anew with them, or change the budget.",
    Cause.EVIDENCE_AT_RISK: "Find the service that lags behind; or let Kafka keep the topic for longer.",
}


FIRST_BY_REASON = {
    Why.SINCE_SWAP: "Look at one of these parts. If it is good: andon rollback {station}; if not, stop the line.",
    Why.NOT_YET_LEARNED: "Have parts checked by hand; andon assignments says whether a bundle has come. If none will: "
    "andon fit, then andon assign {station}.",
}
"""Where the reason says more than the cause does."""


class Place(TypedDict):
    """Where an event belongs, as the line file says."""

    site: str
    area: str
    line: str
    route: str | None
    drill: bool


def place(plan: Plan) -> Place:
    """The fields that every event of a station has alike."""
    drill = drill_of(plan.station) is not None
    return Place(site=plan.site, area=plan.area, line=plan.line, route=plan.route, drill=drill)


def severity(plan: Plan, held: Open) -> Severity:
    """What the line file says, or the usual. That a new station is not inspected yet wakes nobody."""
    usual = Severity.WARNING if held.why is Why.NOT_YET_LEARNED else SEVERITY[held.cause]
    return plan.severities.get(held.cause, usual)


USUAL = {
    Cause.DEFECT_SURGE: Why.K_OF_N_REACHED,
    Cause.SEVERE_DEFECT: Why.ABOVE_MULTIPLE,
    Cause.UNSCORABLE: Why.UNSCORABLE_K_OF_N,
    Cause.STATION_SILENT: Why.SILENT,
}
"""Why an incident of each of the scores' causes opens, as a rule."""


def turned(plan: Plan, decision: Decision) -> IncidentEvent | None:
    """The event of a decision that turned an incident's story; None for one that did not."""
    if decision.kind is None or decision.incident is None or decision.frame is None or decision.at is None:
        return None
    return _event(plan, decision.incident, decision.kind, decision.why, decision.frame, decision.at)


def opening(plan: Plan, incident: Open) -> IncidentEvent:
    """The event that opened `incident`, told with what is known by now; its id is that of the first telling."""
    return _event(plan, incident, IncidentKind.OPENED, incident.why, incident.opener, incident.opened_at)


def refreshed(opened: IncidentEvent, incident: Open) -> IncidentEvent:
    """The event that opened `incident`, told with what is known by now. Where it belongs and how severe it is stay what
    they were: sinks know it by them."""
    now = {
        "count": incident.count,
        "last": incident.last,
        "summary": _sentence(opened.station, incident),
        "changed": incident.changed,
        "evidence": incident.evidence,
    }
    return opened.model_copy(update=now)


def paged(about: IncidentEvent, sink: str, at: datetime) -> IncidentEvent:
    """The event that says a sink accepted the page about `about`."""
    told = {"kind": IncidentKind.PAGED, "reason": "accepted", "at": at, "sink": sink, "about": about.kind}
    event_id = derived_id(about.incident_id, IncidentKind.PAGED, about.kind, sink)
    return about.model_copy(update=told | {"event_id": event_id, "evidence": (), "summary": "", "first_action": ""})


def adopted(opened: IncidentEvent, latest: IncidentEvent) -> Open:
    """The open incident that its first and its latest event tell of, where its scores are no longer kept.

    Another version of Andon may have given a reason that this one does not know; then it is the usual one.
    """
    opener = opened.evidence[0].frame_id if opened.evidence else opened.incident_id
    worst = max(map(ratio_of, latest.evidence), default=0.0) or None
    return Open(
        incident=opened.incident_id,
        cause=opened.cause,
        opened_at=opened.opened_at,
        opener=opener,
        first=latest.first or opener,
        last=latest.last or opener,
        why=next((why for why in Why if why == opened.reason), USUAL[opened.cause]),
        count=latest.count,
        worst=worst,
        told=worst,
        product=latest.product,
        bundle=latest.bundle,
        changed=latest.changed,
        evidence=latest.evidence,
        traceparent=opened.traceparent,
    )


def _event(plan: Plan, held: Open, kind: IncidentKind, why: str, frame: UUID, at: datetime) -> IncidentEvent:
    return IncidentEvent(
        event_id=derived_id(held.incident, kind, str(frame)),
        incident_id=held.incident,
        kind=kind,
        station=plan.station,
        cause=held.cause,
        severity=severity(plan, held),
        reason=why,
        at=at,
        opened_at=held.opened_at,
        count=held.count,
        **place(plan),
        product=held.product,
        bundle=held.bundle,
        first=held.first,
        last=held.last,
        changed=held.changed,
        measure=_measure(plan, held),
        summary=_summary(plan.station, held, kind, why, at),
        first_action="" if kind is IncidentKind.RESOLVED else _first_action(plan.station, held),
        evidence=held.evidence,
        traceparent=held.traceparent,
    )


def _measure(plan: Plan, held: Open) -> Measure | None:
    """How long a silent station has sent nothing. Elsewhere the worst score in the evidence says how bad it is."""
    limit = plan.policy.silent_after_s
    if held.cause is not Cause.STATION_SILENT or limit is None or not held.evidence:
        return None
    without = round((held.opened_at - held.evidence[0].captured_at).total_seconds(), 1)
    return Measure(name="without a frame", value=without, limit=limit, unit="s")


def _first_action(station: str, held: Open) -> str:
    return FIRST_BY_REASON.get(held.why, FIRST_ACTION[held.cause]).format(station=station)


def _summary(station: str, held: Open, kind: IncidentKind, why: str, at: datetime) -> str:
    match kind:
        case IncidentKind.RESOLVED:
            return _good_again(station, held, why, at)
        case IncidentKind.UPDATED:
            return _worse(station, held, at)
    return _sentence(station, held)


def _sentence(station: str, held: Open) -> str:
    """What is wrong, as a person on the floor would say it."""
    of = f" of {held.product}" if held.product else ""
    match held.cause:
        case Cause.DEFECT_SURGE:
            seen = f"{station}: {held.bad} of the last {held.of} frames{of} look defective"
            return f"{seen}{_since_swap(held)}."
        case Cause.SEVERE_DEFECT:
            return f"{station}: a part{of} looks badly wrong, {held.worst or 0:.1f} times the limit."
        case Cause.UNSCORABLE:
            return _not_inspected(station, held, of)
        case Cause.STATION_SILENT:
            last = f" since {held.evidence[0].captured_at:%H:%M:%S} UTC" if held.evidence else ""
            return f"{station} has sent no frame{last}."
    return f"{station}: {held.cause.replace('_', ' ')}."


def _since_swap(held: Open) -> str:
    if held.why is not Why.SINCE_SWAP:
        return ""
    return f" since bundle {short(held.bundle)} took over: likely it is the bundle, not the parts"


def _not_inspected(station: str, held: Open, of: str) -> str:
    if held.why is Why.NOT_YET_LEARNED:
        return f"{station} is new here and not inspected: no bundle serves it yet. It may be being learned."
    why = f" ({held.detail.replace('_', ' ')})" if held.detail else ""
    return f"{station}: {held.bad} of the last {held.of} frames{of} could not be inspected{why}."


def _worse(station: str, held: Open, at: datetime) -> str:
    """That it goes on, and is more or worse than last told."""
    lasted = at - held.opened_at
    after = f", after {spoken(lasted)}" if lasted >= timedelta(seconds=1) else ""
    if held.cause is Cause.UNSCORABLE:
        return f"{station}: {held.count} frames could not be inspected by now{after}."
    worst = f"; the worst is {held.worst:.1f} times the limit" if held.worst else ""
    return f"{station}: {held.count} frames look defective by now{after}{worst}."


def _good_again(station: str, held: Open, why: str, at: datetime) -> str:
    """That it is over, and how long it took."""
    lasted = spoken(at - held.opened_at)
    match held.cause:
        case Cause.STATION_SILENT:
            return f"{station} sends frames again, after {lasted}."
        case Cause.UNSCORABLE:
            again = "now" if held.why is Why.NOT_YET_LEARNED else "again"
            return f"{station}: frames are inspected {again}, after {lasted} and {held.count} that were not."
    bad = f"{held.count} bad frame{'' if held.count == 1 else 's'}"
    if why == Why.CHANGED_OVER:
        return (
            f"{station} makes {held.product or 'the other product'} no more, and looks good, after {lasted} and {bad}."
        )
    return f"{station} looks good again, after {lasted} and {bad}."


def what_changed(change: Change, began: datetime) -> str:
    """The last change before an incident `began`: `12 min before: bundle 4be14b replaced 77c077`."""
    ago = began - change.at
    at_once = "at the same time" if change.kind is ChangeKind.DRIFT else "with this very frame"
    when = f"{spoken(ago)} before" if ago >= timedelta(seconds=1) else at_once
    return f"{when}: {_turn_of(change)}"


def _turn_of(change: Change) -> str:
    match change.kind:
        case ChangeKind.SWAP:
            return f"bundle {short(change.after)} replaced {short(change.before)}"
        case ChangeKind.CHANGEOVER:
            return f"changed over from {change.before or 'no named product'} to {change.after or 'no named product'}"
        case ChangeKind.DRIFT:
            return change.sentence or "it drifted"
    return f"scoring runs on {change.after} instead of {change.before}"


def short(digest: str | None) -> str:
    """As many digits of a bundle's digest as every command takes for the whole."""
    return (digest or "nothing")[:6]


def spoken(time: timedelta) -> str:
    """A length of time as people say it: 40 s, 12 min, 3 h 5 min, 6 days."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} days"
