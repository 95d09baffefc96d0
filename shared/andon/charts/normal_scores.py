"""Numbers as normal scores: how unusual a value is in its reference, as if that were normal with mean 0 and sd 1.

So every marginal is alike, a limit means the same for each, and wild values of the reference or of today harm nothing.
Values that come often (0 of a clipped ratio) get the score of their middle rank. Beyond both ends the score goes on
linearly, one per standard deviation of the reference, to at most MOST.
"""

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from andon.charts.sample import Bools, Doubles
from andon.records.baseline import Watched

POINTS = 201
END = 3.54  # of the least and the greatest: what they are on average among 5,000
MOST = 6.0
SAME = 1e-9  # of a number's size: less than that is rounding


def quantiles(values: Doubles) -> tuple[float, ...]:
    """POINTS evenly spaced quantiles of `values`, float64 [n], NaN left out; from the least to the greatest."""
    found = np.quantile(values[~np.isnan(values)], np.linspace(0, 1, POINTS))
    return tuple(float(f"{value:.9g}") for value in found)


def constant(values: Doubles) -> Bools:
    """Which columns of [n, F] never change, NaN aside."""
    least, most = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    same: Bools = most - least <= SAME * np.maximum(np.abs(most), np.abs(least))
    return same


@lru_cache(maxsize=8)
def _probits(points: int) -> tuple[float, ...]:
    """The normal score of every half step of `points` evenly spaced quantiles: [2 points - 1]."""
    halves = 2 * points - 2
    return (-END, *(NormalDist().inv_cdf(i / halves) for i in range(1, halves)), END)


def _steps(watched: Watched) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Of the reference's distinct quantiles: values, their normal scores, and the shares below and up to them."""
    points = np.asarray(watched.quantiles)
    xs, first, counts = np.unique(points, return_index=True, return_counts=True)
    zs = np.asarray(_probits(len(points)))[2 * first + counts - 1]
    return xs, zs, first / (len(points) - 1), (first + counts - 1) / (len(points) - 1)


def grid(watched: Watched) -> tuple[Doubles, Doubles]:
    """Values, strictly rising, and their normal scores: float64 [k] each; between them one interpolates."""
    xs, zs, _, _ = _steps(watched)
    sd = max(watched.sd, SAME * max(1.0, abs(watched.mean)))
    low, high = xs[0] - sd * (MOST + zs[0]), xs[-1] + sd * (MOST - zs[-1])
    return np.concatenate([[low], xs, [high]]), np.concatenate([[-MOST], zs, [MOST]])


def z(watched: Watched, values: Doubles) -> Doubles:
    """The normal scores of `values`, float64 of any shape; NaN stays NaN."""
    return np.asarray(np.interp(values, *grid(watched)), dtype=np.float64)


def shares_below(watched: Watched, edges: Doubles) -> Doubles:
    """The share of the reference whose normal score is below each of `edges`: float64 as `edges`."""
    _, zs, below, within = _steps(watched)
    return np.interp(edges, np.repeat(zs, 2), np.stack([below, within], axis=1).ravel(), left=0.0, right=1.0)
