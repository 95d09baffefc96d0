"""Which bundle serves which station: the table that `models` holds, the last word of each key."""

from dataclasses import dataclass

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records.assignment import EVERY, Assignment, assignment_key
from andon.records.event import read_event
from andon.stage import Record


@dataclass(frozen=True, slots=True)
class Serving:
    """The bundle that is active for a station, and the one it took over from."""

    active: Assignment
    before: Assignment | None = None


class Assignments:
    """The table. `apply` feeds it; `lookup` asks it. A station's own assignment goes before everybody's ('*'), and
    among these one for the product before one for any.
    """

    __slots__ = ("_table",)

    def __init__(self) -> None:
        self._table: dict[bytes, Serving] = {}

    def apply(self, record: Record) -> bool:
        """Takes one record of `models` into the table; answers whether anything changed. An empty one removes its key.

        The same bundle assigned again takes over from nobody, but is said anew: whoever could not have it looks again.
        Raises Invalid when it is not an assignment, or lies under another key than its own.
        """
        key = record.key or b""
        if not record.value:
            return self._table.pop(key, None) is not None
        given = read_event(Assignment, record.value)
        if given.key != key:
            raise Invalid(Reason.BAD_RECORD, f"assignment of {given.key!r} under key {key[:80]!r}")
        known = self._table.get(key)
        if known is None or known.active.bundle != given.bundle:
            self._table[key] = Serving(given, known.active if known else None)
            return True
        self._table[key] = Serving(given, known.before)
        return known.active != given

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
        return {
            assignment.bundle
            for serving in self._table.values()
            for assignment in (serving.active, serving.before)
            if assignment is not None
        }
