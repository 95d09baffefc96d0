"""`andon assign`: say which bundle serves a station."""

from collections.abc import Callable
from typing import Annotated

import typer

from andon.assigning import assigned, named
from andon.commands.changing import WAIT_S, Where, bench, carry_out, now, taken_over, tell
from andon.commands.doubts import doubts
from andon.commands.words import short, warn, who
from andon.errors import Mistake
from andon.records import Assignment


def assign(
    station: Annotated[str, typer.Argument(help="The station, or '*' for every station without one of its own.")],
    bundle: Annotated[str, typer.Argument(help="Digest, its first 6 digits or more, or a file, which is stored then.")],
    product: Annotated[str | None, typer.Option(help="Only for this product.")] = None,
    why: Annotated[str, typer.Option(help="Why; kept with the assignment.")] = "",
    shadow: Annotated[
        list[str] | None, typer.Option(help="A bundle that shadows it; again for more. Default: as before.")
    ] = None,
    drop_shadows: Annotated[bool, typer.Option("--drop-shadows", help="Let the shadows there go.")] = False,
    expected: Annotated[
        str | None, typer.Option("--expect", metavar="DIGEST", help="Only if this one is active there now.")
    ] = None,
    wait_s: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for what scoring says.")] = WAIT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let a bundle serve a station: scoring proves it, then swaps to it between batches, without a restart.

    Exit status 1 when scoring refuses it: what served before then serves on.

    Example: andon assign weld-07 4be1a3 --why "new lighting"
    """
    if shadow and drop_shadows:
        raise Mistake("--shadow names the shadows anew, and --drop-shadows lets them all go: give one of the two")
    where = Where.of(station, product)
    with bench() as at:
        digest = at.bundle(bundle)
        shadows = tuple(dict.fromkeys(at.bundle(each) for each in shadow or ()))
        everybodys = where.served_by(at.desk)
        for doubt in doubts(at.store.manifest(digest), where.product, at.card_of(everybodys)):
            warn(doubt)
        change = _assigning(where, digest, why, () if drop_shadows else shadows or None)
        outcome = carry_out(at.desk, where, change, expected=expected, wait_s=wait_s)
    done = f"{named(outcome.after)}: {short(digest)} is assigned{taken_over(outcome, everybodys)}"
    tell(outcome, done, as_json)


def _assigning(
    where: Where, digest: str, why: str, shadows: tuple[str, ...] | None
) -> Callable[[Assignment | None], Assignment]:
    """The change. `shadows` None keeps those that are there."""
    if digest in (shadows or ()):
        raise Mistake(f"{short(digest)} is to serve, it cannot be its own shadow")

    def change(before: Assignment | None) -> Assignment:
        keep = shadows is None
        after = assigned(
            before,
            station=where.station,
            product=where.product,
            bundle=digest,
            by=who(),
            why=why,
            at=now(),
            keep_shadows=keep,
        )
        return after.model_copy(update={"shadows": shadows}) if shadows else after

    return change
