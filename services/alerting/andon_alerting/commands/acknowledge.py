"""`andon acknowledge`: say that you have taken an incident on."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from andon.commands.words import print_json, say, who
from andon.incidents import Incident, acknowledged, refuse_over, spoken, taken_by
from andon.records import IncidentEvent
from andon.settings import load
from andon_alerting.commands import desk as desks
from andon_alerting.commands.saying import meant, record, write


def acknowledge(
    incident: Annotated[str, typer.Argument(help="Its first 6 digits or more; or a station that has one open.")],
    note: Annotated[str, typer.Option(help="What you are about to do; everybody is shown it.")] = "",
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Your name; default: your user's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say that you have taken an incident on, so that nobody else gets up for it.

    It stays open, and Alertmanager goes on reminding: the reminders, and the webhook, say who has it. The first who
    acknowledges counts. To be called no more, silence the station: andon silence STATION 2h --why '...'. When it is
    mended: andon resolve.

    Example: andon acknowledge 4be1a3 --note "on my way, looking at the lamp"
    """
    now = datetime.now(UTC)
    desk = desks.open_desk(load(desks.PeopleSettings).kafka)
    found = meant(desk, incident, now)
    refuse_over(found, "take on")
    before = found.taken
    event = acknowledged(found, by or who(), note.strip(), now)
    if before is None:
        write(desk, event)
    say(_done(found, event))
    if as_json:
        print_json(record(found, before or event) | {"first": before is None})


def _done(incident: Incident, event: IncidentEvent) -> str:
    what = f"{incident.short}, {incident.last.cause} at {incident.where}"
    if incident.taken is not None:
        return f"{what}: {taken_by(incident)} UTC was first and has it; nothing was written"
    return f"{what}, open for {spoken(event.at - incident.since)}: you have it now; pages say so"
