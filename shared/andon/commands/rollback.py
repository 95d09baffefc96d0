"""`andon rollback`: back to the bundle that served before."""

from typing import Annotated

import typer

from andon.assigning import named, rolled_back
from andon.commands.changing import WAIT_S, Where, bench, carry_out, now, tell
from andon.commands.words import moment, short, who
from andon.records import Assignment


def rollback(
    station: Annotated[str, typer.Argument(help="The station, or '*' for every station without one of its own.")],
    product: Annotated[str | None, typer.Option(help="What is assigned for this product only.")] = None,
    why: Annotated[str, typer.Option(help="Why; kept with the assignment.")] = "",
    expected: Annotated[
        str | None, typer.Option("--expect", metavar="DIGEST", help="Only if this one is active there now.")
    ] = None,
    wait_s: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for what scoring says.")] = WAIT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let the bundle that served last serve again. Rolled back once more, a station goes one further.

    Example: andon rollback weld-07 --why "calls every part anomalous"
    """
    where = Where.of(station, product)
    with bench() as at:

        def change(before: Assignment | None) -> Assignment:
            back = rolled_back(before, by=who(), why=why, at=now())
            at.bundle(back.bundle)
            return back

        outcome = carry_out(at.desk, where, change, expected=expected, wait_s=wait_s)
    tell(outcome, _sentence(outcome.before, outcome.after), as_json)


def _sentence(before: Assignment | None, after: Assignment) -> str:
    """What it goes back to, and what it leaves."""
    if before is None:
        return f"{named(after)}: back to {short(after.bundle)}"
    served = next((each for each in before.past if each.bundle == after.bundle), None)
    since = f" (assigned {moment(served.at)}{f' by {served.by}' if served.by else ''})" if served else ""
    return (
        f"{named(after)}: back to {short(after.bundle)}{since}; it leaves {short(before.bundle)}, "
        f"which `andon assign {after.station} {short(before.bundle)}` would bring back"
    )
