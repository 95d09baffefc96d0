"""`andon baselines show`: one station in detail, number by number."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from andon.commands.baselines import desk as desks
from andon.commands.baselines.choosing import of_station
from andon.commands.baselines.rows import frames_words, record, state_words
from andon.commands.words import moment, paper, print_json, warn
from andon.ids import station_id
from andon.places import Standing, share
from andon.settings import load

COLUMNS = ("number", "now", "usual", "chart", "statistic", "limit", "of its limit")


def show(
    station: Annotated[str, typer.Argument(help="The station.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, one object a place.")] = False,
) -> None:
    """Show what one station has learned, for each product and bundle, and how every number stands against its limit.

    Example: andon baselines show weld-07
    """
    now, desk = datetime.now(UTC), desks.open_desk(load(desks.BaselineSettings))
    found = of_station(desk.standings, station_id(station))
    if as_json:
        print_json([record(each, now) | {"watched": watched(each)} for each in found])
    else:
        for each in found:
            _print(each, now)
    if desk.unknown:
        warn(desk.unknown)


def watched(standing: Standing) -> list[dict[str, float | int | str]]:
    """Every number of the reference: its mean and standard deviation, and how many frames make a block."""
    baseline = standing.known.baseline if standing.known else None
    numbers = baseline.watched if baseline else {}
    return [{"name": name, "mean": of.mean, "sd": of.sd, "block": of.block} for name, of in numbers.items()]


def facts(standing: Standing, now: datetime) -> Iterator[tuple[str, str]]:
    """What there is to say of a place, a name and a value each."""
    known, shown = standing.known, standing.shown
    yield "state", state_words(standing, now)
    yield "frames", frames_words(standing)
    if known and known.baseline:
        made = known.baseline
        yield "learned from", f"{moment(made.since)} to {moment(made.until)} UTC, a frame every {made.period_s:.3g} s"
        yield "frozen by", made.by
        yield "allowed", f"{made.tickets:g} false ticket{'' if made.tickets == 1 else 's'} in 30 days"
    if standing.waits:
        yield "learned anew for", f"{standing.waits.by}: {standing.waits.why} ({moment(standing.waits.at)} UTC)"
    if shown and shown.false_alarm_days:
        yield "promise", f"one false ticket in {shown.false_alarm_days:.0f} days"


def _print(standing: Standing, now: datetime) -> None:
    console = paper()
    console.print(standing.place.words, markup=False, style="bold")
    for name, value in facts(standing, now):
        if value:
            console.print(f"  {name:<17}{value}", markup=False, soft_wrap=True)
    rows = list(_numbers(standing))
    if rows:
        table = Table(*COLUMNS)
        for each in rows:
            table.add_row(*map(escape, each))
        console.print(table)


def _numbers(standing: Standing) -> Iterator[tuple[str, ...]]:
    """Every chart that runs; without, what the reference watches."""
    charts = standing.shown.charts if standing.shown and standing.waits is None else ()
    names = list(dict.fromkeys(each.name for each in charts))
    for each in sorted(charts, key=lambda each: names.index(each.name)):
        usual, now = (
            f"{value:.4g} {each.unit}".rstrip() if value is not None else "" for value in (each.usual, each.value)
        )
        of = "alarms" if each.active else f"{share(each):.0%}"
        yield each.name, now, usual, each.chart, f"{each.statistic:.3g}", f"{each.limit:.3g}", of
    if not charts:
        for one in watched(standing):
            yield str(one["name"]), "", f"{one['mean']:.4g}", "", "", "", ""
