"""Mean run lengths of charts on independent steps, by the Markov chain of Brook and Evans (Biometrika 59, 1972).

What a bootstrap of run lengths would tend to, without its noise and to any length: the chart's path is cut into cells,
and the mean number of steps until it leaves them solves a linear system. Steps are those of a `Shape`: normal ones, or
the reference's own block means. For h between the cells' grid, the logarithm of the run length over Siegmund's formula
(Sequential Analysis, 1985) is interpolated: nearly constant, so it may be continued.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from andon.charts.sample import Doubles

CELLS = 100
SLACKS = np.array([0.05, 0.12, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.4])
LIMITS = np.array([1.0, 1.7, 2.6, 3.8, 5.5, 8.0, 12.0])
OVERSHOOT = 1.166
LONGEST = 1e13

Shape = Callable[[Doubles], Doubles]
"""The distribution function of a step: mean 0, standard deviation 1."""


def siegmund(limit: Doubles, slack: Doubles) -> Doubles:
    """The logarithm of the mean run length of a one-sided CUSUM of normal steps, approximately."""
    twice = np.minimum(2 * slack * (limit + OVERSHOOT), 600.0)
    return np.asarray(np.log(np.expm1(twice) - twice) - np.log(2 * slack**2))


class RunLength:
    """Of a one-sided CUSUM with `shape`'s steps."""

    def __init__(self, shape: Shape) -> None:
        """Solves it on the grid SLACKS x LIMITS."""
        solved = np.array([[cusum(shape, limit, slack) for limit in LIMITS] for slack in SLACKS])
        self._excess = np.log(solved) - siegmund(LIMITS[None, :], SLACKS[:, None])

    def log(self, limit: Doubles, slack: Doubles) -> Doubles:
        """The logarithm of its mean, in steps; `limit` and `slack` in standard deviations of a step, of one shape."""
        slack = np.maximum(slack, SLACKS[0])
        row, u = _between(SLACKS, np.minimum(slack, SLACKS[-1]))
        column, v = _between(LIMITS, np.maximum(limit, LIMITS[0]))
        grid = self._excess
        upper = grid[row, column] * (1 - v) + grid[row, column + 1] * v
        lower = grid[row + 1, column] * (1 - v) + grid[row + 1, column + 1] * v
        return np.asarray(siegmund(limit, slack) + upper * (1 - u) + lower * u)


def _between(grid: Doubles, at: Doubles) -> tuple[NDArray[np.intp], Doubles]:
    index = np.clip(np.searchsorted(grid, at) - 1, 0, len(grid) - 2)
    return index, (at - grid[index]) / (grid[index + 1] - grid[index])


def _steps(moves: Doubles, begin: int) -> float:
    """The mean number of steps until a chain with the chances `moves` [c, c] leaves its cells, from cell `begin`.

    Steps that never leave them, as far as 64 bits can tell: LONGEST.
    """
    leaves = np.eye(len(moves)) - moves
    if not 1 - moves.sum(axis=1).min() > 1 / LONGEST:
        return LONGEST
    steps = float(np.linalg.solve(leaves, np.ones(len(moves)))[begin])
    return steps if 0 < steps < LONGEST else LONGEST


def cusum(shape: Shape, limit: float, slack: float) -> float:
    """Steps until max(0, S + step - slack) first passes `limit`, from 0, on average."""
    width = 2 * limit / (2 * CELLS - 1)
    offsets = np.asarray((np.arange(-CELLS + 1, CELLS + 1) - 0.5) * width + slack, dtype=np.float64)
    below = shape(offsets)
    apart = np.arange(CELLS)[None, :] - np.arange(CELLS)[:, None] + CELLS - 1
    moves = below[apart + 1] - below[apart]
    moves[:, 0] = below[apart[:, 0] + 1]
    return _steps(moves, 0)


@lru_cache(maxsize=64)
def ewma_run_lengths(weight: float) -> Doubles:
    """The logarithm of the steps until an EWMA of normal steps leaves its limits: [EWMA_LIMITS, EWMA_SHIFTS]."""
    return np.log([[_ewma(weight, limit, shift) for shift in EWMA_SHIFTS] for limit in EWMA_LIMITS])


EWMA_LIMITS = np.arange(1.0, 7.01, 0.5)  # in standard deviations of the EWMA
EWMA_SHIFTS = np.arange(0.0, 3.01, 0.5)  # of the steps' mean, in the same


def _ewma(weight: float, limit: float, shift: float) -> float:
    spread = np.sqrt(weight / (2 - weight))
    edges = np.linspace(-limit, limit, CELLS + 2) * spread
    centres = (edges[1:] + edges[:-1]) / 2
    steps = (edges[None, :] - (1 - weight) * centres[:, None]) / weight - shift * spread
    moves = np.diff(normal(steps), axis=1)
    return _steps(moves, len(moves) // 2)


def normal(x: Doubles) -> Doubles:
    """The distribution function of the normal distribution: float64 of any shape. Interpolated: to 1e-7."""
    at, below = _normal_table()
    return np.interp(x, at, below)


@lru_cache(maxsize=1)
def _normal_table() -> tuple[Doubles, Doubles]:
    from math import erfc

    at = np.linspace(-9, 9, 36001)
    return at, np.array([erfc(-x / 2**0.5) / 2 for x in at])
