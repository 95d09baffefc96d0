"""The distribution of a reference's block means: normal unless they show otherwise, and then in part their own.

A mean of frames that are normal scores is nearly normal; a hundred of them tell their tails badly. So they count only
as far as Jarque and Bera's statistic exceeds what normal ones reach.
"""

from functools import lru_cache

import numpy as np

from andon.charts.run_length import RunLength, Shape, normal
from andon.charts.sample import Doubles

USUAL = 5.0  # Jarque and Bera's statistic of normal means is less in 92 of 100


def own_share(means: Doubles) -> float:
    """How far to trust the means themselves, 0 (as normal as any) to 1; float64 [n]."""
    away = _standard(means)
    skewness, excess = float((away**3).mean()), float((away**4).mean()) - 3
    statistic = len(means) * (skewness**2 / 6 + excess**2 / 24)
    return max(0.0, 1 - USUAL / max(statistic, USUAL))


def _standard(means: Doubles) -> Doubles:
    return np.asarray((means - means.mean()) / max(float(means.std()), 1e-12))


def run_lengths(means: Doubles) -> tuple[RunLength, RunLength]:
    """Of the CUSUM upwards and downwards, on means [n] like these (without NaN)."""
    share = own_share(means)
    if share == 0:
        return _normal(), _normal()
    away = _standard(means)
    return RunLength(_mixed(away, share)), RunLength(_mixed(-away, share))


@lru_cache(maxsize=1)
def _normal() -> RunLength:
    return RunLength(normal)


def _mixed(away: Doubles, share: float) -> Shape:
    at = np.sort(away)
    below = (np.arange(len(at)) + 0.5) / len(at)
    return lambda x: share * np.interp(x, at, below, left=0.0, right=1.0) + (1 - share) * normal(x)
