"""The references of places, as the topic `baselines` says, and as bundles carry them.

The topic's first word since the last wish to learn anew counts, so two processes never watch against two references.
Compaction keeps the last word of a key, though: where that is another, the first is said again.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from andon.errors import Invalid
from andon.records import Baseline, Relearn, baseline_key, read_event
from andon.records.baseline import SIGNALS
from andon.stage import Record
from andon_drift.findings import Reader
from andon_drift.watch.rules import Word

Given = Callable[[str], Iterable[Baseline]]
"""The baselines that a bundle carries, by its digest. Never waits; none while it is being read."""


@dataclass(slots=True)
class _Known:
    first: Baseline | None = None
    relearn: Relearn | None = None


class Baselines:
    """Every word of the topic. What cannot be read is passed over."""

    def __init__(self, reader: Reader, given: Given = lambda _: ()) -> None:
        self._reader = reader
        self._given = given
        self._known: dict[str, _Known] = {}
        self._contested: set[str] = set()
        self._apply(reader.read_to_end())

    def refresh(self) -> None:
        """Takes in what is new, without waiting."""
        self._apply(self._reader.changes())

    def close(self) -> None:
        """Stops following."""
        self._reader.close()

    def word(self, station: str, product: str | None, bundle: str) -> Word:
        """The reference of a place: the topic's own, or the bundle's where that is newer."""
        known = self._known.get(baseline_key(station, product, bundle), _NOTHING)
        given = None if bundle == SIGNALS else self._carried(station, product, bundle)
        own, relearn = known.first, known.relearn
        if given is not None and own is None and relearn is not None and given.until <= relearn.at:
            given = None
        if own is None or (given is not None and given.until > own.until):
            return Word(given, relearn)
        return Word(own, relearn)

    def again(self, stations: Container[str]) -> list[Baseline]:
        """What is to be said again of `stations`, so that compaction keeps what counts. Answered once."""
        found = [self._known[key].first for key in sorted(self._contested)]
        ours = [each for each in found if each is not None and each.station in stations]
        self._contested -= {each.key for each in ours}
        return ours

    def _carried(self, station: str, product: str | None, bundle: str) -> Baseline | None:
        found = [each for each in self._given(bundle) if (each.station, each.product) == (station, product)]
        return max((each for each in found if each.bundle != SIGNALS), key=lambda each: each.until, default=None)

    def _apply(self, records: Iterable[Record]) -> None:
        for record in records:
            said = _read(record)
            if said is None:
                continue
            known = self._known.setdefault(said.key, _Known())
            if isinstance(said, Relearn):
                self._known[said.key] = _Known(relearn=said)
            else:
                known.first = known.first or said
            contested = isinstance(said, Baseline) and known.first != said
            (self._contested.add if contested else self._contested.discard)(said.key)


_NOTHING = _Known()


class _Kind(BaseModel):
    record: str


def _read(record: Record) -> Baseline | Relearn | None:
    try:
        kind = _Kind.model_validate_json(record.value).record
        if kind == "baseline":
            return read_event(Baseline, record.value)
        return read_event(Relearn, record.value) if kind == "relearn" else None
    except (ValidationError, Invalid):
        return None
