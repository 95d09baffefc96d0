"""`andon resolve`: say that an incident is over."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from andon.commands.words import print_json, say, who
from andon.incidents import Incident, refuse_over, resolved, spoken
from andon.records import Cause, IncidentEvent
from andon.settings import load
from andon_alerting.commands import desk as desks
from andon_alerting.commands.saying import meant, record, write
from andon_alerting.watch import FOUND

AGAIN = "bad frames from now on open another"
AGAIN_OF = {
    Cause.STATION_SILENT: "it opens another when the station sends frames again, and then none",
    Cause.FALSE_CALLS: "only frames from now on count against the budget",
    Cause.BUNDLE_REFUSED: "another bundle that is refused opens another",
    **dict.fromkeys(FOUND, "what is found now opens none; found again, once it was gone, it opens another"),
}


def resolve(
    incident: Annotated[str, typer.Argument(help="Its first 6 digits or more; or a station that has one open.")],
    note: Annotated[str, typer.Option(help="What it was, and what was done; everybody is shown it.")] = "",
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Your name; default: your user's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say that an incident is over. Whoever was told of it is told so, and by whom.

    It needs no word from you to end: once all is well again, it does by itself. Say it where you know better, or do not
    want to wait. What was seen until now is forgiven; the same trouble seen anew is a new incident.

    Example: andon resolve 4be1a3 --note "the lamp was loose; put back"
    """
    now = datetime.now(UTC)
    desk = desks.open_desk(load(desks.PeopleSettings).kafka)
    found = meant(desk, incident, now)
    refuse_over(found, "end")
    event = resolved(found, by or who(), note.strip(), now)
    write(desk, event)
    say(_done(found, event))
    if as_json:
        print_json(record(found, event))


def _done(incident: Incident, event: IncidentEvent) -> str:
    what = f"{incident.short}, {incident.last.cause} at {incident.where}, open for {spoken(event.at - incident.since)}"
    return f"{what}: over now; pages say so, and {AGAIN_OF.get(event.cause, AGAIN)}"
