"""Which bundle serves which station, as `models` says."""

from collections.abc import Sequence
from threading import Lock

import structlog

from andon.assignments import Assignments, Serving
from andon.commands.bundles.use import Uses, uses
from andon.errors import Invalid
from andon.records import Swap
from andon.stage import Record


class Models:
    """The table of assignments for many threads."""

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()
        self._table = Assignments()

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `models`."""
        with self._lock:
            for record in records:
                try:
                    self._table.apply(record)
                except Invalid as error:
                    structlog.get_logger().warning("assignment_refused", offset=record.offset, reason=str(error))
            self.version += 1

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
