"""`andon assignments`: which bundle serves where, and what became of each."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from andon.assigning import named
from andon.assignments import Assignments, Serving
from andon.budget import budget_words
from andon.commands.changing import bench
from andon.commands.words import moment, paper, print_json, say, short
from andon.records import Assignment, Swap, Trial


def assignments(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")] = False,
) -> None:
    """Show what is assigned to every station and product: proven or refused, shadows, trials, the last swap.

    Example: andon assignments
    """
    with bench() as at:
        table = at.desk.table
    if as_json:
        print_json([record(each, swap_of(table, each)) for each in table.all()])
        return
    if not table.all():
        say("nothing is assigned yet; andon assign STATION BUNDLE does it")
        return
    shown = Table("station", "bundle", "state", "shadows", "trial", "last swap", "assigned")
    for each in table.all():
        shown.add_row(*map(escape, _row(each, swap_of(table, each))))
    paper().print(shown)


def swap_of(table: Assignments, serving: Serving) -> Swap | None:
    """The last swap of this station and product. Everybody's assignment has none of its own."""
    active = serving.active
    found = (swap for swap in table.swaps() if (swap.station, swap.product) == (active.station, active.product))
    return next(found, None)


def record(serving: Serving, swap: Swap | None) -> dict[str, Any]:
    """One assignment, as --json tells it."""
    refused = serving.refused
    return {
        **serving.active.model_dump(mode="json", exclude={"schema_version"}),
        "proven": serving.proven == serving.active.bundle,
        "serves": serving.proven,
        "refused": refused.why if refused else None,
        "swap": swap.model_dump(mode="json", include={"bundle", "before", "frame", "at"}) if swap else None,
    }


def _row(serving: Serving, swap: Swap | None) -> tuple[str, ...]:
    active = serving.active
    return (
        named(active),
        short(active.bundle),
        _state(serving),
        "\n".join(map(short, active.shadows)),
        _trial(active),
        _swap(swap),
        f"{moment(active.at)} {active.by}{f': {active.why}' if active.why else ''}",
    )


def _state(serving: Serving) -> str:
    learning = "learning, " if serving.active.state == "learning" else ""
    if serving.refused:
        on = f"; {short(serving.proven)} serves on" if serving.proven else ""
        return f"{learning}refused: {serving.refused.why}{on}"
    if serving.proven == serving.active.bundle:
        return f"{learning}proven"
    return f"{learning}not proven yet" + (f"; {short(serving.proven)} serves on" if serving.proven else "")


def _trial(active: Assignment) -> str:
    if active.probation:
        return f"on probation beside {short(active.shadows[0])}: {_words(active.probation)}"
    return f"{short(active.shadows[0])} takes over after {_words(active.promotion)}" if active.promotion else ""


def _words(trial: Trial) -> str:
    return f"{trial.frames} frames within {budget_words(trial.budget)}"


def _swap(swap: Swap | None) -> str:
    if swap is None:
        return ""
    return (
        f"{short(swap.bundle)} from {swap.frame.topic}/{swap.frame.partition}/{swap.frame.offset} ({moment(swap.at)})"
    )
