"""`andon baselines freeze`: what a station has learned, inside a bundle: whoever serves that need not learn."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from andon.baselines import SHORT
from andon.commands.baselines import desk as desks
from andon.commands.baselines.choosing import chosen, of_station
from andon.commands.shelf import open_store
from andon.commands.words import print_json, say, warn, who
from andon.errors import Mistake
from andon.ids import station_id
from andon.records import Baseline, Did
from andon.settings import load

if TYPE_CHECKING:
    from andon.assignments import Assignments
    from andon.places import Standing
    from andon.store import BundleStore


def freeze(
    station: Annotated[str, typer.Argument(help="The station.")],
    product: Annotated[str | None, typer.Option(help="Only what it learned of this product.")] = None,
    bundle: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="What it learned under this bundle; default: what serves now.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who does it; default: your user's name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put what a station has learned into a new bundle: the same model, threshold and golden frames, and the reference
    beside them. Served at that station it watches drift from the first frame on, wherever Kafka is.

    Nothing is assigned. What the bundle carries of other stations stays in it.

    Example: andon baselines freeze weld-07
    """
    now, name, settings = datetime.now(UTC), (by or who())[:128], load(desks.BaselineSettings)
    desk = desks.open_desk(settings)
    found = chosen(of_station(desk.standings, station_id(station)), product, bundle, desk.serving)
    baselines = learned(found)
    before = baselines[0].bundle
    after = _stored(open_store(settings), before, baselines, now)
    about = {"station": station, "subject": after, "detail": product_words(baselines), "before": before, "after": after}
    desk.write([], desks.deed(Did.FROZEN, name, now, **about))
    if as_json:
        print_json({
            "station": station, "digest": after, "frozen_from": before,
            "products": [each.product for each in baselines], "frames": [each.frames for each in baselines],
        })  # fmt: skip
    _tell(station, baselines, after, signed=settings.store.trusted_keys is not None)
    target = _assigned_as(desk.serving, baselines[0])
    say(f'next: andon assign {target} {after[:SHORT]} --why "its own reference inside"')


def learned(found: "Sequence[Standing]") -> list[Baseline]:
    """The references of `found`, all learned under one bundle. Raises Mistake where that is not so."""
    places = [each for each in found if not each.place.sensors]
    if not places:
        raise Mistake("what sensors read belongs to no bundle; it is learned at the station, and stays in `baselines`")
    made = [each.known.baseline for each in places if each.known and each.known.baseline]
    if not made:
        raise Mistake(_why_not(places[0]))
    digests = sorted({each.bundle for each in made})
    if len(digests) > 1:
        some = ", ".join(f"{each.product or 'any product'}: {each.bundle[:SHORT]}" for each in made)
        raise Mistake(f"it has learned under {len(digests)} bundles ({some}); say --product or --bundle")
    return made


def product_words(baselines: Sequence[Baseline]) -> str:
    """What was learned, in a few words."""
    return ", ".join(f"product {each.product or 'any'}: {each.frames:,} frames" for each in baselines)


def _why_not(standing: "Standing") -> str:
    if standing.state in ("active", "stale"):
        return f"{standing.place.words}: its reference came inside the bundle, which carries it already"
    return (
        f"{standing.place.words}: {standing.state}, so there is no reference yet; andon baselines shows how far it is"
    )


def _stored(store: "BundleStore", digest: str, baselines: Sequence[Baseline], now: datetime) -> str:
    """The digest of the new bundle, once the store holds it. Raises BundleError where the old one cannot be had."""
    from andon.bundle import BundleError
    from andon.freezing import frozen

    try:
        bundle = store.get(digest)
    except BundleError as error:
        raise BundleError(
            f"{baselines[0].station} has learned under a bundle that is not to be had: {error}"
        ) from error
    return store.put(frozen(bundle, baselines, now))


def _tell(station: str, baselines: Sequence[Baseline], digest: str, *, signed: bool) -> None:
    before = baselines[0].bundle[:SHORT]
    say(f"{digest}")
    say(f"is bundle {before} with what {station} has learned ({product_words(baselines)}); it is in the store")
    if signed:
        warn(f"nobody has signed it, and only signed ones serve: andon bundles sign {digest[:SHORT]} --key KEY.pem")


def _assigned_as(serving: "Assignments", learned: Baseline) -> str:
    """The station, and the product where what serves it is assigned for that alone."""
    found = serving.lookup(learned.station, learned.product)
    own = found.active.product if found else None
    return f"{learned.station} --product {own}" if own else learned.station
