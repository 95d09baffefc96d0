"""The references of places, as the topic `baselines` says, and as bundles carry them.

The topic's first word since the last wish to learn anew counts, so two processes never watch against two references.
Compaction keeps the last word of a key, though: where that is another, the first is said again.
"""

from collections.abc import Callable, Container, Iterable

from andon.baselines import Baselines as Table
from andon.baselines import Known, Place, place_of
from andon.errors import Invalid
from andon.records import Baseline
from andon.records.baseline import SIGNALS
from andon.stage import Record
from andon_drift.findings import Reader

Given = Callable[[str], Iterable[Baseline]]
"""The baselines that a bundle carries, by its digest. Never waits; none while it is being read."""


class Baselines:
    """The topic's table, followed. What cannot be read is passed over."""

    def __init__(self, reader: Reader, given: Given = lambda _: ()) -> None:
        self._reader = reader
        self._given = given
        self._table = Table()
        self._contested: set[Place] = set()
        self._apply(reader.read_to_end())

    def refresh(self) -> None:
        """Takes in what is new, without waiting."""
        self._apply(self._reader.changes())

    def close(self) -> None:
        """Stops following."""
        self._reader.close()

    def word(self, station: str, product: str | None, bundle: str) -> Known:
        """The reference of a place: the topic's own, or the bundle's where that is newer."""
        known = self._table.of(Place(station, product, bundle)) or _NOTHING
        given = None if bundle == SIGNALS else self._carried(station, product, bundle)
        own, relearn = known.baseline, known.relearn
        if given is not None and own is None and relearn is not None and given.until <= relearn.at:
            given = None
        if own is None or (given is not None and given.until > own.until):
            return Known(given, relearn)
        return known

    def again(self, stations: Container[str]) -> list[Baseline]:
        """What is to be said again of `stations`, so that compaction keeps what counts. Answered once."""
        places = sorted((each for each in self._contested if each.station in stations), key=lambda each: each.key)
        self._contested.difference_update(places)
        return [known.baseline for each in places if (known := self._table.of(each)) and known.baseline]

    def _carried(self, station: str, product: str | None, bundle: str) -> Baseline | None:
        found = [each for each in self._given(bundle) if (each.station, each.product) == (station, product)]
        return max((each for each in found if each.bundle != SIGNALS), key=lambda each: each.until, default=None)

    def _apply(self, records: Iterable[Record]) -> None:
        for record in records:
            try:
                said = self._table.apply(record) if record.value else None
            except Invalid:
                continue
            if said is None:
                continue
            place = place_of(said)
            known = self._table.of(place)
            contested = isinstance(said, Baseline) and known is not None and known.baseline != said
            (self._contested.add if contested else self._contested.discard)(place)


_NOTHING = Known()
