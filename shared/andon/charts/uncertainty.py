"""What a reference does not know about itself, for limits that hold on average over references.

A reference of few independent frames has its centre and its spread only roughly, and a chart on it alarms too often
whenever they came out wrong (Jones, Champ and Rigdon 2001; Gandy and Kvaloy 2013). So the rate of false alarms is
averaged over what centre and spread may truly be, by Gauss and Hermite's rule, and the limit set for that average.
"""

from dataclasses import dataclass

import numpy as np

from andon.charts.sample import Doubles

NODES = 9
SEGMENT = 20  # blocks: about what a chart looks back on
CHANCE = 0.111  # the variance of the logarithm of the variance of SEGMENT normal numbers: trigamma(19 / 2)
LEAST = 0.1  # of the usual variance: a segment has no less
MOST = 0.0625  # a standard deviation of a quarter: beyond, it is no longer a matter of spread
SURPRISE = 3.0  # standard errors


@dataclass(frozen=True)
class Truths:
    """What may be true of block means, as they appear in a reference's spreads: float64 [t] each.

    `shift` of their mean, `scale` their standard deviation in the long run, `weight` how likely; these sum to 1.
    """

    shift: Doubles
    scale: Doubles
    weight: Doubles


def truths(scale: float, centre_error: float, scale_error: float, nodes: int = NODES) -> Truths:
    """Around `scale`; `centre_error` is the standard deviation of `shift`, `scale_error` of the logarithm of scale."""
    at, weight = np.polynomial.hermite_e.hermegauss(nodes)
    shift, log = (grid.ravel() for grid in np.meshgrid(at * centre_error, at * scale_error))
    both = np.outer(weight, weight).ravel()
    return Truths(shift, scale * np.exp(log), both / both.sum())


def restless(means: Doubles) -> float:
    """How much the spread of block means, float64 [n], wanders: the variance of its logarithm over segments of SEGMENT
    blocks over four, that is of the logarithm of the spread; less what chance makes of it, at most MOST, and 0 where it
    may be chance alone."""
    segments = len(means) // SEGMENT
    if segments < 4:
        return 0.0
    variance = means[: segments * SEGMENT].reshape(segments, SEGMENT).var(axis=1)
    logs = np.log(np.maximum(variance, max(LEAST * float(means.var()), 1e-12)))
    excess = float(logs.var(ddof=1)) - CHANCE
    return min(excess / 4, MOST) if excess > SURPRISE * CHANCE * (2 / (segments - 1)) ** 0.5 else 0.0


def least_limit(limits: Doubles, rates: Doubles, asked: float) -> float:
    """Where `rates`, false alarms per block at rising `limits` [l], come down to `asked`; the last if they never do."""
    logs = np.log(np.maximum.accumulate(rates[::-1])[::-1])
    return float(np.interp(-np.log(asked), -logs, limits))
