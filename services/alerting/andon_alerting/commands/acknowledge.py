"""`andon acknowledge`: say that you have taken an incident on."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from andon.commands.words import print_json, say, who
from andon.errors import Mistake
from andon.ids import derived_id
from andon.records import IncidentEvent, IncidentKind, write_event
from andon.settings import load
from andon.stage import Message
from andon.topics import INCIDENTS
from andon_alerting.commands import desk as desks
from andon_alerting.commands.chronicle import Chronicle, Incident, taken_by
from andon_alerting.commands.reading import shown
from andon_alerting.commands.sifting import named, sifted
from andon_alerting.commands.when import spoken, stamp

HORIZON = timedelta(days=30)


def acknowledge(
    incident: Annotated[str, typer.Argument(help="Its first 6 digits or more; or a station that has one open.")],
    note: Annotated[str, typer.Option(help="What you are about to do; everybody is shown it.")] = "",
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Your name; default: your user's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say that you have taken an incident on, so that nobody else gets up for it.

    It stays open, and Alertmanager goes on reminding: the reminders, and the webhook, say who has it. The first who
    acknowledges counts. To be called no more, silence the station: andon silence STATION 2h --why '...'.

    Example: andon acknowledge 4be1a3 --note "on my way, looking at the lamp"
    """
    now, settings = datetime.now(UTC), load(desks.PeopleSettings)
    desk = desks.open_desk(settings.kafka)
    records = sifted(shown(desk.log(INCIDENTS, now - HORIZON)), now, named(incident))
    found = Chronicle().read(records).meant(incident)
    _refuse_over(found)
    before = found.taken
    event = acknowledged(found, by or who(), note.strip(), now)
    if before is None:
        desk.write([Message(INCIDENTS, event.station.encode(), write_event(event))])
    say(_done(found, event))
    if as_json:
        print_json(_record(found, before or event, first=before is None))


def acknowledged(incident: Incident, by: str, note: str, at: datetime) -> IncidentEvent:
    """The event that says so; the same person saying it again makes the same."""
    last = incident.last
    said = {
        "event_id": derived_id(incident.id, IncidentKind.ACKNOWLEDGED, by),
        "kind": IncidentKind.ACKNOWLEDGED,
        "reason": "by_a_person",
        "at": at,
        "by": by[:128],
        "note": note[:1000] or None,
        "summary": f"{by[:128]} has taken it on{f': {note[:800]}' if note else '.'}",
        "first_action": "",
        "evidence": (),
        "sink": None,
        "about": None,
    }
    return last.model_copy(update=said)


def _refuse_over(incident: Incident) -> None:
    over = incident.resolved
    if over is not None:
        raise Mistake(
            f"{incident.short}, {incident.last.cause} at {incident.where}, has been over since {stamp(over.at)} UTC; "
            "there is nothing to take on"
        )


def _done(incident: Incident, event: IncidentEvent) -> str:
    what = f"{incident.short}, {incident.last.cause} at {incident.where}"
    if incident.taken is not None:
        return f"{what}: {taken_by(incident)} UTC was first and has it; nothing was written"
    return f"{what}, open for {spoken(event.at - incident.since)}: you have it now; pages say so"


def _record(incident: Incident, event: IncidentEvent, *, first: bool) -> dict[str, Any]:
    return {
        "incident": str(incident.id),
        "station": incident.last.station,
        "cause": incident.last.cause.value,
        "by": event.by,
        "at": event.at.isoformat(),
        "note": event.note,
        "first": first,
    }
