"""When each station's turn is. Pure: a slot and a phase, so that a restart changes neither."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor


@dataclass(frozen=True, slots=True)
class Due:
    """One heartbeat of a station: the `slot`-th since 1970, which began at `at`."""

    station: str
    slot: int
    at: datetime


def phase(station: str) -> float:
    """Where in the interval a station's turn is, 0 to 1: spread evenly over the stations by a hash of their names."""
    return int.from_bytes(hashlib.sha256(station.encode()).digest()[:8]) / 2**64


def slot_at(station: str, every_s: float, now: datetime) -> Due:
    """The slot that `now` lies in."""
    slot = floor(now.timestamp() / every_s - phase(station))
    return Due(station, slot, datetime.fromtimestamp((slot + phase(station)) * every_s, UTC))


class Schedule:
    """Whose turn it is. A station begins with its next slot; slots that nobody looked at are not made up for."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}

    def due(self, every_s: Mapping[str, float], now: datetime) -> list[Due]:
        """Those of the stations, with their intervals, whose slot began since they were asked last."""
        found = [each for station, wait in every_s.items() if (each := self._due(station, wait, now))]
        self._last = {station: last for station, last in self._last.items() if station in every_s}
        return found

    def _due(self, station: str, every_s: float, now: datetime) -> Due | None:
        due, last = slot_at(station, every_s, now), self._last.get(station)
        self._last[station] = every_s, due.slot
        return due if last is not None and last[0] == every_s and due.slot > last[1] else None
