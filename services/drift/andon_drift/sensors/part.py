"""The mean and variance of a stretch of rows, number by number, one row at a time.

B. P. Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Part:
    """`rows` rows between `begin` and `end` (Unix time in seconds); of each number its count, mean and sum of squared
    deviations."""

    begin: float
    end: float
    rows: int = 0
    sums: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    def add(self, at: float, values: dict[str, float]) -> None:
        """One more row."""
        self.end = at
        self.rows += 1
        for name, value in values.items():
            count, mean, squares = self.sums.get(name, (0, 0.0, 0.0))
            step = value - mean
            mean += step / (count + 1)
            self.sums[name] = count + 1, mean, squares + step * (value - mean)

    @property
    def means(self) -> dict[str, float]:
        """By name."""
        return {name: mean for name, (_, mean, _) in self.sums.items()}

    def mean(self, names: Sequence[str]) -> NDArray[np.float64]:
        """float64 [F]; NaN where unknown."""
        return np.array([self.sums[name][1] if name in self.sums else np.nan for name in names])

    def variance(self, names: Sequence[str]) -> NDArray[np.float64]:
        """float64 [F]; NaN where less than two values are known."""
        found = (self.sums.get(name, (0, 0.0, 0.0)) for name in names)
        return np.array([squares / (count - 1) if count > 1 else np.nan for count, _, squares in found])

    def dump(self, names: Sequence[str]) -> list[Any]:
        """As plain numbers; `load` takes them with the same names."""
        return [self.begin, self.end, self.rows, [self.sums.get(name) for name in names]]

    @classmethod
    def load(cls, data: Sequence[Any], names: Sequence[str]) -> "Part":
        """What `dump` gave."""
        begin, end, rows, sums = data
        return cls(begin, end, rows, {name: tuple(sum_) for name, sum_ in zip(names, sums, strict=True) if sum_})
