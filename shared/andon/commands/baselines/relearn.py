"""`andon relearn`: how a station looks now is how it is to look; its reference is learned anew."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from andon.commands.baselines import desk as desks
from andon.commands.baselines.choosing import chosen, of_station
from andon.commands.words import print_json, say, warn, who
from andon.errors import Mistake
from andon.ids import station_id
from andon.places import Standing
from andon.records import Did
from andon.records.assignment import EVERY
from andon.relearning import deed_texts, messages, relearns, standing_words
from andon.settings import load


def relearn(
    station: Annotated[str, typer.Argument(help="The station, or '*' for all of them.")],
    product: Annotated[str | None, typer.Option(help="Only what it learned of this product.")] = None,
    bundle: Annotated[
        str | None,
        typer.Option(help="What it learned under this bundle: first 6 digits or more, or 'signals' for its sensors."),
    ] = None,
    why: Annotated[str, typer.Option(help="Why; everybody is shown it.")] = "",
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who says so; default: your user's name.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, for '*' without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array of what was written.")] = False,
) -> None:
    """Have the reference of a station learned anew: its look of today is right, and drift is to be told from that.

    The old reference is given up at once, an open drift of it ends, and until enough frames have come (a shift, as it
    is set) drift is not watched there. Mend first what is wrong: what is learned now counts as good. Without --bundle
    it is the pictures under the bundle that serves now, of every product.

    Example: andon relearn weld-07 --why "new lamp, as it should be"
    """
    now, name = datetime.now(UTC), (by or who())[:128]
    target = station if station == EVERY else station_id(station)
    desk = desks.open_desk(load(desks.BaselineSettings))
    if desk.unknown:
        warn(desk.unknown)
    found = chosen(of_station(desk.standings, target), product, bundle, desk.serving)
    places = [each.place for each in found]
    said = relearns(places, name, _why(why), now)
    for line in will_do(found):
        say(line)
    if target == EVERY and not yes:
        _ask(len({each.station for each in places}))
    subject, before, after = deed_texts(places, map(standing_words, found))
    about = {"station": target, "subject": subject, "detail": why.strip(), "before": before, "after": after}
    desk.write(messages(said), desks.deed(Did.RELEARNED, name, now, **about))
    say("written; andon baselines shows how far it is")
    if as_json:
        print_json([each.model_dump(mode="json", exclude={"schema_version", "record"}) for each in said])


def will_do(found: Sequence[Standing]) -> list[str]:
    """What becomes of each place, a sentence each."""
    return [f"{each.place.words}: {standing_words(each)}; it learns anew from the frames that come" for each in found]


def at_a_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _why(why: str) -> str:
    """The reason; asked for at a terminal. Raises Mistake where there is nobody to ask."""
    given = why.strip()
    if not given and at_a_terminal():
        given = str(typer.prompt("why", err=True)).strip()
    if not given:
        raise Mistake('say why, for whoever looks tonight: --why "new lamp, as it should be"')
    return given


def _ask(stations: int) -> None:
    """Raises Mistake where there is nobody to ask, Abort where they do not mean it."""
    question = f"no drift is watched at {stations} stations until each has learned anew; go on?"
    if not at_a_terminal():
        raise Mistake(f"{question} Say --yes if you mean it")
    typer.confirm(question, abort=True, err=True)
