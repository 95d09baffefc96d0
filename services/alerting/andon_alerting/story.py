"""What is written into `incidents`: one event for each turn of an incident's story, told in a sentence. Pure."""

from datetime import datetime, timedelta
from uuid import UUID

from andon.ids import derived_id
from andon.records import Cause, IncidentEvent, IncidentKind, Severity
from andon_alerting.policy import Decision, Open, Why

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
    Cause.INSPECTOR_BROKEN: "Have parts checked by hand; then look at scoring: andon assignments, its log, its lag.",
    Cause.BUNDLE_REFUSED: "Tell whoever assigned it; then `andon rollback`, or assign one that `andon verify` passes.",
    Cause.LEDGER_OUT_OF_BALANCE: "Find the frames that are missing, and the service that lost them.",
    Cause.FALSE_CALLS: "Look at the overruled frames; learn anew with them, or change the budget.",
    Cause.EVIDENCE_AT_RISK: "Find the service that lags behind; or let Kafka keep the topic for longer.",
}


def turned(station: str, decision: Decision) -> IncidentEvent | None:
    """The event of a decision that turned an incident's story; None for one that did not."""
    if decision.kind is None or decision.incident is None or decision.frame is None or decision.at is None:
        return None
    return _event(station, decision.incident, decision.kind, decision.why, decision.frame, decision.at)


def opening(station: str, incident: Open) -> IncidentEvent:
    """The event that opened `incident`, told with what is known by now; its id is that of the first telling."""
    return _event(station, incident, IncidentKind.OPENED, incident.why, incident.first, incident.opened_at)


def paged(about: IncidentEvent, sink: str, at: datetime) -> IncidentEvent:
    """The event that says a sink accepted the page about `about`."""
    told = {"kind": IncidentKind.PAGED, "reason": "accepted", "at": at, "sink": sink, "about": about.kind}
    event_id = derived_id(about.incident_id, IncidentKind.PAGED, about.kind, sink)
    return about.model_copy(update=told | {"event_id": event_id, "evidence": (), "summary": "", "first_action": ""})


def adopted(event: IncidentEvent) -> Open:
    """The open incident that an opened event tells of, where its scores are no longer kept."""
    return Open(
        incident=event.incident_id,
        cause=event.cause,
        opened_at=event.opened_at,
        first=event.evidence[0].frame_id if event.evidence else event.incident_id,
        why=Why(event.reason),
        count=event.count,
        product=event.product,
        bundle=event.bundle,
        evidence=event.evidence,
    )


def _event(station: str, held: Open, kind: IncidentKind, why: str, frame: UUID, at: datetime) -> IncidentEvent:
    over = kind is IncidentKind.RESOLVED
    return IncidentEvent(
        event_id=derived_id(held.incident, kind, str(frame)),
        incident_id=held.incident,
        kind=kind,
        station=station,
        cause=held.cause,
        severity=SEVERITY[held.cause],
        reason=why,
        at=at,
        opened_at=held.opened_at,
        count=held.count,
        product=held.product,
        bundle=held.bundle,
        summary=_good_again(station, held, at) if over else _sentence(station, held),
        first_action="" if over else FIRST_ACTION[held.cause],
        evidence=held.evidence,
    )


def _sentence(station: str, held: Open) -> str:
    """What is wrong, as a person on the floor would say it."""
    match held.cause:
        case Cause.DEFECT_SURGE:
            return f"{station}: {held.bad} of the last {held.of} frames look defective."
        case Cause.SEVERE_DEFECT:
            return f"{station}: a part looks badly wrong, {held.worst or 0:.1f} times the limit."
        case Cause.UNSCORABLE:
            why = f" ({held.detail.replace('_', ' ')})" if held.detail else ""
            return f"{station}: {held.bad} of the last {held.of} frames could not be inspected{why}."
        case Cause.STATION_SILENT:
            last = f" since {held.evidence[0].captured_at:%H:%M:%S} UTC" if held.evidence else ""
            return f"{station} has sent no frame{last}."
        case Cause.BUNDLE_REFUSED:
            return f"{station}: a bundle cannot serve."
    return f"{station}: {held.cause.replace('_', ' ')}."


def _good_again(station: str, held: Open, at: datetime) -> str:
    """That it is over, and how long it took."""
    lasted = spoken(at - held.opened_at)
    match held.cause:
        case Cause.STATION_SILENT:
            return f"{station} sends frames again, after {lasted}."
        case Cause.UNSCORABLE:
            return f"{station}: frames are inspected again, after {lasted} and {held.count} that were not."
    return f"{station} looks good again, after {lasted} and {held.count} bad frames."


def spoken(time: timedelta) -> str:
    """A length of time as people say it: 40 s, 12 min, 3 h 5 min."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
