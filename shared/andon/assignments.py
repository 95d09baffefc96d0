"""Which bundle serves which station, and which was proven: the table that `models` holds, the last word of each key."""

from dataclasses import dataclass, replace
from typing import TypeVar

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records.assignment import (
    EVERY,
    PROVEN,
    REFUSED,
    SWAPPED,
    Assignment,
    Proof,
    Refusal,
    Swap,
    assignment_key,
)
from andon.records.event import read_event
from andon.stage import Record


@dataclass(frozen=True, slots=True)
class Serving:
    """The bundle that is active for a station, the one it took over from, the last one that was proven, and the last
    that was refused.
    """

    active: Assignment
    before: str | None = None
    proven: str | None = None
    last_refusal: Refusal | None = None

    @property
    def last(self) -> str:
        """The digest of the one that serves in truth, as far as is known: an active one that nobody has proven does
        not, where another was.
        """
        return self.proven or self.active.bundle

    @property
    def refused(self) -> Refusal | None:
        """Why the active one was refused, if it was."""
        return self.last_refusal if self.last_refusal and self.last_refusal.bundle == self.active.bundle else None

    @property
    def bundles(self) -> tuple[str, ...]:
        """The digests of those that may score a frame prepared for them, the active one first."""
        return tuple(dict.fromkeys(each for each in (self.active.bundle, self.proven, self.before) if each))

    @property
    def wanted(self) -> tuple[str, ...]:
        """The digests of those that a frame may be prepared for, the best first: one that is proven, if any is."""
        return tuple(dict.fromkeys((self.proven or self.active.bundle, *self.bundles)))


class Assignments:
    """The table. `apply` feeds it; `lookup` asks it. A station's own assignment goes before everybody's ('*'), and
    among these one for the product before one for any.
    """

    __slots__ = ("_proven", "_refused", "_swaps", "_table")

    def __init__(self) -> None:
        self._table: dict[bytes, Serving] = {}
        self._proven: dict[bytes, str] = {}
        self._refused: dict[bytes, Refusal] = {}
        self._swaps: dict[bytes, Swap] = {}

    def apply(self, record: Record) -> bool:
        """Takes one record of `models` into the table; answers whether it changed what serves. An empty one removes
        its key.

        The same bundle assigned again takes over from nobody, but is said anew: whoever could not have it looks again.
        Raises Invalid when it is none of the topic's records, or lies under another key than its own.
        """
        key = record.key or b""
        if key.startswith(PROVEN):
            return self._apply_proof(key, record.value)
        if key.startswith(REFUSED):
            return self._apply_refusal(key, record.value)
        if key.startswith(SWAPPED):
            return self._apply_swap(key, record.value)
        if not record.value:
            return self._table.pop(key, None) is not None
        given = _read(Assignment, key, record.value)
        known = self._table.get(key)
        if known is not None and known.active.bundle == given.bundle:
            self._table[key] = replace(known, active=given)
            return known.active != given
        past = given.past[0].bundle if given.past else None  # compaction forgets; the assignment itself does not
        before = known.last if known else past
        self._table[key] = Serving(given, before, self._proven.get(key), self._refused.get(key))
        return True

    def lookup(self, station: str, product: str | None) -> Serving | None:
        """What serves this station and product; None where nothing is assigned."""
        for name in (station, EVERY):
            for kind in (product, None) if product else (None,):
                found = self._table.get(assignment_key(name, kind))
                if found is not None:
                    return found
        return None

    def of(self, station: str, product: str | None) -> Serving | None:
        """What is assigned to exactly this station and product, as `assign` was told it."""
        return self._table.get(assignment_key(station, product))

    def all(self) -> tuple[Serving, ...]:
        """Everything that is assigned, by station and product."""
        return tuple(self._table[key] for key in sorted(self._table))

    def swaps(self) -> tuple[Swap, ...]:
        """The last swap of each station and product."""
        return tuple(self._swaps[key] for key in sorted(self._swaps))

    def swap_of(self, station: str, product: str | None) -> Swap | None:
        """The last swap of exactly this station and product."""
        return self._swaps.get(assignment_key(station, product))

    def bundles(self) -> set[str]:
        """The digests of every bundle that serves or may yet score, those taken over from too; no shadows."""
        return {digest for serving in self._table.values() for digest in serving.bundles}

    def shadows(self) -> set[str]:
        """The digests of every shadow."""
        return {digest for serving in self._table.values() for digest in serving.active.shadows}

    def unproven(self) -> list[Assignment]:
        """The active assignments that nobody has proven yet."""
        return [each.active for each in self._table.values() if each.proven != each.active.bundle]

    def _apply_proof(self, key: bytes, value: bytes) -> bool:
        proof = _read(Proof, key, value) if value else None
        place, digest = key.removeprefix(PROVEN), proof.bundle if proof else None
        if self._proven.get(place) == digest:
            return False
        _put(self._proven, place, digest)
        known = self._table.get(place)
        if known is not None:  # frames that were prepared for the one that was proven until now are still under way
            before = known.proven if digest and known.proven else known.before
            self._table[place] = replace(known, proven=digest, before=before)
        return True

    def _apply_refusal(self, key: bytes, value: bytes) -> bool:
        """A refusal changes nothing that serves."""
        place, refusal = key.removeprefix(REFUSED), _read(Refusal, key, value) if value else None
        _put(self._refused, place, refusal)
        if place in self._table:
            self._table[place] = replace(self._table[place], last_refusal=refusal)
        return False

    def _apply_swap(self, key: bytes, value: bytes) -> bool:
        _put(self._swaps, key.removeprefix(SWAPPED), _read(Swap, key, value) if value else None)
        return False


_R = TypeVar("_R", Assignment, Proof, Refusal, Swap)
_V = TypeVar("_V")


def _read(model: type[_R], key: bytes, value: bytes) -> _R:
    given = read_event(model, value)
    if given.key != key:
        raise Invalid(Reason.BAD_RECORD, f"{model.__name__.lower()} of {given.key!r} under key {key[:80]!r}")
    return given


def _put(table: dict[bytes, _V], key: bytes, value: _V | None) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
