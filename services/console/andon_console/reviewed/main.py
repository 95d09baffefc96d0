"""`andon reviewed`: the frames that people answered, listed and exported."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from andon.commands.words import moment, paper, print_json, say, size_words
from andon_console.reviewed.command import chosen_words, export
from andon_console.reviewed.listing import SHOWN, Counted, counted
from andon_console.reviewed.shelf import opened, wanted

app = typer.Typer(invoke_without_command=True)
app.command("export")(export)


@app.callback()
def reviewed(
    context: typer.Context,
    station: Annotated[list[str] | None, typer.Option(help="Only of this station; may be given again.")] = None,
    product: Annotated[str | None, typer.Option(help="Only of this product.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only answered since: 8h, 30d, 2026-03-02.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Show the frames that people reviewed, by station and answer; `export` makes a data set of them.

    They lie in ANDON_EVIDENCE__URL, where `andon evidence` keeps them until their answer is withdrawn. `andon fit` and
    `andon train` learn from them directly (--reviewed).

    Example: andon reviewed --since 30d
    """
    if context.invoked_subcommand is not None:
        return
    chosen, shelf = wanted(station, product, since), opened()
    found = counted(shelf.frames(chosen))
    if as_json:
        print_json([each.record() for each in found])
    elif not found:
        say(f"{shelf.url} holds no reviewed frames {chosen_words(chosen)}; people answer at the console, and `andon "
            "evidence` keeps what they answered")  # fmt: skip
    else:
        paper().print(as_table(found))
        say(_summed(found, shelf.url))


def as_table(found: Iterable[Counted]) -> Table:
    """One row a station."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("station", *(each.value.replace("_", " ") for each in SHOWN), "outlined", "size"):
        table.add_column(name, justify="left" if name == "station" else "right", no_wrap=True)
    table.add_column("last answer (UTC)", no_wrap=True)
    table.add_column("defects", overflow="fold")
    for each in found:
        table.add_row(*map(escape, _row(each)))
    return table


def _row(each: Counted) -> tuple[str, ...]:
    answers = (str(each.answers[one] or "") for one in SHOWN)
    kinds = ", ".join(f"{name or 'unnamed'} {count}" for name, count in each.defects.most_common())
    return each.station, *answers, str(each.outlined or ""), size_words(each.bytes), moment(each.latest), kinds


def _summed(found: Sequence[Counted], url: str) -> str:
    frames = sum(each.frames for each in found)
    return f"{frames} reviewed frames of {len(found)} stations in {url}; andon reviewed export DIR makes a data set"
