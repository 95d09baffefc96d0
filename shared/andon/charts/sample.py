"""A stretch of frames of one place, as numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BASE = 10
"""Frames of a base block: charts advance by as many."""

COLUMNS = ROWS = 12
"""The grid laid over a picture, for the places where its map is highest: cell = row * COLUMNS + column."""

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """A stretch of frames of one place, oldest first.

    `values` float64 [n, F] by `names`, NaN where not known; `anomalous` bool [n]; `embedding` float32 [n, d], or None,
    a row of NaN where not known; `peak` int16 [n], the cell of the map's highest place, -1 where not known, or None.
    """

    values: Doubles
    names: tuple[str, ...]
    anomalous: Bools
    embedding: NDArray[np.float32] | None = None
    peak: NDArray[np.int16] | None = None

    def __len__(self) -> int:
        return len(self.values)


def cell(x: float, y: float) -> int:
    """The cell of the place `x` right and `y` down, both in 0 ... 1 of the picture."""
    return min(max(int(y * ROWS), 0), ROWS - 1) * COLUMNS + min(max(int(x * COLUMNS), 0), COLUMNS - 1)


def base_means(values: Doubles) -> tuple[Doubles, Doubles]:
    """Sums and counts of what is known in each base block: float64 [n // BASE, F] each, of values [n, F]."""
    whole = len(values) // BASE
    blocks = values[: whole * BASE].reshape(whole, BASE, -1)
    known = ~np.isnan(blocks)
    return np.where(known, blocks, 0.0).sum(axis=1), known.sum(axis=1).astype(np.float64)
