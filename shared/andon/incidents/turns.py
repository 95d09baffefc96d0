"""What people say to an incident, as events of `incidents`: that they have taken it on, that it is over. Pure.

Whoever writes one (a command, the console) keys it by the event's station, as every event of the incident is.
"""

from datetime import datetime
from typing import Any

from andon.errors import Mistake
from andon.ids import derived_id
from andon.incidents.chronicle import Incident
from andon.incidents.when import spoken, stamp
from andon.records import IncidentEvent, IncidentKind

BY_A_PERSON = "by_a_person"
"""The reason of an event that people wrote."""

MOST_NAME = 128
MOST_NOTE = 1000
MOST_TOLD = 800  # of a note, in the sentence


def acknowledged(incident: Incident, by: str, note: str, at: datetime) -> IncidentEvent:
    """The event that says `by` has taken it on; the same person saying it again makes the same."""
    who = by[:MOST_NAME]
    said = {
        "event_id": derived_id(incident.id, IncidentKind.ACKNOWLEDGED, by),
        "summary": f"{who} has taken it on{_why(note)}",
        "evidence": (),
    }
    return _said(incident, IncidentKind.ACKNOWLEDGED, who, note, at, said)


def resolved(incident: Incident, by: str, note: str, at: datetime) -> IncidentEvent:
    """The event that says `by` has ended it; the same person saying it again makes the same."""
    who, lasted = by[:MOST_NAME], spoken(at - incident.since)
    said = {
        "event_id": derived_id(incident.id, IncidentKind.RESOLVED, BY_A_PERSON, by),
        "summary": f"{incident.where}: {who} ended it after {lasted}{_why(note)}",
    }
    return _said(incident, IncidentKind.RESOLVED, who, note, at, said)


def ended_by_a_person(event: IncidentEvent) -> bool:
    """Whether `event` is a person's word that the incident is over."""
    return event.kind is IncidentKind.RESOLVED and event.reason == BY_A_PERSON


def refuse_over(incident: Incident, nothing: str) -> None:
    """Raises Mistake where the incident is over: since when, by whom, and that there is `nothing` left to do."""
    over = incident.resolved
    if over is None:
        return
    by = f" ({over.by} ended it)" if ended_by_a_person(over) and over.by else ""
    what = f"{incident.short}, {incident.last.cause} at {incident.where}"
    raise Mistake(f"{what}, has been over since {stamp(over.at)} UTC{by}; there is nothing to {nothing}")


def _said(
    incident: Incident, kind: IncidentKind, by: str, note: str, at: datetime, said: dict[str, Any]
) -> IncidentEvent:
    common = {
        "kind": kind,
        "reason": BY_A_PERSON,
        "at": at,
        "by": by,
        "note": note[:MOST_NOTE] or None,
        "first_action": "",
        "sink": None,
        "about": None,
    }
    return incident.last.model_copy(update=common | said)


def _why(note: str) -> str:
    return f": {note[:MOST_TOLD]}" if note else "."
