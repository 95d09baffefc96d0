"""How fast a number moves, where it moves steadily: a straight line through its history since the change began."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from andon.records import Point

Doubles = NDArray[np.float64]
LEAST_POINTS = 6
SURE = 4.0
"""Standard errors that the slope must be from 0."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Raw units a second, and where the line is at the last point."""

    per_s: float
    value: float

    def seconds_to(self, limit: float) -> float | None:
        """Until the line meets `limit`; None where it moves away from it, or is there."""
        left = limit - self.value
        return left / self.per_s if left * self.per_s > 0 else None


def pace(history: Sequence[Point], since: datetime) -> Pace | None:
    """Of the points after `since`, each with the time that it stands for.

    None where they are too few, where the slope may be chance, and where one step explains them as well as a line:
    then it moved, and moves no more.
    """
    points = [point for point in history if point.at >= since]
    if len(points) < LEAST_POINTS:
        return None
    at = np.array([point.at.timestamp() for point in points])
    value = np.array([point.value for point in points])
    weight = np.gradient(at)
    mean_at, mean = np.average(at, weights=weight), np.average(value, weights=weight)
    off, spread = at - mean_at, weight @ (at - mean_at) ** 2
    slope = float(weight @ (off * (value - mean)) / spread)
    rest = float(weight @ (value - mean - slope * off) ** 2)
    error = float(np.sqrt(rest / (len(points) - 2) / spread))
    if slope == 0 or abs(slope) < SURE * error or rest >= rest_of_a_step(value, weight):
        return None
    return Pace(slope, float(mean + slope * off[-1]))


def rest_of_a_step(value: Doubles, weight: Doubles) -> float:
    """The weighted sum of squares that the best single step leaves: one mean before it, another after."""
    total, first, second = (np.cumsum(weight * value**power) for power in (0, 1, 2))
    before = second[:-1] - first[:-1] ** 2 / total[:-1]
    left, sums = total[-1] - total[:-1], first[-1] - first[:-1]
    after = second[-1] - second[:-1] - sums**2 / left
    return float((before + after).min())
