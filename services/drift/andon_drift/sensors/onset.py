"""Whether one reading moved around a moment, by how much, and since when. Pure.

Since when is Page's estimate: a one-sided CUSUM of the points runs over the time looked at, and the change began where
it was last at zero (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954, section 3).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOOK_BACK_S = 8 * 3600.0  # what a reading was before is what it was in the shift before
RECENT_S = 300.0  # what it is now is its mean over the last five minutes, or a tenth of the time since the onset
LEAD_S, LEAD = 1800.0, 3.0
"""What moved half an hour before the onset of the other is no news, nor thrice the delay before it."""

MOSTLY = 0.5  # of the change came since then
FEW = 3  # points; fewer say nothing
SLACK = 0.25  # of the change, taken off each point
LEAST_SD = 1e-3  # of the value itself: a setpoint never varies, and is not 1,000 sigma off when it does
MOST_SIGMAS = 1000.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """One number's points, oldest first: float64 [n] each. Times are Unix time in seconds; `within` is the variance of
    single rows inside a point, NaN where unknown."""

    begin: Floats
    end: Floats
    rows: Floats
    mean: Floats
    within: float = np.nan

    @property
    def middle(self) -> Floats:
        """When, on average."""
        return (self.begin + self.end) / 2


@dataclass(frozen=True, slots=True)
class Usual:
    """What it was when all was well: mean and standard deviation of single readings."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Change:
    """From `before` to `after`, `sigmas` standard deviations; `since` in Unix time in seconds."""

    before: float
    after: float
    sigmas: float
    since: float


def change(series: Series, since: float, at: float, usual: Usual | None) -> Change | None:
    """What changed in `series` between the time before `since` and `at`; None where there is too little to tell.

    Without the `usual` of a reference the standard deviation is that of the points before `since` themselves. What had
    moved LEAD times earlier than it was noticed, and what always wanders as far in such a time, has not changed.
    """
    early = (series.middle < since) & (series.middle >= since - LOOK_BACK_S)
    late = (series.end >= at - max(RECENT_S, (at - since) / 10)) & (series.begin <= at)
    if not late.any() or (early.sum() < FEW and usual is None):
        return None
    centre, sd = _before(series, early, usual)
    after = float(np.average(series.mean[late], weights=series.rows[late]))
    lead = max(LEAD_S, LEAD * (at - since))
    if not _newly(series, since - lead, lead, after - centre, after):
        return None
    looked = (series.begin <= at) & (series.middle >= since - lead)
    onset = _onset(series, looked, centre, after)
    settled = early & (series.end < onset)
    before = float(np.average(series.mean[settled], weights=_span(series)[settled])) if settled.sum() >= FEW else centre
    return Change(before, after, float(np.clip((after - before) / sd, -MOST_SIGMAS, MOST_SIGMAS)), onset)


def _newly(series: Series, start: float, lead: float, by: float, after: float) -> bool:
    """Whether most of it came after `start`, and is more than came in any stretch of `lead` seconds before."""
    ago = (series.middle < start) & (series.middle >= start - lead)
    if ago.sum() < FEW:
        return True
    since_then = after - float(np.average(series.mean[ago], weights=_span(series)[ago]))
    if since_then / (by or 1.0) < MOSTLY:
        return False
    past = series.middle < start
    middle, mean = series.middle[past], series.mean[past]
    later = middle >= middle[0] + lead
    wanders = np.abs(mean[later] - np.interp(middle[later] - lead, middle, mean))
    return abs(since_then) > float(wanders.max(initial=0.0))


def _before(series: Series, early: NDArray[np.bool_], usual: Usual | None) -> tuple[float, float]:
    """Centre and standard deviation. The median: some of the time before may already have moved."""
    if early.sum() < FEW and usual is not None:
        return usual.mean, _floored(usual.sd, usual.mean)
    span, mean = _span(series)[early], series.mean[early]
    centre = _median(mean, span)
    if usual is not None:
        return centre, _floored(usual.sd, centre)
    between = 1.4826 * _median(np.abs(mean - centre), span)
    within = series.within if np.isfinite(series.within) else 0.0
    return centre, _floored(float(np.hypot(between, np.sqrt(within))), centre)


def _onset(series: Series, looked: NDArray[np.bool_], before: float, after: float) -> float:
    moved = (series.mean[looked] - before) / ((after - before) or 1.0) - SLACK
    begin, total = series.begin[looked], 0.0
    since = float(begin[0])
    for start, step in zip(begin.tolist(), moved.tolist(), strict=True):
        if total == 0.0:
            since = start
        total = max(0.0, total + step)
    return since


def _median(values: Floats, weights: Floats) -> float:
    """The value at which half of the weight is reached."""
    order = np.argsort(values)
    heap = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(heap, heap[-1] / 2)])


def _span(series: Series) -> Floats:
    return np.maximum(series.end - series.begin, 1.0)


def _floored(sd: float, value: float) -> float:
    return max(sd, LEAST_SD * abs(value), 1e-9)
