"""`andon check`: a line file, before anything starts with it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from andon.budget import budget_words
from andon.commands.words import paper, people, print_json, say
from andon.errors import Invalid, Mistake
from andon.ids import station_id

if TYPE_CHECKING:
    from andon.line.line import Line
    from andon.line.plan import Plan

OTHERS = "any other"
TABLE_WIDTH = 180  # columns; in a narrower window its sentences would be cut into pieces


def check(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The line file; without one, ANDON_LINE.")] = None,
    station: Annotated[str | None, typer.Option(metavar="NAME", help="Show all that holds for one station.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, mistakes with their places.")] = False,
) -> None:
    """Check a line file: each mistake with its line and column, or what every station gets.

    The exit status is 2 where anything is wrong. Nothing is reached for: it works on any machine.

    Example: andon check deploy/line.yaml --station weld-07
    """
    from andon.line.found import LineMistake
    from andon.line.parse import bytes_of, parse

    settings = _settings()
    path = file or settings.line
    if path is None:
        raise Mistake("which line file? name it, or set ANDON_LINE")
    try:
        line = parse(bytes_of(path), str(path), settings.policy)
    except LineMistake as mistake:
        _tell(path, mistake, as_json)
        raise typer.Exit(2) from None
    if station is not None:
        _show(line.of(_named(station)), as_json)
    elif as_json:
        print_json({"file": str(path), "valid": True, **whole(line)})
    else:
        _table(path, line)


def _settings() -> Any:
    """Where the file is, and what holds where it says nothing: as services are told."""
    from andon.line.policy import Policy
    from andon.settings import LineSettings, load

    class CheckSettings(LineSettings):
        policy: Policy = Policy()

    return load(CheckSettings)


def _named(station: str) -> str:
    try:
        return station_id(station)
    except Invalid as error:
        raise Mistake(error.detail) from None


def _tell(path: Path, mistake: Any, as_json: bool) -> None:
    if as_json:
        told = [{"line": each.place.line, "column": each.place.column, "text": each.text} for each in mistake.found]
        print_json({"file": str(path), "valid": False, "mistakes": told})
        return
    for line in mistake.lines:
        say(line)


def whole(line: "Line") -> dict[str, Any]:
    """What the file says, as --json tells it."""
    from andon.line.sentences import burst_words

    return {
        "burst": burst_words(line.burst),
        "stations": [told(line.plan(name)) for name in line.names],
        "defaults": told(line.of(OTHERS)),
    }


def told(plan: "Plan") -> dict[str, Any]:
    """One plan, in the words of the line file."""
    from andon.line.sentences import heartbeat_words, policy_words

    return {
        "station": plan.station,
        "site": plan.site,
        "area": plan.area,
        "line": plan.line,
        "products": {name: _budget(plan.budget_of(name)) for name in plan.products},
        "budget": _budget(plan.budget),
        "camera": plan.camera.words if plan.camera else None,
        "policy": policy_words(plan.policy),
        "severity": {cause.value.replace("_", " "): severity.value for cause, severity in plan.severities.items()},
        "route": plan.route,
        "heartbeat": heartbeat_words(plan.heartbeat_s),
        "shifts": {name: f"{start:%H:%M}" for start, name in plan.shifts.starts},
        "maintenance": [getattr(each, "text", "") for each in plan.maintenance],
    }


def _budget(share: float | None) -> str | None:
    return None if share is None else budget_words(share)


def _show(plan: "Plan", as_json: bool) -> None:
    if as_json:
        print_json(told(plan))
        return
    console = paper()
    for name, value in told(plan).items():
        lines = _lines(value)
        for place, text in enumerate(lines or ["-"]):
            console.print(f"{'' if place else name:<12} {text}", markup=False, soft_wrap=True)


def _lines(value: Any) -> list[str]:
    match value:
        case dict():
            return [f"{name}: {each if each is not None else 'its own is not said'}" for name, each in value.items()]
        case list():
            return [str(each) for each in value]
        case None | "":
            return []
        case _:
            return [str(value)]


def _table(path: Path, line: "Line") -> None:
    from andon.line.sentences import burst_words

    plans, console = (*(line.plan(name) for name in line.names), line.of(OTHERS)), paper()
    if console.width < TABLE_WIDTH:
        for plan in plans:
            _show(plan, as_json=False)
            console.print()
    else:
        console.print(_drawn(plans))
    patterns = sum("*" in name for name in line.names)
    people().print(
        f"{path} is right. Stations: {len(line.names) - patterns}, patterns: {patterns}. "
        f"One incident of the line: {burst_words(line.burst)}.",
        markup=False,
    )


def _drawn(plans: "Iterable[Plan]") -> Table:
    """A row a station."""
    shown = Table(
        "station", "line", "products", "budget", "an incident opens", "called", "golden frames", "maintenance"
    )
    for plan in plans:
        shown.add_row(*map(escape, _row(plan)), style="dim" if plan.station == OTHERS else None)
    return shown


def _row(plan: "Plan") -> tuple[str, ...]:
    record = told(plan)
    return (
        plan.station,
        "/".join(each for each in (plan.site, plan.area, plan.line) if each),
        "\n".join(f"{name} {each or ''}".rstrip() for name, each in record["products"].items()),
        record["budget"] or "-",
        "\n".join(_opens(record["policy"])),
        "\n".join(filter(None, [plan.route, *(f"{cause}: {word}" for cause, word in record["severity"].items())])),
        record["heartbeat"],
        "\n".join(record["maintenance"]) or "-",
    )


def _opens(policy: dict[str, str]) -> list[str]:
    return [
        policy["open"] + ("" if policy["open at once"] == "never" else f", or at {policy['open at once']}"),
        f"over after {policy['over after']}; silent after {policy['silent after']}",
    ]
