"""Wasserstein-1 of tumbling windows against the reference, in normal scores: spread and shape.

The distance is the area between two distribution functions, here histograms of BINS bins (Ramdas and others 2017), so
that a window is BINS counts however long it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon.charts.fixed import Fixed, Tick, Turned
from andon.charts.normal_scores import shares_below
from andon.charts.sample import BASE, Bools, Doubles
from andon.charts.windows import TwoOfThree
from andon.records.baseline import Watched
from andon.records.drift import Chart

BINS = 64
REACH = 4.0  # normal scores beyond count as much
WIDTH = 2 * REACH / BINS
EDGES = np.linspace(-REACH, REACH, BINS + 1)[1:-1]


def bins(z: Doubles) -> NDArray[np.int64]:
    """The bin of each normal score, int64 as `z`; NaN must be gone."""
    return np.clip(((z + REACH) / WIDTH).astype(np.int64), 0, BINS - 1)


def expected(watched: Watched) -> Doubles:
    """The reference's distribution function at the inner edges: float64 [BINS - 1]."""
    return shares_below(watched, EDGES)


def distance(counts: Doubles, reference: Doubles) -> Doubles:
    """Of histograms [..., BINS] from the reference's distribution function [..., BINS - 1]: float64 [...]."""
    rising = counts.cumsum(axis=-1)
    share = rising[..., :-1] / np.maximum(rising[..., -1:], 1)
    return np.asarray(np.abs(share - reference).sum(axis=-1) * WIDTH)


@dataclass(frozen=True, slots=True)
class Reference:
    """Distribution functions at the inner edges, float64 [F, BINS - 1]."""

    shares: Doubles


@dataclass(slots=True)
class Wasserstein:
    """The charts of F numbers: `counts` float64 [F, BINS] of the windows under way, of `gathered` base blocks [F];
    `reference` [F, BINS - 1]."""

    fixed: Fixed
    reference: Reference
    counts: Doubles
    gathered: Doubles
    rule: TwoOfThree

    @classmethod
    def new(cls, fixed: Fixed, watched: dict[str, Watched]) -> "Wasserstein":
        """From zero."""
        numbers = len(watched)
        reference = np.array([expected(one) for one in watched.values()]).reshape(numbers, BINS - 1)
        return cls(fixed, Reference(reference), np.zeros((numbers, BINS)), np.zeros(numbers), TwoOfThree.new(numbers))

    @property
    def chart(self) -> Chart:
        """Its kind."""
        return Chart.WASSERSTEIN

    @property
    def names(self) -> tuple[str, ...]:
        """Its numbers."""
        return self.fixed.names

    def advance(self, tick: Tick) -> Turned:
        """Takes the normal scores."""
        self.counts += _count(tick.scores)
        self.gathered += 1
        full = self.gathered >= self.fixed.window
        if not full.any():
            return full, full
        share = self.counts.sum(axis=1) / (self.fixed.window * BASE)
        there = full & (share * 2 >= 1)
        statistic = distance(self.counts, self.reference.shares) * np.sqrt(share)
        self.counts[full] = 0
        self.gathered[full] = 0
        return self.rule.advance(statistic, self.fixed.wasserstein, there)

    def statistic(self) -> Doubles:
        """Of the last window, in normal scores."""
        return self.rule.statistic

    def limit(self) -> Doubles:
        """In normal scores."""
        return self.fixed.wasserstein

    def active(self) -> Bools:
        """Alarmed and not recovered."""
        return self.rule.alarmed > 0

    def rises(self) -> Doubles:
        """A distance has no direction."""
        return np.zeros(len(self.names))

    def frames(self) -> Doubles:
        """Since the first window above began."""
        return (self.rule.since * self.fixed.window + self.gathered) * BASE


def _count(z: Doubles) -> Doubles:
    """Histograms [F, BINS] of normal scores [n, F]."""
    known = ~np.isnan(z)
    number = np.broadcast_to(np.arange(z.shape[1]) * BINS, z.shape)
    flat = np.bincount(number[known] + bins(z[known]), minlength=z.shape[1] * BINS)
    return flat.reshape(z.shape[1], BINS).astype(np.float64)
