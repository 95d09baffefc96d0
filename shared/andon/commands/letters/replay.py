"""`andon dead-letters replay`."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from andon import letters as mail
from andon.commands.letters import desk
from andon.commands.letters.rows import letter_record
from andon.commands.words import print_json, say, warn, who
from andon.errors import Mistake
from andon.letters import Letter, Outcome, Way, Who, shown, way

TOLD = 5  # refusals that are told one by one


def replay(
    letters: desk.LettersArgument = None,
    reason: desk.ReasonOption = None,
    station: desk.StationOption = None,
    since: desk.SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 10_000,
    rate: Annotated[float, typer.Option(min=0, help="Letters a second, so that the line keeps up; 0: no limit.")] = 20,
    why: Annotated[str, typer.Option(help="Why; kept with each.")] = "",
    by: desk.ByOption = None,
    handled: desk.AllOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array of what became of each.")] = False,
) -> None:
    """Send dead letters on their way again, as the same frames: nothing doubles, and nobody is paged for what is past.

    A record goes to the topic and the partition that it came from; a prepared frame is prepared anew from its image.
    Interrupted, it can be run again. Exit status 1 where one could not be sent.

    Example: andon dead-letters replay 3/17 --why "the store is back"

    Example: andon dead-letters replay --reason missing_data --station weld-07 --since 2h
    """
    now = datetime.now(UTC)
    person = Who((by or who())[:128], why.strip())
    with desk.posted() as (post, settings):
        meant = chosen(post, letters, desk.wanted(reason, station, since, now, handled=handled), limit)
        for line in will_do(meant, settings.frames):
            say(line)
        able = [each for each in meant if isinstance(way(each, settings.frames), Way)]
        outcomes = [Outcome(each, refused=str(way(each, settings.frames))) for each in meant if each not in able]
        if able:
            desk.ask(f"Send {len(able):,} dead letter{'' if len(able) == 1 else 's'} again?", yes=yes)
        for part in mail.replay(able, post, person, lambda: datetime.now(UTC), settings.frames):
            outcomes += part
            rest(len(part), rate, last=len(outcomes) >= len(meant))
    _tell(outcomes, as_json=as_json)


def chosen(post: desk.Post, names: Sequence[str] | None, which: mail.Wanted, limit: int) -> list[Letter]:
    """The letters that are meant: by name, or by what they have in common. Raises Mistake for both, for neither, and
    where there is none."""
    picked = which.reason or which.station or which.since
    if names and picked:
        raise Mistake("name letters, or choose them by --reason, --station and --since: not both")
    if names:
        return desk.named(post, names, handled=which.handled)
    if not picked:
        raise Mistake("which? Name letters (partition/offset), or say --reason, --station or --since")
    piles = mail.Piles(limit)
    for letter in desk.found(post, which, post.handled()):
        piles.add(letter)
    if not piles.count:
        raise Mistake("no dead letter waits that is so; see andon dead-letters list")
    if piles.count > limit:
        warn(f"these are the newest {limit:,} of {piles.count:,}; run it again for the rest")
    return piles.newest()


def will_do(letters: Sequence[Letter], frames: str) -> list[str]:
    """What would happen, a sentence each."""
    goes: Counter[str] = Counter()
    stays: Counter[str] = Counter()
    for each in letters:
        how = way(each, frames)
        if not isinstance(how, Way) or each.origin is None:
            stays[str(how)] += 1
        elif how is Way.ITS_IMAGE:
            goes[f"from {each.origin.topic}: its image is written again where it lies, and prepared anew"] += 1
        else:
            goes[f"to {each.origin.topic}"] += 1
    return [
        *(f"{count:,} {shown(what, 200)}" for what, count in goes.most_common()),
        *(f"{count:,} cannot be sent again: {shown(why, 200)}" for why, count in stays.most_common()),
    ]


def rest(count: int, rate: float, *, last: bool, sleep: Callable[[float], None] = time.sleep) -> None:
    """Lets the line keep up."""
    if rate and not last:
        sleep(count / rate)


def _tell(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    done = [each for each in outcomes if not each.refused]
    refused = [each for each in outcomes if each.refused]
    if as_json:
        print_json([_record(each) for each in outcomes])
    if done:
        say(f"{len(done):,} sent again; one that is refused again is a new letter, and says so")
    for each in refused[:TOLD]:
        warn(f"{each.letter.name} was not sent again: {shown(each.refused, 200)}")
    if len(refused) > TOLD:
        warn(f"and {len(refused) - TOLD:,} more were not")
    if refused:
        raise typer.Exit(1)


def _record(outcome: Outcome) -> dict[str, object]:
    place = outcome.replayed_to
    told = {"replayed_to": place.model_dump() if place else None, "refused": outcome.refused or None}
    return letter_record(outcome.letter) | told
