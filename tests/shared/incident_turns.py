"""Turns of incidents written by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from andon.ids import derived_id, frame_id
from andon.records import Cause, Evidence, FramePlace, IncidentEvent, IncidentKind, Severity, write_event
from andon.stage import Record
from andon.topics import INCIDENTS


def ago(**time: float) -> datetime:
    """Some time ago, to the second."""
    return (datetime.now(UTC) - timedelta(**time)).replace(microsecond=0)


def opened(station: str = "weld-07", at: datetime | None = None, **other: Any) -> IncidentEvent:
    """An incident that begins."""
    at = at or ago(minutes=12)
    incident = derived_id(frame_id(station, 1, int(at.timestamp())), str(other.get("cause", Cause.DEFECT_SURGE)))
    fields: dict[str, Any] = {
        "event_id": derived_id(incident, "opened"),
        "incident_id": incident,
        "kind": IncidentKind.OPENED,
        "station": station,
        "cause": Cause.DEFECT_SURGE,
        "severity": Severity.CRITICAL,
        "reason": "surge",
        "at": at,
        "opened_at": at,
        "count": 3,
        "line": "body",
        "bundle": "b" * 64,
        "summary": f"{station}: 3 of the last 5 frames look defective.",
        "first_action": "Look at the last parts of this station.",
        "evidence": (evidence(station, at),),
    }
    return IncidentEvent.model_validate(fields | other)


def evidence(station: str, at: datetime, seq: int = 7, **other: Any) -> Evidence:
    """One frame."""
    fields: dict[str, Any] = {
        "frame_id": frame_id(station, 1, seq),
        "frame": FramePlace(topic="camera.frames", partition=2, offset=1000 + seq),
        "captured_at": at,
        "score": 0.2,
        "threshold": 0.1,
    }
    return Evidence.model_validate(fields | other)


def turn(event: IncidentEvent, kind: IncidentKind, at: datetime, **other: Any) -> IncidentEvent:
    """Another turn of the same incident."""
    name = "/".join([kind, *(str(each) for each in other.values())])
    return event.model_copy(update={"event_id": derived_id(event.incident_id, name), "kind": kind, "at": at} | other)


def paged(event: IncidentEvent, sink: str, reason: str = "accepted") -> IncidentEvent:
    """That a sink was told."""
    said = {"sink": sink, "about": event.kind, "reason": reason, "summary": "", "evidence": ()}
    return turn(event, IncidentKind.PAGED, event.at + timedelta(seconds=1), **said)


def over(event: IncidentEvent, at: datetime, **other: Any) -> IncidentEvent:
    """That it is over."""
    said = {"summary": f"{event.station} looks good again.", "first_action": ""}
    return turn(event, IncidentKind.RESOLVED, at, **(said | other))


def acknowledged(event: IncidentEvent, by: str, at: datetime, note: str | None = None) -> IncidentEvent:
    """That somebody has taken it on."""
    said = {"by": by, "note": note, "summary": f"{by} has taken it on.", "evidence": ()}
    return turn(event, IncidentKind.ACKNOWLEDGED, at, **said)


def short(event: IncidentEvent) -> str:
    """As people type it."""
    return event.incident_id.hex[:8]


def other_id(text: str) -> UUID:
    """An id of that beginning."""
    return UUID(text.ljust(32, "0"))


def records(*told: IncidentEvent) -> list[Record]:
    """The records that hold them, in order."""
    return [Record(INCIDENTS, 0, n, each.station.encode(), write_event(each)) for n, each in enumerate(told)]
