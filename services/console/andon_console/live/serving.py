"""Which bundle serves which station, as `models` says."""

from andon.assignments import Assignments, Serving
from andon.commands.bundles.use import Uses, uses
from andon.records import Swap
from andon_console.live.table import Shared


class Models(Shared[Assignments]):
    """The table of assignments for many threads."""

    def __init__(self) -> None:
        super().__init__(Assignments(), "assignment_refused")

    def lookup(self, station: str, product: str | None = None) -> Serving | None:
        """What serves there, if only for want of an assignment of its own."""
        with self._lock:
            return self._table.lookup(station, product)

    def of(self, station: str, product: str | None = None) -> Serving | None:
        """What is assigned to exactly this."""
        with self._lock:
            return self._table.of(station, product)

    def all(self) -> tuple[Serving, ...]:
        """Everything that is assigned, by station and product."""
        with self._lock:
            return self._table.all()

    def swaps(self) -> tuple[Swap, ...]:
        """The last swap of each station and product."""
        with self._lock:
            return self._table.swaps()

    def swap_of(self, station: str, product: str | None) -> Swap | None:
        """The last swap of exactly this station and product."""
        with self._lock:
            return self._table.swap_of(station, product)

    def uses(self) -> Uses:
        """Where each bundle is active, a shadow, or kept to go back to."""
        with self._lock:
            return uses(self._table)
