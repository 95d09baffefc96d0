"""Limits that come from the set itself, and that a few strange frames in it do not move."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAD_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, for a Gaussian
Z90 = 1.2816  # 80 % of a Gaussian's upper half lies within as many sigmas
FEWEST = 20  # frames: of fewer, no limit is worth much
SCARCE = 5  # a spread is itself unsure: of 20 frames, limits lie a quarter farther out

Values = NDArray[np.float64]


class Limits(NamedTuple):
    """What is usual: `middle`, and how far to each side."""

    low: float
    middle: float
    high: float


def limits(values: Values, far: float, floor: float) -> Limits:
    """`far` spreads to each side of the median of `values`, [n]. Each side has its own spread, at least `floor`.

    Sides differ because brightness, sharpness and distances are never symmetric (the "double MAD").
    """
    middle = float(np.median(values))
    far *= 1 + SCARCE / len(values)
    below, above = _spread(middle - values[values <= middle]), _spread(values[values >= middle] - middle)
    return Limits(middle - far * max(below, floor), middle, middle + far * max(above, floor))


def _spread(distances: Values) -> float:
    """A Gaussian's sigma from one side's distances to the median: by their median, or by their 80 % point where that
    says less, as it does for values in two heaps, whose median distance reaches across.
    """
    half, most = np.quantile(distances, [0.5, 0.8])
    return float(min(half * MAD_TO_SIGMA, most / Z90))
