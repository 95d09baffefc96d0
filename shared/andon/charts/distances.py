"""How far windows lie from their reference when nothing has changed, and so the limit of Wasserstein's chart.

Two ways to know: windows drawn from the reference by stretches, and windows of a normal process that depends on its
past as the number does. The first know every peculiarity, but of a slow number the reference holds only twenty or so;
the second are as many as one likes, and can be asked what would be if the reference were a little wrong. So the second
set the limit, and the first scale it where they differ by more than chance.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from andon.charts import stretches
from andon.charts.fixed import BLOCKS, window
from andon.charts.process import windows
from andon.charts.run_length import normal
from andon.charts.sample import BASE, Doubles
from andon.charts.uncertainty import Truths, least_limit
from andon.charts.wasserstein import BINS, bins, distance, expected
from andon.charts.windows import alarms
from andon.records.baseline import Watched

DRAWS = 1200
HEIGHTS = np.geomspace(0.005, 8.0, 400)
SCORES = np.linspace(-5, 5, 2001)
COMPARED = 0.9  # the quantile at which both ways are compared
SPREAD = 0.7  # of that quantile's logarithm, over the square root of independent windows
SURPRISE = 2.0


@dataclass(frozen=True, slots=True)
class Modelled:
    """How normal scores depend on those before, `autocovariance` float64 [lags + 1], and what of them is uncertain."""

    autocovariance: Doubles
    unsure: Truths


def limit(z: Doubles, watched: Watched, modelled: Modelled, run_length: float, random: np.random.Generator) -> float:
    """With one false alarm in `run_length` frames, on a number whose reference has the normal scores `z`, float64 [n].

    A reference's own shape is as rough as that of a window of its length, which adds to every distance.
    """
    frames = window(watched.block) * BASE
    asked, unseen = frames / run_length, frames / len(z)
    parts = stretches.lengths(frames // BASE, BLOCKS * watched.block // BASE)
    drawn = _drawn(z, watched, parts, random) / (1 - unseen) ** 0.5
    ideal = np.sort(windows(modelled.autocovariance, frames, DRAWS, random), axis=1)
    height = _own(drawn, ideal, max(parts) * BASE / len(z)) * _height(ideal, modelled.unsure, asked)
    return float(height * (1 + unseen) ** 0.5)


def _own(drawn: Doubles, ideal: Doubles, doubt: float) -> float:
    """How much farther the reference's own windows lie than `ideal` ones; 1 where that may be chance. `doubt` is one
    over the number of independent draws."""
    usual = np.quantile(_distances(ideal, 0.0, 1.0), COMPARED)
    ratio = float(np.quantile(drawn, COMPARED) / usual)
    return ratio if abs(np.log(ratio)) > SURPRISE * SPREAD * doubt**0.5 else 1.0


def _height(ideal: Doubles, unsure: Truths, asked: float) -> float:
    """Where two of three windows pass it as rarely as `asked`, on average over what may be true of the reference."""
    rates = np.zeros(len(HEIGHTS))
    for shift, scale, weight in zip(unsure.shift, unsure.scale, unsure.weight, strict=True):
        rates += weight * alarms(stretches.shares_above(_distances(ideal, shift, scale), HEIGHTS))
    return least_limit(HEIGHTS, rates, asked)


def _distances(ideal: Doubles, shift: float, scale: float) -> Doubles:
    """Of sorted windows [w, n], moved and stretched, from the normal distribution: float64 [w]."""
    return np.asarray(np.abs(scale * ideal + shift - _quantiles(ideal.shape[1])).mean(axis=1))


@lru_cache(maxsize=16)
def _quantiles(frames: int) -> Doubles:
    """Where the sorted normal scores of a window lie that is just as the reference: float64 [frames]."""
    return np.interp((np.arange(frames) + 0.5) / frames, normal(SCORES), SCORES)


def _drawn(z: Doubles, watched: Watched, parts: list[int], random: np.random.Generator) -> Doubles:
    """Distances of windows drawn from the reference by stretches of `parts` base blocks: float64 [DRAWS]."""
    histograms = _histograms(z)
    rising = np.concatenate([np.zeros((1, BINS)), histograms.cumsum(axis=0)])
    begins = stretches.starts(len(histograms), parts, DRAWS, random)
    return distance(stretches.draw(rising, parts, begins), expected(watched))


def _histograms(z: Doubles) -> Doubles:
    """Of each base block: float64 [n // BASE, BINS]."""
    whole = len(z) // BASE
    block = np.repeat(np.arange(whole), BASE)
    z = z[: whole * BASE]
    known = ~np.isnan(z)
    flat = np.bincount(block[known] * BINS + bins(z[known]), minlength=whole * BINS)
    return flat.reshape(whole, BINS).astype(np.float64)
