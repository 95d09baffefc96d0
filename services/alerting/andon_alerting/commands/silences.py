"""`andon silences`: about whom nobody is called, until when, why; and the maintenance windows of the line file."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from andon.commands.words import paper, print_json, say
from andon.incidents.when import spoken, stamp
from andon.records import Silence
from andon.records.assignment import EVERY
from andon.settings import load
from andon.silences import table
from andon.topics import SILENCES
from andon_alerting.commands import desk as desks
from andon_alerting.commands.windows import Maintenance, maintenance


def silences(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Show about whom nobody is called: who said so, until when, why; and maintenance windows that are on or next.

    The windows are those of the line file that ANDON_LINE names. Times are UTC.

    Example: andon silences
    """
    now, settings = datetime.now(UTC), load(desks.PeopleSettings)
    windows = maintenance(settings.line, now)
    on = current(table(desks.open_desk(settings.kafka).table(SILENCES)).values(), now)
    if as_json:
        print_json({"silences": [_record(each) for each in on], "maintenance": [each.record for each in windows]})
        return
    _print(on, windows, now)
    if not on:
        say("nobody has silenced anything; andon silence STATION 2h --why '...' does it")


def current(silences: Iterable[Silence], now: datetime) -> list[Silence]:
    """Those that hold now, or will, the first to end first."""
    return sorted((each for each in silences if each.until > now), key=lambda each: each.until)


def _print(on: Sequence[Silence], windows: Sequence[Maintenance], now: datetime) -> None:
    if on:
        shown = Table("quiet", "until (UTC)", "for another", "since (UTC)", "why", "who")
        for each in on:
            name = "every station" if each.target == EVERY else each.target
            times = (stamp(each.until), spoken(each.until - now), stamp(each.since))
            shown.add_row(*map(escape, (name, *times, each.why, each.by)))
        paper().print(shown)
    if windows:
        shown = Table("maintenance", "", "until (UTC)", "window")
        for window in windows:
            shown.add_row(*map(escape, (window.who, window.when(now), stamp(window.ends), window.words)))
        paper().print(shown)


def _record(silence: Silence) -> dict[str, Any]:
    return silence.model_dump(mode="json", exclude={"schema_version"})
