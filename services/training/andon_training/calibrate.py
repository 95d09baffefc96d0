"""A false-call budget becomes a raw-score threshold, from held-out scores of good frames alone.

Where the sample reaches, split conformal prediction: with n exchangeable scores, a new one exceeds the k-th
smallest with probability at most 1 - k/(n+1) (Vovk et al. 2005; Lei et al. 2018). Beyond it, the scores above a high
order statistic are taken as Pareto, by Hill's estimator (Hill 1975): on magtile and solar it kept closer to small
budgets than an exponential tail did. The record says which was done, how sure it is, and how many more good
frames would prove the budget.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from andon.errors import Mistake
from andon.manifest import Calibration, RateInterval

MIN_FRAMES = 20
FEW_FRAMES = 100
CONFIDENCE = 0.9
TAIL_SHARE, TAIL_LEAST = 0.1, 10
_Z = 1.6449  # two-sided 90 % of a Gaussian

_BUDGET = re.compile(r"(?P<calls>\d+(?:\.\d+)?)\s*(?:(?:per|in|/)\s*(?P<per>\d+)|(?P<percent>%))?", re.IGNORECASE)


@dataclass(frozen=True)
class Threshold:
    """`value` is raw; a score above it is anomalous."""

    value: float
    calibration: Calibration


def parse_budget(text: str) -> float:
    """The share that "2 per 1000", "1/500", "0.2%" or "0.002" means. Raises Mistake unless within (0, 0.5]."""
    match = _BUDGET.fullmatch(text.strip().replace(",", ""))
    if match is None:
        raise Mistake(f"budget {text!r}: say how many good frames may be called anomalous, such as '2 per 1000'")
    divisor = 100.0 if match["percent"] else float(match["per"] or 1)
    share = float(match["calls"]) / divisor if divisor else math.inf
    if not 0 < share <= 0.5:
        raise Mistake(f"budget {text!r} is a share of {share:g}; it must be above 0 and at most 0.5")
    return share


def calibrate(held_out: Sequence[float], budget: float, folds: int) -> Threshold:
    """The threshold that `budget` asks for. `held_out` are at least MIN_FRAMES scores of frames no fit had seen."""
    ordered = sorted(map(float, held_out))
    n, rank = len(ordered), conformal_rank(len(ordered), budget)
    if n < MIN_FRAMES:
        raise Mistake(f"{n} good frames; calibration needs at least {MIN_FRAMES}")
    if rank <= n:
        value, interval, method = ordered[rank - 1], beta_interval(n + 1 - rank, rank), "conformal"
    else:
        value, interval = _pareto_tail(ordered, budget)
        method = "pareto-tail"
    missing = max(0, frames_to_prove(budget) - n)
    calibration = Calibration(
        method=method,
        budget=budget,
        good_frames=n,
        good_frames_missing=missing,
        false_call_rate=sum(score > value for score in ordered) / n,
        interval=interval,
        folds=folds,
        warnings=_warnings(n, budget, method, missing),
    )
    return Threshold(value, calibration)


def conformal_rank(n: int, budget: float) -> int:
    """Which of n scores in rising order is the threshold; above n where the sample does not reach."""
    return math.ceil((n + 1) * (1 - budget) - 1e-9)


def frames_to_prove(budget: float) -> int:
    """How many good frames, none above the threshold, show the rate to be within `budget` at 95 % confidence."""
    return math.ceil(math.log(0.05) / math.log1p(-budget))


def beta_interval(a: int, b: int) -> RateInterval:
    """The false-call rate above the b-th of a+b-1 order statistics is Beta(a, b): its central interval."""
    tail = (1 - CONFIDENCE) / 2
    return RateInterval(low=_beta_quantile(tail, a, b), high=_beta_quantile(1 - tail, a, b), confidence=CONFIDENCE)


def _beta_quantile(share: float, a: int, b: int) -> float:
    """By bisection of P(Beta(a, b) <= x) = P(Binomial(a+b-1, x) >= a)."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _at_least(a, a + b - 1, middle) > share else (middle, high)
    return (low + high) / 2


def _at_least(successes: int, trials: int, chance: float) -> float:
    if not 0 < chance < 1:
        return float(chance >= 1)
    log_odds = [
        math.lgamma(trials + 1) - math.lgamma(i + 1) - math.lgamma(trials - i + 1)
        + i * math.log(chance) + (trials - i) * math.log1p(-chance)
        for i in range(successes)
    ]  # fmt: skip
    return 1 - math.fsum(map(math.exp, log_odds))


def _pareto_tail(ordered: Sequence[float], budget: float) -> tuple[float, RateInterval]:
    """Threshold and interval from the upper tenth of the scores, at least 10 of them.

    With m scores above u, and s the mean of log(score/u), P(score > t) = m/n (t/u)^(-1/s). The interval is the
    delta method's on its logarithm: m is binomial, s has relative variance 1/m.
    """
    n = len(ordered)
    m = max(TAIL_LEAST, math.ceil(TAIL_SHARE * n))
    start = ordered[n - m - 1]
    if start <= 0:
        raise Mistake(f"a score of {start:g} among good frames: the tail is extrapolated for positive scores only")
    slope = math.fsum(math.log(score / start) for score in ordered[n - m :]) / m
    steps = max(0.0, math.log(m / n / budget))
    spread = _Z * math.sqrt(1 / m - 1 / n + steps**2 / m)
    low, high = budget * math.exp(-spread), min(1.0, budget * math.exp(spread))
    return start * math.exp(slope * steps), RateInterval(low=low, high=high, confidence=CONFIDENCE)


def _warnings(n: int, budget: float, method: str, missing: int) -> tuple[str, ...]:
    warnings = []
    if n < FEW_FRAMES:
        warnings.append(f"{n} good frames are few: the threshold is rough; {FEW_FRAMES} or more make it steady")
    if method != "conformal":
        warnings.append(
            f"a budget of {budget:.3g} lies beyond {n} good frames: the threshold is extrapolated; "
            f"{missing} more good frames would prove it"
        )
    return tuple(warnings)
