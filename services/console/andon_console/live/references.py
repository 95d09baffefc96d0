"""What `baselines` says of every place, for many threads."""

from andon.baselines import Baselines, Known, Place
from andon_console.live.table import Shared


class References(Shared[Baselines]):
    """The table of references; `andon.baselines` says which one of a place counts."""

    def __init__(self) -> None:
        super().__init__(Baselines(), "baseline_refused")

    def of(self, place: Place) -> Known | None:
        """What is known of exactly this place."""
        with self._lock:
            return self._table.of(place)

    def at(self, station: str) -> list[Known]:
        """Of every place of a station."""
        with self._lock:
            return self._table.at(station)
