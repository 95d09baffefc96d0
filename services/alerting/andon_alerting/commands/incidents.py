"""`andon incidents`: what is open, and what was; `andon incidents show`: the whole story of one."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from andon.commands.words import paper, print_json, say
from andon.errors import Mistake
from andon.incidents.chronicle import Chronicle, Incident, Wanted, standing, taken_by, turn_words
from andon.incidents.sifting import sifted
from andon.incidents.when import past, stamp, told
from andon.records import Cause, IncidentEvent, Severity
from andon.settings import load
from andon.stage import Record
from andon.topics import INCIDENTS
from andon_alerting.commands import desk as desks
from andon_alerting.commands.reading import shown
from andon_alerting.commands.rows import row
from andon_alerting.commands.show import show

HORIZON = timedelta(days=30)
WHOLE = ("id", "since (UTC)", "", "count")
COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "dim"}

app = typer.Typer(invoke_without_command=True)
app.command("show")(show)


@app.callback()
def incidents(
    context: typer.Context,
    open_only: Annotated[bool, typer.Option("--open", help="Only what is open now.")] = False,
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    line: Annotated[str | None, typer.Option(help="Only of this line.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only of this cause, such as defect_surge.")] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="What was open since then: 8h, 3d, 2026-03-02.")] = "8h",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", help="Go on, and print each new turn as it comes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array; with --follow one object a line.")] = False,
) -> None:
    """Show incidents, the open ones first: since when, where, what, who was told and who has taken it on.

    What is open is shown however long ago it began, within 30 days. Times are UTC. `andon incidents show ID` tells
    the whole story of one and fetches its frames.

    Example: andon incidents --open --line body-shop
    """
    if context.invoked_subcommand is not None:
        return
    now = datetime.now(UTC)
    wanted = Wanted(past(since, "--since", now), open_only, station, line, _cause(cause))
    desk = desks.open_desk(load(desks.PeopleSettings).kafka)
    first = min(now - HORIZON, wanted.since)
    if follow:
        _follow(desk, wanted, first, limit, as_json)
        return
    records = sifted(shown(desk.log(INCIDENTS, first)), now if open_only else wanted.since)
    _tell(Chronicle().read(records), wanted, limit, now, as_json=as_json)


def _cause(text: str | None) -> Cause | None:
    if text is None:
        return None
    try:
        return Cause(text.strip().lower().replace(" ", "_").replace("-", "_"))
    except ValueError:
        raise Mistake(f"--cause {text[:40]!r}: one of {', '.join(Cause)}") from None


def _tell(chronicle: Chronicle, wanted: Wanted, limit: int, now: datetime, *, as_json: bool) -> None:
    found = wanted.of(chronicle.incidents.values())
    if as_json:
        print_json([row(each, now) for each in found[:limit]])
        return
    if not found:
        say(_none(wanted, chronicle))
        return
    paper().print(as_table(found[:limit], now))
    say(_counted(found, limit))


def _none(wanted: Wanted, chronicle: Chronicle) -> str:
    others = len(chronicle.open) if wanted.station or wanted.line or wanted.cause else 0
    elsewhere = f"; {others} open that you did not ask for" if others else ""
    if wanted.open:
        return f"no incident is open{elsewhere}"
    return f"no incident since {told(wanted.since)}{elsewhere}"


def _counted(found: list[Incident], limit: int) -> str:
    still = sum(each.resolved is None for each in found)
    left = f"; {len(found) - limit} more, older ones (--limit)" if len(found) > limit else ""
    return f"{still} open, {len(found) - still} over{left}"


def as_table(found: Iterable[Incident], now: datetime) -> Table:
    """One row an incident."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("id", "since (UTC)", "", "where", "cause", "count", "what, who was told, who has it"):
        table.add_column(name, overflow="fold", no_wrap=name in WHOLE, justify="right" if name == "count" else "left")
    for each in found:
        style = "dim" if each.resolved else COLOURS[each.last.severity]
        table.add_row(*map(escape, _row(each, now)), style=style)
    return table


def _row(incident: Incident, now: datetime) -> tuple[str, ...]:
    last = incident.last
    beside = [] if last.severity is Severity.CRITICAL else [last.severity.value]
    cause = "\n".join([last.cause.value, *beside, *(["drill"] if last.drill else [])])
    when = (f"{incident.since:%m-%d %H:%M}", standing(incident, now))
    what = f"{incident.sentence}\n{_people(incident)}"
    return (incident.short, *when, incident.where, cause, str(last.count or ""), what)


def _people(incident: Incident) -> str:
    told = f"told: {', '.join(incident.told)}" if incident.told else "told: nobody"
    has_it = f"; {taken_by(incident)} took it on" if incident.taken else ""
    over = incident.resolved
    return f"{told}{has_it}" + (f"; {over.by} ended it" if over and over.by else "")


def _follow(desk: desks.Desk, wanted: Wanted, first: datetime, limit: int, as_json: bool) -> None:
    """The table, then each turn as it comes, until Ctrl-C: the end of what was open, too."""
    chronicle, turns = Chronicle(), replace(wanted, open=False)
    try:
        with desk.following(INCIDENTS, first) as records:
            chronicle.read(sifted(_until_now(records), wanted.since))
            _begin(chronicle, wanted, limit, as_json=as_json)
            for each in records:
                event = chronicle.add(each) if each is not None else None
                if event is not None and turns.has(chronicle.incidents[event.incident_id]):
                    _print_turn(event, as_json=as_json)
    except KeyboardInterrupt:
        return


def _until_now(records: Iterator[Record | None]) -> Iterator[Record]:
    for each in records:
        if each is None:
            return
        yield each


def _begin(chronicle: Chronicle, wanted: Wanted, limit: int, *, as_json: bool) -> None:
    now = datetime.now(UTC)
    if as_json:
        for each in reversed(wanted.of(chronicle.incidents.values())[:limit]):
            print_json(row(each, now))
    else:
        _tell(chronicle, wanted, limit, now, as_json=False)
        say("following; Ctrl-C ends it")
    sys.stdout.flush()


def _print_turn(event: IncidentEvent, *, as_json: bool) -> None:
    if as_json:
        print_json(event.model_dump(mode="json", exclude={"schema_version"}, exclude_none=True))
    else:
        typer.echo(f"{stamp(event.at)}  {event.incident_id.hex[:8]}  {event.station}  {turn_words(event)}")
    sys.stdout.flush()
