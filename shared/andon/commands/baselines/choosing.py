"""Which places people mean by a station, a product and a bundle. Pure."""

from collections.abc import Sequence
from difflib import get_close_matches

from andon.assignments import Assignments
from andon.baselines import SHORT
from andon.errors import Mistake
from andon.places import Standing
from andon.records.assignment import EVERY
from andon.records.baseline import SIGNALS

LEAST_DIGITS = 6


def of_station(found: Sequence[Standing], station: str) -> list[Standing]:
    """Those of a station, or all for '*'. Raises Mistake where nobody knows of it."""
    here = [each for each in found if station in (EVERY, each.place.station)]
    if here:
        return here
    names = sorted({each.place.station for each in found})
    if not names:
        raise Mistake("no station has learned anything yet, nor learns now; andon baselines shows it once one does")
    near = get_close_matches(station, names, n=1, cutoff=0.5)
    meant = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(names[:10])}"
    raise Mistake(f"{station!r} has learned nothing yet, nor learns now{meant}")


def chosen(found: Sequence[Standing], product: str | None, bundle: str | None, serving: Assignments) -> list[Standing]:
    """Those of `found` with this product and this bundle ('signals', or the beginning of a digest); without a bundle,
    those of the bundle that serves now, and not of sensors. Raises Mistake where that leaves none.
    """
    kept = [each for each in found if each.place.bundle and product in (None, each.place.product)]
    if not kept:
        raise Mistake(f"it has learned nothing of product {product!r}; there is: {_names(found)}")
    if bundle is not None:
        return _of_bundle(kept, bundle)
    pictures = [each for each in kept if not each.place.sensors]
    serve = [each for each in pictures if _serves(each, serving)]
    if not pictures:
        raise Mistake(f"it has learned nothing of its pictures; for its sensors say --bundle {SIGNALS}")
    return serve or pictures


def _of_bundle(found: Sequence[Standing], bundle: str) -> list[Standing]:
    if bundle != SIGNALS and len(bundle) < LEAST_DIGITS:
        raise Mistake(f"--bundle {bundle[:80]!r}: say {LEAST_DIGITS} digits of its digest or more, or {SIGNALS}")
    kept = [
        each
        for each in found
        if each.place.bundle == bundle or (not each.place.sensors and each.place.bundle.startswith(bundle))
    ]
    if len({each.place.bundle for each in kept}) > 1:
        raise Mistake(f"--bundle {bundle}: several bundles begin so; say more digits")
    if not kept:
        raise Mistake(f"it has learned nothing under bundle {bundle[:SHORT]!r}; there is: {_names(found)}")
    return kept


def _serves(standing: Standing, serving: Assignments) -> bool:
    found = serving.lookup(standing.place.station, standing.place.product)
    return found is not None and found.last == standing.place.bundle


def _names(found: Sequence[Standing]) -> str:
    return "; ".join(each.place.words for each in found[:5])
