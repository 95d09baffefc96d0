"""A drill copy of a station: an ordinary station under another name, which the same bundle serves for a while."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from andon.errors import Broken, Invalid, Mistake
from andon.ids import DRILL, station_id
from andon.kafka.follow import FollowedAssignments
from andon.records import Assignment, write_event
from andon.records.assignment import PROVEN, REFUSED, SWAPPED
from andon.stage import Message, Sink
from andon.topics import MODELS

PROVEN_WITHIN_S = 60.0
LOOK_S = 0.05


@dataclass(frozen=True)
class Serves:
    """What serves a station (and product) now."""

    station: str
    product: str | None
    bundle: str


def copy_of(station: str) -> str:
    """The name of its drill copy. Raises Mistake where that would be too long for a station's name."""
    try:
        return station_id(DRILL + station)
    except Invalid:
        most = 64 - len(DRILL)
        raise Mistake(
            f"station {station[:80]}: a drill copy's name begins with {DRILL!r}; at most {most} characters fit"
        ) from None


def serving(followed: FollowedAssignments, station: str, product: str | None) -> Serves:
    """The bundle that serves it; without a product, and where there are bundles for some products only, that of the
    first of them by name. Raises Mistake where none is proven."""
    own = [each.active.product for each in followed.table.all() if each.active.station == station and each.proven]
    for made in (product,) if product else (None, *sorted(each for each in own if each)):
        found = followed.table.lookup(station, made)
        if found is not None and found.proven is not None:
            return Serves(station, made, found.proven)
    raise Mistake(f"station {station}: no proven bundle serves it; andon assignments shows what serves where")


@contextmanager
def assigned(followed: FollowedAssignments, sink: Sink, of: Serves, at: datetime) -> Iterator[str]:
    """The copy, served by the same bundle for as long as the block runs; nothing of it is left in `models` afterwards.

    Raises Mistake when scoring refuses the bundle, Broken when it says nothing.
    """
    name = copy_of(of.station)
    why = f"a drill of {of.station}; it goes when the drill is over"
    given = Assignment(station=name, bundle=of.bundle, by="drill", why=why, at=at)
    sink.send([Message(MODELS, given.key, write_event(given))], lambda: None)
    try:
        _wait_for_proof(followed, given)
        yield name
    finally:
        keys = (given.key, *(kind + given.key for kind in (PROVEN, REFUSED, SWAPPED)))
        sink.send([Message(MODELS, key, b"") for key in keys], lambda: None)


def _wait_for_proof(followed: FollowedAssignments, given: Assignment) -> None:
    deadline = time.monotonic() + PROVEN_WITHIN_S
    while True:
        followed.refresh()
        found = followed.table.of(given.station, None)
        if found is not None and found.active == given:
            if found.proven == given.bundle:
                return
            if found.refused is not None:
                raise Mistake(f"{given.station}: scoring refused the bundle: {found.refused.why}")
        if time.monotonic() > deadline:
            raise Broken(f"no scoring process loaded the bundle of {given.station} within {PROVEN_WITHIN_S:.0f} s")
        time.sleep(LOOK_S)
