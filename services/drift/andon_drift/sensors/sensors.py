"""What is remembered of the sensors of one station."""

import json
from collections.abc import Sequence
from datetime import datetime

from andon.records.reading import Reading
from andon_drift.sensors.ring import Ring
from andon_drift.sensors.rows import Heard, Rows, Taken

NEAR_S = 60.0  # a reading farther from a frame than this says nothing of it
STALE_S = 300.0  # sensors that have said nothing for so long are shown as stale


class Sensors:
    """The row that is being gathered, and the last day. Plain numbers: `dump` and `load` are all there is to it."""

    __slots__ = ("_rows", "ring")

    def __init__(self, rows: Rows | None = None, ring: Ring | None = None) -> None:
        self._rows = rows or Rows()
        self.ring = ring or Ring()

    def take(self, reading: Reading, received_ms: int = 0) -> Taken:
        """One reading. `received_ms` is its record's timestamp, Unix time in milliseconds; 0 where it has none."""
        taken = self._rows.take(reading, received_ms)
        if taken.row is not None:
            self.ring.add(taken.row)
        return taken

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers of the station, sorted: all that were heard in the last day."""
        return tuple(sorted(self._rows.heard))

    @property
    def units(self) -> dict[str, str]:
        """By name; '' where nobody said."""
        return {name: heard.unit for name, heard in self._rows.heard.items()}

    def near(self, at: datetime) -> dict[str, float]:
        """What they read at `at`, by name: the nearest mean of ten readings within NEAR_S, none where there is none."""
        return self.ring.nearest(at, NEAR_S)

    def dump(self) -> str:
        """All of it, printable ASCII."""
        heard = {
            name: [round(each.at, 6), each.value, each.unit, int(each.fresh)] for name, each in self._rows.heard.items()
        }
        return json.dumps([self._rows.last, heard, self.ring.dump()], separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> "Sensors":
        """What `dump` gave."""
        last, heard, ring = json.loads(text)
        return cls(Rows(last, {name: _heard(each) for name, each in heard.items()}), Ring.load(ring))


def _heard(given: Sequence[float | str]) -> Heard:
    at, value, unit, fresh = given
    return Heard(float(at), float(value), str(unit), bool(fresh))
