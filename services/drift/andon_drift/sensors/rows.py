"""Readings become rows: one row of all numbers of a station, at the pace of the one that is read most often.

Several sources may read at a station, each at its own pace. A row gathers what they bring and is closed when a number
comes that it already has; what a slow source did not bring again is carried on for HOLD_S, then unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from andon.records.reading import MOST_VALUES, Reading

HOLD_S = 60.0
"""A number that has not been heard for so long is unknown: send every number at least once a minute."""

AHEAD_S = 60.0
"""A reading that is so much later than Kafka got it is passed over: believed, it would make all others late."""

FORGET_S = 86_400.0
"""A number that has not been heard for so long is none of the station's any more."""


class Why(StrEnum):
    """What became of a reading: the word that the log, the metric and the test use."""

    TAKEN = "taken"  # it counts
    LATE = "late"  # not newer than the last of its source, sent twice, or a minute behind the others: changes nothing
    AHEAD = "ahead"  # from the future: the clock of its source is wrong


@dataclass(frozen=True, slots=True)
class Row:
    """All numbers of a station as of `at`, by name; what is unknown is not in it."""

    at: datetime
    values: dict[str, float]

    def vector(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The numbers in the order of `names`, float64 [F]; NaN where unknown."""
        return np.array([self.values.get(name, np.nan) for name in names])


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a reading, and the row that it closed, if it did."""

    why: Why
    row: Row | None = None


@dataclass(slots=True)
class Heard:
    """The last word on one number: when (Unix time in seconds), and what. `fresh`: since the last row."""

    at: float
    value: float
    unit: str = ""
    fresh: bool = True


class Rows:
    """The row of one station that is being gathered. `last` is when each source read last, `heard` each number."""

    __slots__ = ("heard", "last")

    def __init__(self, last: dict[str, float] | None = None, heard: dict[str, Heard] | None = None) -> None:
        self.last = last or {}
        self.heard = heard or {}

    def take(self, reading: Reading, received_ms: int) -> Taken:
        """One reading, in the order of the topic; `received_ms` is its record's timestamp."""
        at = reading.at.timestamp()
        if at <= self.last.get(reading.source, -np.inf) or at < self.at - HOLD_S:
            return Taken(Why.LATE)
        if received_ms > 0 and at > received_ms / 1000 + AHEAD_S:
            return Taken(Why.AHEAD)
        row = self._closed() if any(name in self.heard and self.heard[name].fresh for name in reading.values) else None
        self.last[reading.source] = at
        self._hear(at, reading)
        return Taken(Why.TAKEN, row)

    @property
    def at(self) -> float:
        """When the newest number was read, Unix time in seconds; minus infinity before the first."""
        return max(self.last.values(), default=-np.inf)

    def _hear(self, at: float, reading: Reading) -> None:
        for name, value in reading.values.items():
            if name in self.heard or len(self.heard) < MOST_VALUES:
                self.heard[name] = Heard(at, value, reading.units.get(name, self._unit(name)))

    def _unit(self, name: str) -> str:
        return self.heard[name].unit if name in self.heard else ""

    def _closed(self) -> Row:
        at = self.at
        self.heard = {name: each for name, each in self.heard.items() if at - each.at <= FORGET_S}
        values = {name: each.value for name, each in self.heard.items() if at - each.at <= HOLD_S}
        for each in self.heard.values():
            each.fresh = False
        return Row(moment(at), values)


def moment(unix_s: float) -> datetime:
    """A time of day in UTC, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=unix_s)
