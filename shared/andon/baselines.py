"""The reference of each place, and who had it learned anew: the table that `baselines` holds."""

from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records.baseline import SIGNALS, Baseline, Relearn, baseline_key
from andon.records.event import read_event
from andon.stage import Record

SHORT = 12  # digits of a digest that people are shown


class Place(NamedTuple):
    """A station making `product` with `bundle`: what has one reference. `bundle` is 'signals' for its sensors."""

    station: str
    product: str | None
    bundle: str

    @property
    def key(self) -> str:
        """Its key in `baselines`."""
        return baseline_key(*self)

    @property
    def sensors(self) -> bool:
        """Whether it is of the station's sensors, not of its pictures."""
        return self.bundle == SIGNALS

    @property
    def words(self) -> str:
        """As people name it."""
        product = f", product {self.product}" if self.product else ""
        under = "its sensors" if self.sensors else f"bundle {self.bundle[:SHORT]}" if self.bundle else "no bundle"
        return f"{self.station}{product}, {under}"


def place_of(said: Baseline | Relearn) -> Place:
    """What it is about."""
    return Place(said.station, said.product, said.bundle)


@dataclass(frozen=True, slots=True)
class Known:
    """What `baselines` says of a place: the reference that counts, or who last wanted it learned anew; both where it
    was learned since. One of the two is always there."""

    baseline: Baseline | None = None
    relearn: Relearn | None = None

    @property
    def place(self) -> Place:
        """What it is about."""
        said = self.baseline or self.relearn
        assert said is not None  # noqa: S101  one of the two is always there
        return place_of(said)

    @property
    def waits(self) -> Relearn | None:
        """Who wants it learned anew, while it is not yet."""
        return None if self.baseline else self.relearn


class Baselines:
    """The table; `apply` feeds it. The first reference after the last `Relearn` counts: two processes that freeze one
    at once do not take turns."""

    __slots__ = ("_table",)

    def __init__(self) -> None:
        self._table: dict[str, Known] = {}

    def apply(self, record: Record) -> Baseline | Relearn | None:
        """Takes in one record of `baselines`, and answers what it says; an empty one removes its key.

        Raises Invalid when it is none of the topic's records, or lies under another key than its own.
        """
        key = (record.key or b"").decode(errors="replace")
        if not record.value:
            self._table.pop(key, None)
            return None
        said = read_said(record.value)
        if said.key != key:
            raise Invalid(Reason.BAD_RECORD, f"{said.record} of {said.key!r} under the key {key[:200]!r}")
        known = self._table.get(key, Known())
        if isinstance(said, Relearn):
            self._table[key] = Known(relearn=said)
        elif known.baseline is None:
            self._table[key] = replace(known, baseline=said)
        return said

    def of(self, place: Place) -> Known | None:
        """What is known of exactly this place."""
        return self._table.get(place.key)

    def at(self, station: str) -> list[Known]:
        """Of every place of a station, by product and bundle."""
        return [each for each in self.all() if each.place.station == station]

    def all(self) -> list[Known]:
        """Of every place, by station, product and bundle."""
        return [self._table[key] for key in sorted(self._table)]


Said = TypeVar("Said", Baseline, Relearn)


def read_said(value: bytes) -> Baseline | Relearn:
    """The record in `value`. Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW, or BAD_RECORD for a time without a zone."""
    try:
        return _zoned(read_event(Relearn, value), "at")
    except Invalid as error:
        if error.reason is not Reason.BAD_RECORD:
            raise
        return _zoned(read_event(Baseline, value), "since", "until")


def _zoned(said: Said, *names: str) -> Said:
    if any(getattr(said, name).tzinfo is None for name in names):
        raise Invalid(Reason.BAD_RECORD, f"{type(said).__name__}: {' and '.join(names)} need a time zone")
    return said
