"""What there is to try: every station and product, with the bundle that serves it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.assignments import Assignments
from andon.errors import Invalid
from andon.ids import drill_of, station_id
from andon.records import Score, read_event
from andon.records.assignment import EVERY
from andon.stage import Record

LOOK_AGAIN_S = 10.0
MOST_SIGHTS = 4096  # a producer that keys its frames by serial number must not have the line tried ten thousand times
Sight = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Target:
    """One bundle to try at a station, for the product that its assignment names. `bundle` None: none is proven."""

    station: str
    product: str | None
    bundle: str | None


def targets(table: Assignments, seen: Iterable[Sight]) -> tuple[Target, ...]:
    """What the table lets serve at the stations it names, and at the (station, product)s that were seen.

    Drill copies are left out: what is tried there is not the inspection.
    """
    named = [(each.active.station, each.active.product) for each in table.all() if each.active.station != EVERY]
    found = dict.fromkeys(_target(table, *sight) for sight in (*named, *seen) if drill_of(sight[0]) is None)
    return tuple(each for each in found if each is not None)


def _target(table: Assignments, station: str, product: str | None) -> Target | None:
    serving = table.lookup(station, product)
    return Target(station, serving.active.product, serving.proven) if serving else None


class Seen:
    """Which stations sent frames lately, with their products: from `scores`, a look every few seconds at each."""

    __slots__ = ("_keep", "_looked", "_sights")

    def __init__(self, keep: timedelta) -> None:
        self._keep = keep
        self._looked: dict[bytes, float] = {}
        self._sights: dict[Sight, float] = {}

    def note(self, record: Record, now: datetime) -> None:
        """Takes in a record of `scores`. Golden frames, and what cannot be read, show no station."""
        key, at = record.key or b"", min(now.timestamp(), record.timestamp_ms / 1000)
        before = self._looked.get(key)
        if before is not None and at - before < LOOK_AGAIN_S:
            return
        try:
            score = read_event(Score, record.value)
            sight = station_id(score.station), score.product
        except Invalid:
            return
        if score.golden is None and score.station.encode() == key:
            self._looked[key] = at
            self._keep_sight(sight, at)

    def remember(self, station: str, product: str | None, at: datetime) -> None:
        """One that is known from elsewhere."""
        self._keep_sight((station, product), max(at.timestamp(), self._sights.get((station, product), 0.0)))

    def lately(self, now: datetime) -> list[Sight]:
        """Those seen within the time that they are kept."""
        since = now.timestamp() - self._keep.total_seconds()
        self._sights = {sight: at for sight, at in self._sights.items() if at > since}
        self._looked = {key: at for key, at in self._looked.items() if at > since}
        return list(self._sights)

    def _keep_sight(self, sight: Sight, at: float) -> None:
        """The latest come last, and the earliest go."""
        self._sights.pop(sight, None)
        self._sights[sight] = at
        if len(self._sights) > MOST_SIGHTS:
            del self._sights[next(iter(self._sights))]
