"""`andon baselines`: every place, and how far it is watched for drift."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from andon.commands.baselines import desk as desks
from andon.commands.baselines.rows import COLUMNS, record, row
from andon.commands.words import paper, print_json, say, warn
from andon.settings import load


def list_baselines(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")] = False,
) -> None:
    """Show of every station how it looks when all is well: still learned, or frozen and watched; from how many frames,
    since when, and which number is nearest to its limit.

    `andon baselines show STATION` tells one station's numbers, `andon baselines freeze STATION` puts what it learned
    into a bundle, `andon relearn STATION` has it learned anew.

    Example: andon baselines --json
    """
    if context.invoked_subcommand is not None:
        return
    now, desk = datetime.now(UTC), desks.open_desk(load(desks.BaselineSettings))
    if as_json:
        print_json([record(each, now) for each in desk.standings])
    elif desk.standings:
        shown = Table(*COLUMNS)
        for each in desk.standings:
            shown.add_row(*map(escape, row(each, now)))
        paper().print(shown)
    else:
        say("nothing is learned yet, nor does drift show that it learns; andon drift does, while frames are scored")
    if desk.unknown:
        warn(desk.unknown)
