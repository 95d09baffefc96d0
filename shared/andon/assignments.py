"""Which bundle serves which station, and which was proven: the table that `models` holds, the last word of each key."""

from dataclasses import dataclass, replace

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records.assignment import EVERY, PROVEN, Assignment, Proof, assignment_key
from andon.records.event import read_event
from andon.stage import Record


@dataclass(frozen=True, slots=True)
class Serving:
    """The bundle that is active for a station, the one it took over from, and the last one that was proven."""

    active: Assignment
    before: Assignment | None = None
    proven: str | None = None

    @property
    def bundles(self) -> tuple[str, ...]:
        """The digests of those that may score a frame prepared for them, the active one first."""
        before = self.before.bundle if self.before else None
        return tuple(dict.fromkeys(each for each in (self.active.bundle, self.proven, before) if each))

    @property
    def wanted(self) -> tuple[str, ...]:
        """The digests of those that a frame may be prepared for, the best first: one that is proven, if any is."""
        return tuple(dict.fromkeys((self.proven or self.active.bundle, *self.bundles)))


class Assignments:
    """The table. `apply` feeds it; `lookup` asks it. A station's own assignment goes before everybody's ('*'), and
    among these one for the product before one for any.
    """

    __slots__ = ("_proven", "_table")

    def __init__(self) -> None:
        self._table: dict[bytes, Serving] = {}
        self._proven: dict[bytes, str] = {}

    def apply(self, record: Record) -> bool:
        """Takes one record of `models` into the table; answers whether anything changed. An empty one removes its key.

        The same bundle assigned again takes over from nobody, but is said anew: whoever could not have it looks again.
        Raises Invalid when it is neither an assignment nor a proof, or lies under another key than its own.
        """
        key = record.key or b""
        if key.startswith(PROVEN):
            return self._apply_proof(key, record.value)
        if not record.value:
            return self._table.pop(key, None) is not None
        given = read_event(Assignment, record.value)
        if given.key != key:
            raise Invalid(Reason.BAD_RECORD, f"assignment of {given.key!r} under key {key[:80]!r}")
        known = self._table.get(key)
        if known is None or known.active.bundle != given.bundle:
            self._table[key] = Serving(given, known.active if known else None, self._proven.get(key))
            return True
        self._table[key] = replace(known, active=given)
        return known.active != given

    def _apply_proof(self, key: bytes, value: bytes) -> bool:
        proof = read_event(Proof, value) if value else None
        if proof is not None and proof.key != key:
            raise Invalid(Reason.BAD_RECORD, f"proof of {proof.key!r} under key {key[:80]!r}")
        place, digest = key.removeprefix(PROVEN), proof.bundle if proof else None
        if self._proven.get(place) == digest:
            return False
        if digest is None:
            del self._proven[place]
        else:
            self._proven[place] = digest
        if place in self._table:
            self._table[place] = replace(self._table[place], proven=digest)
        return True

    def lookup(self, station: str, product: str | None) -> Serving | None:
        """What serves this station and product; None where nothing is assigned."""
        for name in (station, EVERY):
            for kind in (product, None) if product else (None,):
                found = self._table.get(assignment_key(name, kind))
                if found is not None:
                    return found
        return None

    def bundles(self) -> set[str]:
        """The digests of every bundle in the table, those taken over from too."""
        return {digest for serving in self._table.values() for digest in serving.bundles}

    def unproven(self) -> list[Assignment]:
        """The active assignments that nobody has proven yet."""
        return [each.active for each in self._table.values() if each.proven != each.active.bundle]
