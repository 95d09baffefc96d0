"""Where the map's highest place lay, in cells of the grid: does it gather at one spot?

A Bernoulli CUSUM for every cell with those around it (3 x 3): each frame whose peak is known adds its log likelihood
ratio, the share p there against p + GROWN. As for anomalous frames (bernoulli.py), p is what it may be at most, and
where D peaks come together, in stretches or in runs, they tell as much as one. One limit holds for all cells, at
which their false alarms together are as rare as asked; neighbours share cells, so they are rarer still.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
from numpy.typing import NDArray

from andon.charts.bernoulli import LIMITS, MOST, STRETCHES, frames_between
from andon.charts.fixed import Tick, Turned
from andon.charts.sample import BASE, COLUMNS, ROWS, Bools, Doubles
from andon.records.baseline import Places
from andon.records.drift import Chart

PLACES = "places"
GROWN = 0.2
"""The growth of the share that the charts are made for: smaller ones are found too, but later."""
RAREST = 0.002
SURE = 3.0  # standard errors: one of 144 cells is always the most unlucky
SURPRISE = 4.0
KNOWN, GATHERED = 0.5, 0.8
"""A reference with fewer known peaks, or with more of them at one spot, tells nothing."""
LAGS = 16  # frames
HELD = 1.25  # times the limit: more is not kept of a sum, so that a spot that is gone is over soon
HALVINGS = 40
SHARES = np.geomspace(RAREST, GATHERED, 9)
LONGEST = 255.0


def learn(peak: NDArray[np.int16], run_length: float) -> Places | None:
    """The shares of the cells over `peak`, int16 [n], and the limit with one false alarm in `run_length` frames; None
    where no peak is known, without a limit where they tell nothing."""
    known = peak[peak >= 0]
    if not len(known):
        return None
    counts = np.bincount(known, minlength=COLUMNS * ROWS)
    shares = tuple(float(f"{share:.5g}") for share in counts / len(known))
    found = Places(columns=COLUMNS, rows=ROWS, shares=shares)
    if len(known) < KNOWN * len(peak) or (around(COLUMNS, ROWS) @ counts).max() > GATHERED * len(known):
        return found
    clumped = tuple(np.round(_clumped(known), 2).tolist())
    found = found.model_copy(update={"frames": len(known), "clumped": clumped})
    return found.model_copy(update={"limit": limit(Ratios.of(found), run_length)})


def is_watched(places: Places) -> bool:
    """Whether it has a limit, and is of today's grid."""
    of_grid = (places.columns, places.rows, len(places.shares)) == (COLUMNS, ROWS, COLUMNS * ROWS)
    return places.limit is not None and places.frames > 0 and of_grid and len(places.clumped) == len(places.shares)


@lru_cache(maxsize=8)
def around(columns: int, rows: int) -> Doubles:
    """float64 [cells, cells]: 1 where one cell lies beside the other or is it, else 0."""
    row, column = np.divmod(np.arange(columns * rows), columns)
    beside = (abs(row[:, None] - row) <= 1) & (abs(column[:, None] - column) <= 1)
    return beside.astype(np.float64)


def _clumped(known: NDArray[np.int16]) -> Doubles:
    """How many peaks around each cell tell as much as one, float64 [cells], of `known`, int16 [n]: as many as come
    together in stretches, or in runs."""
    there = around(COLUMNS, ROWS)[known].T
    stretched = _in_stretches(there)
    share = _at_most(there.mean(axis=1), len(known) / stretched)
    return np.maximum(stretched, 1 / _root(share, _in_runs(there)))


def _in_stretches(there: Doubles) -> Doubles:
    """The index of dispersion [cells] of peaks `there` [cells, n]: that of all cells together, or the cell's own where
    that is more; 1 where more may be chance."""
    found = np.ones(len(there))
    for stretches in STRETCHES:
        frames = there.shape[1] // stretches
        counts = there[:, : frames * stretches].reshape(-1, stretches, frames).sum(axis=2)
        share = counts.mean(axis=1) / frames
        usual = np.maximum(frames * share * (1 - share), 1e-9)
        variance, error = counts.var(axis=1, ddof=1), (2 / (stretches - 1)) ** 0.5
        own, pooled = variance / usual, float(variance.sum() / usual.sum())
        surprising = own > 1 + SURPRISE * np.sqrt(error**2 + 1 / (stretches * usual))
        found = np.maximum(found, np.where(surprising, own, pooled if pooled > 1 + error else 1.0))
    return found


def _in_runs(there: Doubles) -> Doubles:
    """The correlation [cells] of a peak with the next of a Markov chain that comes back as often as peaks `there`
    [cells, n] do within LAGS frames: that of all cells together, or the cell's own where that is more; 0 where more may
    be chance. Parts that come in turn come back, but no more often than usual."""
    share, found, own, pooled = there.mean(axis=1), np.zeros(len(there)), np.zeros(len(there)), 0.0
    usual = np.maximum(share * (1 - share), 1e-9)
    for lag in range(1, LAGS + 1):
        frames = there.shape[1] - lag
        more = (there[:, lag:] * there[:, :-lag]).sum(axis=1) / frames - share**2
        own, pooled = own + more / usual, pooled + float(more.sum() / usual.sum())
        surprising = own * usual > SURPRISE * np.sqrt(lag * (share**2 + 1 / frames) / frames)
        found = np.maximum(found, np.where(surprising, own, pooled if pooled > SURE * (lag / frames) ** 0.5 else 0.0))
    return found / (1 + found)


def _root(share: Doubles, correlation: Doubles) -> Doubles:
    """How fast chance that a sum passes a height falls with it, float64 [cells]: 1 of independent frames. The power of
    the likelihood ratio that neither grows nor falls where peaks come and go as a Markov chain (Lundberg's)."""
    bad, good = _steps(share)
    stays = share + correlation * (1 - share)
    comes = share * (1 - stays) / (1 - share)
    low, high = np.zeros(len(share)), np.ones(len(share))
    for _ in range(HALVINGS):
        at = (low + high) / 2
        out, back = (1 - comes) * np.exp(at * good), stays * np.exp(at * bad)
        cross = comes * (1 - stays) * np.exp(at * (good + bad))
        grows = (out + back) / 2 + np.sqrt(((out - back) / 2) ** 2 + cross)
        low, high = np.where(grows < 1, at, low), np.where(grows < 1, high, at)
    return np.maximum(low, 0.01)


@dataclass(frozen=True, slots=True)
class Ratios:
    """What one frame adds around each cell: `bad` > 0 if its peak lies there, `good` < 0 if not; both in parts of
    `clumped`, and both 0 where nothing is watched. `share` is p. float64 [cells] each; `height` [1] is the limit."""

    share: Doubles
    clumped: Doubles
    bad: Doubles
    good: Doubles
    beside: Doubles
    height: Doubles

    @classmethod
    def of(cls, places: Places) -> "Ratios":
        """Of the record, which must have been learned with a limit."""
        beside, clumped = around(places.columns, places.rows), np.maximum(places.clumped, 1.0)
        counted = beside @ np.asarray(places.shares)
        share = _at_most(counted, places.frames / clumped)
        bad, good = _steps(share)
        watched = counted <= GATHERED
        return cls(
            share,
            clumped,
            watched * bad / clumped,
            watched * good / clumped,
            beside,
            np.array([places.limit or np.inf]),
        )


def _at_most(share: Doubles, frames: Doubles) -> Doubles:
    """The greatest shares, SURE standard errors off, that show as `share` of `frames`: Wilson and Hilferty's."""
    count = share * frames + 1
    upper = count * (1 - 1 / (9 * count) + SURE / (3 * np.sqrt(count))) ** 3
    return np.asarray(np.clip(upper / frames, RAREST, 0.95))


def _steps(share: Doubles) -> tuple[Doubles, Doubles]:
    grown = np.minimum(share + GROWN, (1 + share) / 2)
    return np.log(grown / share), np.log((1 - grown) / (1 - share))


def limit(ratios: Ratios, run_length: float) -> float:
    """Where the false alarms of all cells together are as rare as one in `run_length` frames."""
    heights = np.linspace(LIMITS[0], MOST, 400)
    logs = np.array([_logs(share, heights) for share in SHARES])
    at = np.interp(np.log(ratios.share), np.log(SHARES), np.arange(len(SHARES)))
    low = np.minimum(at.astype(np.int64), len(SHARES) - 2)
    part = (at - low)[:, None]
    each = (1 - part) * logs[low] + part * logs[low + 1]
    rates = np.where(ratios.bad[:, None] > 0, np.exp(-each), 0.0).sum(axis=0)
    return float(np.interp(log(run_length), -np.log(np.maximum(rates, 1e-300)), heights))


def _logs(share: float, heights: Doubles) -> Doubles:
    """The logarithm of the frames between false alarms at one spot of `share`, at each of `heights`."""
    bad, good = _steps(np.array(share))
    logs = np.array([log(frames_between(share, float(bad), float(good), height)) for height in LIMITS])
    slope = (logs[-1] - logs[-2]) / (LIMITS[-1] - LIMITS[-2])
    return np.asarray(np.interp(heights, LIMITS, logs) + slope * np.maximum(heights - LIMITS[-1], 0))


@dataclass(slots=True)
class Gathered:
    """The chart: `sums` [cells], at most HELD limits; `since` [cells] counts base blocks since they were last 0;
    `alarmed` [cells] is 1 where the limit was passed until the sum is 0 again."""

    fixed: Ratios
    sums: Doubles
    since: Doubles
    alarmed: Doubles

    @classmethod
    def new(cls, places: Places) -> "Gathered":
        """From zero."""
        cells = places.columns * places.rows
        return cls(Ratios.of(places), *(np.zeros(cells) for _ in range(3)))

    @property
    def chart(self) -> Chart:
        """Its kind."""
        return Chart.PLACES

    @property
    def names(self) -> tuple[str, ...]:
        """What the highest places are called."""
        return (PLACES,)

    def advance(self, tick: Tick) -> Turned:
        """Takes where the maps were highest."""
        fixed, height = self.fixed, self.fixed.height[0]
        known = tick.peak[tick.peak >= 0] if tick.peak is not None else NOWHERE
        if not known.size:
            return NOTHING, NOTHING
        was = self.alarmed.any()
        there = fixed.beside[known].sum(axis=0)
        total = np.maximum(self.sums + there * fixed.bad + (known.size - there) * fixed.good, 0.0)
        self.since = np.where(total > 0, np.minimum(self.since + 1, LONGEST), 0.0)
        passed = total > height
        self.alarmed = np.where(passed, 1.0, np.where(total > 0, self.alarmed, 0.0))
        self.sums = np.minimum(total, HELD * height)
        now = self.alarmed.any()
        return np.array([now and not was]), np.array([was and not now])

    def statistic(self) -> Doubles:
        """The greatest log likelihood ratio of any spot, at most HELD times the limit."""
        return np.array([self.sums.max()])

    def limit(self) -> Doubles:
        """Of the log likelihood ratio."""
        return self.fixed.height

    def active(self) -> Bools:
        """Alarmed and not recovered."""
        return np.array([self.alarmed.any()])

    def rises(self) -> Doubles:
        """Only a share that grows is looked for."""
        return np.ones(1)

    def frames(self) -> Doubles:
        """Since the greatest sum was last 0."""
        return np.array([self.since[self.sums.argmax()] * BASE])


NOTHING = np.zeros(1, dtype=np.bool_)
NOWHERE = np.zeros(0, dtype=np.int16)
