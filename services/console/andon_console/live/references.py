"""What `baselines` says of every place, for many threads."""

from collections.abc import Sequence
from threading import Lock

import structlog

from andon.baselines import Baselines, Known, Place
from andon.errors import Invalid
from andon.stage import Record


class References:
    """The table of references; `andon.baselines` says which one of a place counts."""

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()
        self._table = Baselines()

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `baselines`; what cannot be read is passed over."""
        with self._lock:
            for record in records:
                try:
                    self._table.apply(record)
                except Invalid as error:
                    structlog.get_logger().warning("baseline_refused", offset=record.offset, reason=str(error))
            self.version += 1

    def of(self, place: Place) -> Known | None:
        """What is known of exactly this place."""
        with self._lock:
            return self._table.of(place)

    def at(self, station: str) -> list[Known]:
        """Of every place of a station."""
        with self._lock:
            return self._table.at(station)
