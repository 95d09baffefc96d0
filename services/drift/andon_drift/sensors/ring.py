"""What the sensors of a station read in the last day, as points: close for the last minutes, apart for hours ago.

A point is the mean of a stretch of rows. When there are more than MOST, the two neighbours whose union is shortest for
its age become one; so a point hours old spans about 7 % of its age, and nothing is ever left out of the means.
"""

from base64 import b85decode, b85encode
from collections.abc import Sequence
from datetime import datetime
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon_drift.sensors.part import Part
from andon_drift.sensors.rows import Row

MOST = 84  # points
POINT_ROWS, POINT_S = 10, 10.0  # a point is closed at so many rows or after so many seconds, whichever is first
REACH_S = 86_400.0  # how far back it goes
NOW_S = 300.0  # the age from which points grow
LEARN = 0.02  # the weight of a new point in the running variance within points
STEPS = 32_766  # of the packed means, to either side of the middle of each number's range; one more is NaN
Floats = NDArray[np.float64]


class Ring:
    """Points, oldest first: `begin` and `end` (Unix time in seconds) and `rows` are [n], `means` is [n, F] with NaN for
    what is unknown. `within` is each number's variance inside a point, [F]. `names` grows as numbers appear.
    """

    __slots__ = ("_packed", "_part", "begin", "end", "means", "names", "rows", "within")

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        self.begin, self.end, self.rows = np.empty(0), np.empty(0), np.empty(0)
        self.means, self.within = np.empty((0, len(self.names))), np.full(len(self.names), np.nan)
        self._part: Part | None = None
        self._packed: dict[str, Any] | None = None  # the points as `dump` gives them, until there is another

    def add(self, row: Row) -> None:
        """One more row, later than the last. The point that it belongs to is not seen before it is full."""
        at = row.at.timestamp()
        if new := sorted(row.values.keys() - set(self.names)):
            self._widen(new)
        self._part = self._part or Part(at, at)
        self._part.add(at, row.values)
        if self._part.rows >= POINT_ROWS or at - self._part.begin >= POINT_S:
            self._close(self._part)
            self._part = None

    def series(self, name: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Of one number where it is known: begin, end, rows and mean of each point, float64 [m] each."""
        column = self.means[:, self.names.index(name)]
        known = np.isfinite(column)
        return self.begin[known], self.end[known], self.rows[known], column[known]

    def variance(self, name: str) -> float:
        """Within points; NaN where none had two rows."""
        return float(self.within[self.names.index(name)])

    def nearest(self, at: datetime, within_s: float) -> dict[str, float]:
        """The numbers of the point, full or not, that is nearest to `at`; none where it is farther than `within_s`."""
        t = at.timestamp()
        found: list[tuple[float, dict[str, float]]] = []
        if self._part is not None:
            found.append((max(self._part.begin - t, t - self._part.end, 0.0), self._part.means))
        if self.begin.size:
            away = np.maximum(np.maximum(self.begin - t, t - self.end), 0)
            index = int(np.argmin(away))
            found.append((float(away[index]), _known(self.names, self.means[index])))
        distance, values = min(found, key=lambda each: each[0], default=(np.inf, {}))
        return values if distance <= within_s else {}

    def dump(self) -> dict[str, Any]:
        """As plain numbers and text; means to one part in 65,000 of their number's range."""
        self._packed = self._packed or self._pack()
        return self._packed | {"part": self._part and self._part.dump(self.names)}

    def _pack(self) -> dict[str, Any]:
        low, high = _range(self.means)
        middle, step = (low + high) / 2, np.where(high > low, (high - low) / (2 * STEPS), 1.0)
        steps = np.where(np.isfinite(self.means), np.round((self.means - middle) / step), STEPS + 1)
        first = float(self.begin[0]) if self.begin.size else 0.0
        return {
            "names": list(self.names),
            "first": first,
            "begin": _text(np.round((self.begin - first) * 10), "<u4"),
            "length": _text(np.minimum(np.round(self.end - self.begin), 65_535), "<u2"),
            "rows": _text(np.minimum(self.rows, 65_535), "<u2"),
            "middle": _text(middle, "<f8"),
            "step": _text(step, "<f8"),
            "means": _text(steps, "<i2"),
            "within": _text(self.within, "<f4"),
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> "Ring":
        """What `dump` gave."""
        ring = cls(data["names"])
        ring.begin = data["first"] + _numbers(data["begin"], "<u4") / 10
        ring.end = ring.begin + _numbers(data["length"], "<u2")
        ring.rows = _numbers(data["rows"], "<u2")
        steps = _numbers(data["means"], "<i2").reshape(ring.begin.size, len(ring.names))
        means = _numbers(data["middle"], "<f8") + steps * _numbers(data["step"], "<f8")
        ring.means = np.where(steps > STEPS, np.nan, means)
        ring.within = _numbers(data["within"], "<f4")
        ring._part = Part.load(data["part"], ring.names) if data["part"] else None
        return ring

    def _close(self, part: Part) -> None:
        self._packed = None
        variance = part.variance(self.names)
        known = np.where(np.isfinite(self.within), self.within, variance)
        self.within = known + np.where(np.isfinite(variance), LEARN * (variance - known), 0)
        young = self.end >= part.end - REACH_S
        self.begin = np.append(self.begin[young], part.begin)
        self.end = np.append(self.end[young], part.end)
        self.rows = np.append(self.rows[young], float(part.rows))
        self.means = np.vstack([self.means[young], part.mean(self.names)])
        if self.begin.size > MOST:
            self._join(int(np.argmin((self.end[1:] - self.begin[:-1]) / (part.end - self.end[1:] + NOW_S))))

    def _join(self, index: int) -> None:
        """Makes one point of `index` and the next."""
        pair = slice(index, index + 2)
        means, known = self.means[pair], np.isfinite(self.means[pair])
        weight = np.where(known, self.rows[pair, None], 0.0)
        total = (weight * np.where(known, means, 0)).sum(axis=0)
        self.means[index] = np.where(known.any(axis=0), total / np.maximum(weight.sum(axis=0), 1), np.nan)
        self.end[index] = self.end[index + 1]
        self.rows[index] += self.rows[index + 1]
        self.begin, self.end, self.rows = (np.delete(each, index + 1) for each in (self.begin, self.end, self.rows))
        self.means = np.delete(self.means, index + 1, axis=0)

    def _widen(self, names: Sequence[str]) -> None:
        self._packed = None
        self.names += tuple(names)
        self.means = np.pad(self.means, ((0, 0), (0, len(names))), constant_values=np.nan)
        self.within = np.pad(self.within, (0, len(names)), constant_values=np.nan)


def _range(means: Floats) -> tuple[Floats, Floats]:
    known = np.isfinite(means)
    low = np.where(known, means, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, means, -np.inf).max(axis=0, initial=-np.inf)
    some = np.isfinite(low)
    return np.where(some, low, 0.0), np.where(some, high, 0.0)


def _known(names: Sequence[str], values: Floats) -> dict[str, float]:
    return {name: value for name, value in zip(names, values.tolist(), strict=True) if not isnan(value)}


def _text(numbers: Floats, dtype: str) -> str:
    return b85encode(numbers.astype(dtype).tobytes()).decode()


def _numbers(text: str, dtype: str) -> Floats:
    return np.frombuffer(b85decode(text), dtype).astype(np.float64)
