"""`andon dead-letters list`."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from andon.commands.letters import desk
from andon.commands.letters.rows import BY_REASON, ONE_BY_ONE, letter_record, letter_row, pile_record, pile_row
from andon.commands.words import paper, print_json, say
from andon.letters import Handled, Letter, Piles


def list_letters(
    reason: desk.ReasonOption = None,
    station: desk.StationOption = None,
    since: desk.SinceOption = None,
    letters: Annotated[bool, typer.Option("--letters", help="One by one, the newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many of them, with --letters.")] = 50,
    handled: desk.AllOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Show what waits among the dead letters, by reason, or one by one. What was replayed or discarded is left out.

    Example: andon dead-letters list --since 24h

    Example: andon dead-letters list --letters --reason missing_data
    """
    now = datetime.now(UTC)
    which = desk.wanted(reason, station, since, now, handled=handled)
    with desk.posted() as (post, _):
        piles, turns = Piles(limit), post.handled()
        for letter in desk.found(post, which, turns):
            piles.add(letter)
    if as_json:
        print_json(
            [letter_record(each, turns.of(each)) for each in piles.newest()]
            if letters
            else [pile_record(each) for each in piles.by_reason()]
        )
    elif not piles.count:
        say("no dead letter waits" if not handled else "there is no dead letter")
    elif letters:
        _print_letters(piles.newest(), turns, piles.count)
    else:
        _print_piles(piles, now)


def _print_piles(piles: Piles, now: datetime) -> None:
    table = Table(*BY_REASON)
    for each in piles.by_reason():
        table.add_row(*map(escape, pile_row(each, now)))
    paper().print(table)
    say("what each reason means and what to do: andon dead-letters show LETTER")


def _print_letters(letters: list[Letter], turns: Handled, count: int) -> None:
    table = Table(*ONE_BY_ONE)
    for each in letters:
        table.add_row(*map(escape, letter_row(each, turns.of(each))))
    paper().print(table)
    if count > len(letters):
        say(f"the newest {len(letters):,} of {count:,}; --limit shows more")
