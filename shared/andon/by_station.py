"""What is counted by station: labels are looked up once a station, and nobody makes more stations than fit.

A foreign producer names stations by its records' keys. One that invents names must not fill the registry, nor
Prometheus: past MOST_STATIONS the further ones are counted together.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

MOST_STATIONS = 2000
OTHERS = "(others)"
"""The label of those past the bound: no station can be called so."""

T = TypeVar("T")


class ByStation(Generic[T]):
    """One `T` a station, made when it is first asked for."""

    __slots__ = ("_made", "_make", "_most")

    def __init__(self, make: Callable[[str], T], most: int = MOST_STATIONS) -> None:
        self._make = make
        self._most = most
        self._made: dict[str, T] = {}

    def __call__(self, station: str) -> T:
        """The one of `station`, or of all that are too many."""
        found = self._made.get(station)
        if found is None:
            name = station if len(self._made) < self._most else OTHERS
            found = self._made.get(name) or self._make(name)
            self._made[name] = found
        return found
