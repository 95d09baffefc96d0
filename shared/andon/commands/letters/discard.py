"""`andon dead-letters discard`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from andon import letters as mail
from andon.commands.letters import desk
from andon.commands.letters.replay import chosen
from andon.commands.letters.rows import letter_record
from andon.commands.words import print_json, say, who
from andon.errors import Mistake
from andon.letters import Who


def discard(
    letters: desk.LettersArgument = None,
    reason: desk.ReasonOption = None,
    station: desk.StationOption = None,
    since: desk.SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 10_000,
    why: Annotated[str, typer.Option(help="Why nothing is to be done; kept with each.")] = "",
    by: desk.ByOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array of what was discarded.")] = False,
) -> None:
    """Say that nothing is to be done about dead letters: they wait no more. Their bytes stay until they expire.

    Example: andon dead-letters discard --reason empty --station weld-07 --why "camera was unplugged"
    """
    now = datetime.now(UTC)
    if not why.strip():
        raise Mistake('say why, for whoever asks tomorrow: --why "camera was unplugged"')
    with desk.posted() as (post, _):
        meant = chosen(post, letters, desk.wanted(reason, station, since, now, handled=False), limit)
        desk.ask(f"Discard {len(meant):,} dead letter{'' if len(meant) == 1 else 's'}?", yes=yes)
        person = Who((by or who())[:128], why.strip())
        count = sum(map(len, mail.discard(meant, post, person, lambda: datetime.now(UTC))))
    if as_json:
        print_json([letter_record(each) for each in meant])
    say(f"{count:,} discarded; andon dead-letters list --all still shows them")
