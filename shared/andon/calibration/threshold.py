"""A false-call budget becomes a raw-score threshold, from scores of good frames alone, in the order of the frames.

Where the sample reaches, split conformal prediction: with n exchangeable scores, a new one exceeds the k-th smallest
with probability at most 1 - k/(n+1) (Vovk et al. 2005; Lei et al. 2018). Beyond it, a fitted tail. What neighbours
have in common makes the sample worth fewer frames, and then

- the interval is as wide as that many independent frames make it;
- the threshold aims below the budget, so that the rate expected of a new batch, not that of the known ones, meets it:
  with m independent frames a new one exceeds them all with probability 1/(m+1), as with m groups in hierarchical
  conformal prediction (Lee, Barber, Willett 2023).

Over seven kinds of batch effects, budgets 1/10 to 1/1000 (bench/calibration.py), the mean achieved rate was 1.52
times the budget with 200 frames and 1.19 with 1,000; 1.75 and 1.31 had the frames been taken as independent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from andon.calibration.budget import frames_to_prove
from andon.calibration.dependence import effective_frames
from andon.calibration.tail import SHARE, Tail, fit_tail, rate_interval, tail_frames
from andon.errors import Mistake
from andon.manifest import Calibration, RateInterval

MIN_FRAMES = 20
FEW_FRAMES = 100
CONFIDENCE = 0.9
ALIKE = 0.5  # fewer independent frames than this share of all, and people are told

ScoresFrom = Literal["held-out", "fresh", "drawn"]


@dataclass(frozen=True)
class Threshold:
    """`value` is raw; a score above it is anomalous."""

    value: float
    calibration: Calibration


@dataclass(frozen=True)
class GoodScores:
    """Scores of good frames in rising order, float64 [n], worth `independent` frames."""

    ordered: NDArray[np.float64]
    independent: float

    @property
    def n(self) -> int:
        """How many."""
        return len(self.ordered)

    @cached_property
    def tail(self) -> Tail:
        """The tail that the threshold is taken from."""
        return fit_tail(self.ordered)

    def caution(self, budget: float) -> float:
        """How many times the rate over these frames a new batch is expected to have; 1 for independent frames."""
        share = max(budget, SHARE, tail_frames(self.n) / self.n)
        return 1 + (1 - share) / share * (1 / (self.independent + 1) - 1 / (self.n + 1))

    def aim(self, budget: float) -> float:
        """The rate over frames like these that lets a new batch keep `budget`."""
        return budget / self.caution(budget)

    @cached_property
    def reach(self) -> float:
        """The lowest aim that an order statistic serves; below it, the tail."""
        known = max(self.aim(1 / (self.independent + 1)), 1 / (self.n + 1))
        return min(known, tail_frames(self.n) / self.n)

    def rank(self, aim: float) -> int:
        """Which score, from 1, new frames like these exceed at a rate of at most `aim`."""
        return min(self.n, math.ceil((self.n + 1) * (1 - aim) - 1e-9))

    def score(self, rank: int) -> float:
        """The `rank`-th smallest, from 1."""
        return float(self.ordered[rank - 1])


def calibrate(scores: Sequence[float], budget: float, folds: int, source: ScoresFrom = "held-out") -> Threshold:
    """The threshold that `budget` asks for.

    `scores` are at least MIN_FRAMES scores of good frames that no fit had seen, in the order of the frames; any finite
    numbers. Raises Mistake when there are fewer, or one is not finite.
    """
    given = np.asarray(scores, np.float64)
    if len(given) < MIN_FRAMES:
        raise Mistake(f"{len(given)} good frames; calibration needs at least {MIN_FRAMES}")
    if not np.isfinite(given).all():
        raise Mistake("a good frame has no finite score; a threshold cannot follow from that")
    good = GoodScores(np.sort(given), effective_frames(given))
    reached = good.aim(budget) >= good.reach
    value, interval = _order_statistic(good, budget) if reached else _extrapolated(good, budget)
    missing = max(0, math.ceil(frames_to_prove(budget) - good.independent))
    calibration = Calibration(
        method="conformal" if reached else "pareto-tail",
        budget=budget,
        good_frames=good.n,
        effective_frames=round(good.independent, 1),
        good_frames_missing=missing,
        false_call_rate=float((good.ordered > value).mean()),
        interval=interval,
        folds=folds,
        source=source,
        warnings=(*_warnings_of(source), *_warnings(good, budget, reached, missing)),
    )
    return Threshold(value, calibration)


def _order_statistic(good: GoodScores, budget: float) -> tuple[float, RateInterval]:
    """The rate above the k-th of n scores is Beta(n+1-k, k); here as of the independent frames among them."""
    rank = good.rank(good.aim(budget))
    value = good.score(rank)
    last = int(np.searchsorted(good.ordered, value, side="right"))  # equal scores are not above it
    low = _rate_quantile(good, budget, last, (1 - CONFIDENCE) / 2)
    high = _rate_quantile(good, budget, rank, (1 + CONFIDENCE) / 2)
    return value, RateInterval(low=low, high=high, confidence=CONFIDENCE)


def _rate_quantile(good: GoodScores, budget: float, rank: int, share: float) -> float:
    rate, total = good.caution(budget) * (good.n + 1 - rank) / (good.n + 1), good.independent + 1
    return float(beta.ppf(share, total * rate, total * (1 - rate)))


def _extrapolated(good: GoodScores, budget: float) -> tuple[float, RateInterval]:
    """From the tail, but never below what a larger budget gets from an order statistic."""
    count = tail_frames(good.n)
    value = good.tail.quantile(good.aim(budget) * good.n / count)
    value = max(value, good.score(good.rank(good.reach)))
    rate = good.caution(budget) * (count + 1) / (good.n + 1)
    tail = fit_tail(good.ordered, good.independent / good.n)
    low, high = rate_interval(tail, value, rate, good.independent, CONFIDENCE)
    low = low if good.ordered[-1] > tail.start else 0.0  # all of the tail is one score: perhaps none ever exceeds it
    return value, RateInterval(low=low, high=high, confidence=CONFIDENCE)


def _warnings_of(source: ScoresFrom) -> tuple[str, ...]:
    if source != "drawn":
        return ()
    return (
        "the threshold rests on drawn variations of the references, not on real repeats: how good parts differ from "
        f"each other is not in it; give {MIN_FRAMES} or more repeats, now or with `andon calibrate BUNDLE --good DIR`",
    )


def _warnings(good: GoodScores, budget: float, reached: bool, missing: int) -> tuple[str, ...]:
    n, worth = good.n, round(good.independent)
    warnings = []
    if n < FEW_FRAMES:
        warnings.append(f"{n} good frames are few: the threshold is rough; {FEW_FRAMES} or more make it steady")
    if good.independent < ALIKE * n:
        warnings.append(
            f"good frames taken one after the other score alike: {n} of them tell as much as {worth} unrelated ones; "
            "take some from other batches, shifts or days"
        )
    if not reached:
        warnings.append(
            f"a budget of {budget:.3g} lies beyond what {n} good frames show: the threshold is extrapolated; "
            f"{missing} more good frames, unrelated to each other, would prove it"
        )
    return tuple(warnings)
