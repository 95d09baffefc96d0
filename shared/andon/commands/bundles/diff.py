"""`andon bundles diff`."""

from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from andon.commands.shelf import meant_card, open_store, shelf_settings
from andon.commands.words import paper, print_json, say, short


def diff(
    a: Annotated[str, typer.Argument(help="Digest, its first 6 digits or more, or a file.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")] = False,
) -> None:
    """Show what differs between two bundles, what decides verdicts first. Exit status 1 when anything does, as diff.

    Example: andon bundles diff 4be1a3 77c0de
    """
    from andon.differences import differences

    store = open_store(shelf_settings())
    left, right = meant_card(store, a), meant_card(store, b)
    found = differences(left.manifest, right.manifest)
    if as_json:
        print_json([asdict(each) for each in found])
    elif found:
        table = Table("", "field", short(left.digest), short(right.digest))
        for about, rows in groupby(found, key=lambda each: each.about):
            for index, row in enumerate(rows):
                table.add_row(*map(escape, (about if index == 0 else "", row.name, row.a, row.b)))
        paper().print(table)
    if found:
        raise typer.Exit(1)
    say(f"{short(left.digest)} and {short(right.digest)} are the same bundle")
