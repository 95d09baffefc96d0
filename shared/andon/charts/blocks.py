"""How many frames make a block whose mean tells (nearly) nothing about the mean of the next."""

import numpy as np
from numpy.typing import NDArray

from andon.charts.dependence import Dependence
from andon.charts.sample import BASE, Bools, Doubles

CORRELATED = 0.125  # of one block mean with the next: at most; what is left is in the limits
SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
MIN_BLOCKS = 100
SURPRISE = 2.5  # standard errors by which frames may differ from the model


def block_means(sums: Doubles, counts: Doubles, size: int) -> Doubles:
    """Means of blocks of `size` base blocks: float64 [blocks, ...], NaN where less than half of the frames is known."""
    whole = len(sums) // size
    shape = (whole, size, *sums.shape[1:])
    total = sums[: whole * size].reshape(shape).sum(axis=1)
    known = counts[: whole * size].reshape(shape).sum(axis=1)
    return np.where(known * 2 >= size * BASE, total / np.maximum(known, 1), np.nan)


def choose(sums: Doubles, counts: Doubles, model: Dependence) -> NDArray[np.int64]:
    """Base blocks to a block, of each number of [base blocks, F]: the least of SIZES at which neither the model nor the
    frames themselves show correlated means."""
    size = np.full(sums.shape[1], SIZES[-1])
    for candidate in reversed(SIZES[:-1]):
        size = np.where(_independent(sums, counts, model, candidate), candidate, size)
    return size


def _independent(sums: Doubles, counts: Doubles, model: Dependence, size: int) -> Bools:
    modelled = model.correlation_of_means(size * BASE) < CORRELATED
    if len(sums) < 8 * size:
        return np.asarray(modelled)
    return np.asarray(modelled & (measured(sums, counts, size) < CORRELATED + SURPRISE * np.sqrt(size / len(sums))))


def measured(sums: Doubles, counts: Doubles, size: int) -> Doubles:
    """The correlation of a mean of `size` base blocks with the next, from all such pairs, overlapping ones too: [F]."""
    return 2 * _variance(sums, counts, 2 * size) / np.maximum(_variance(sums, counts, size), 1e-300) - 1


def _variance(sums: Doubles, counts: Doubles, size: int) -> Doubles:
    """Of the means of `size` base blocks, overlapping; corrected for the mean being theirs."""
    total = np.concatenate([np.zeros_like(sums[:1]), sums.cumsum(axis=0)])
    known = np.concatenate([np.zeros_like(counts[:1]), counts.cumsum(axis=0)])
    count = known[size:] - known[:-size]
    mean = (total[size:] - total[:-size]) / np.maximum(count, 1)
    enough = count * 2 >= size * BASE
    centre = total[-1] / np.maximum(known[-1], 1)
    squares = np.where(enough, (mean - centre) ** 2, 0.0).sum(axis=0)
    return np.asarray(squares / np.maximum(enough.sum(axis=0), 1) / (1 - size / len(sums)))
