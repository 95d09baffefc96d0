"""Windows drawn from a reference by stretches (Kuensch 1989), so that neighbours stay neighbours."""

import numpy as np
from numpy.typing import NDArray

from andon.charts.sample import Doubles

PIECES = 5
TAIL = 0.05


def lengths(window: int, stretch: int) -> list[int]:
    """A window of `window` base blocks in at most PIECES stretches of at least `stretch` base blocks."""
    pieces = max(1, min(PIECES, window // max(stretch, 1)))
    return [len(part) for part in np.array_split(np.arange(window), pieces)]


def starts(blocks: int, parts: list[int], draws: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """Where each stretch begins in a reference of `blocks` base blocks: int [draws] for each part."""
    return [random.integers(0, blocks - part + 1, draws) for part in parts]


def draw(rising: Doubles, parts: list[int], begins: list[NDArray[np.int64]]) -> Doubles:
    """Sums over windows: float64 [draws, ...] from cumulated sums [blocks + 1, ...], 0 first."""
    total = np.zeros((len(begins[0]), *rising.shape[1:]))
    for part, begin in zip(parts, begins, strict=True):
        total += rising[begin + part] - rising[begin]
    return total


def shares_above(values: Doubles, heights: Doubles) -> Doubles:
    """The share of `values`, float64 [n], above each of `heights`; exponential beyond the greatest TAIL of them."""
    rising = np.sort(values)
    counted = 1 - np.searchsorted(rising, heights, side="right") / len(values)
    begin = float(rising[int((1 - TAIL) * len(values))])
    mean = max(float((rising[rising >= begin] - begin).mean()), 1e-300)
    return np.where(heights <= begin, counted, TAIL * np.exp(-np.maximum(heights - begin, 0) / mean))
