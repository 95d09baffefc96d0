"""Hotelling's T-squared of the mean of a window of many numbers together (Hotelling 1947).

Deviations are made white twice: frame by frame, by the covariance shrunk towards its diagonal's mean (Ledoit and Wolf
2004, here with a fixed share of d / n), then each direction by its long-run variance, for neighbours resemble each
other.
"""

from dataclasses import dataclass

import numpy as np

from andon.charts import stretches
from andon.charts.dependence import Dependence, dependence
from andon.charts.fixed import Tick, Turned
from andon.charts.sample import BASE, Bools, Doubles, base_means
from andon.charts.uncertainty import least_limit
from andon.charts.windows import TwoOfThree, alarms
from andon.records.baseline import Pooled
from andon.records.drift import Chart

WINDOW = 25  # base blocks
PIECE = 5
DRAWS = 2000
COMPARED = 0.9  # the quantile at which both ways are compared
SURPRISE = 2.0
STILL = 1e-10  # of the greatest variance of a direction
HEIGHTS = np.geomspace(0.1, 1e5, 1000)


def learn(values: Doubles, names: tuple[str, ...], run_length: float, random: np.random.Generator) -> Pooled | None:
    """The reference of `values` float64 [n, d], NaN where not known, with one false alarm in `run_length` frames.

    None where nothing ever changes.
    """
    mean = np.nanmean(values, axis=0)
    away = np.where(np.isnan(values), 0.0, values - mean)
    whiten = _whiten(away)
    if not len(whiten):
        return None
    away[np.isnan(values).all(axis=1)] = np.nan
    model = dependence(away @ whiten.T, 2)
    whiten = whiten / np.sqrt(model.long_run / (WINDOW * BASE))[:, None]
    found = Pooled(names=names, mean=_floats(mean), whiten=tuple(map(_floats, whiten)), window=WINDOW * BASE, limit=1.0)
    return found.model_copy(update={"limit": _limit(found, values, model, run_length, random)})


def _whiten(away: Doubles) -> Doubles:
    """[k, d]: makes rows of `away` [n, d] white. The d - k directions that never change are left out."""
    n, d = away.shape
    variances, directions = np.linalg.eigh(away.T @ away / n)
    change = variances > STILL * max(float(variances.max()), STILL)
    shrink = min(1.0, d / n)
    shrunk = (1 - shrink) * variances + shrink * variances.mean()
    return np.asarray((directions / np.sqrt(np.maximum(shrunk, STILL**2))).T[change])


def _floats(row: Doubles) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in row)


def _limit(pooled: Pooled, values: Doubles, model: Dependence, run_length: float, random: np.random.Generator) -> float:
    """From what it would be of independent normal directions whose centre and scale the reference has only roughly;
    more where windows drawn from the reference itself by stretches lie farther, by more than chance."""
    unseen, ratio = pooled.window / len(values), model.long_run / model.variance
    error = np.sqrt(unseen + np.zeros_like(ratio)), 0.5 * np.sqrt((2 + 4 * ratio) / len(values))
    shift, log = (random.standard_normal((DRAWS, len(ratio))) * sd for sd in error)
    steps = random.standard_normal((DRAWS, len(ratio)))
    ideal = ((steps * np.exp(log) + shift) ** 2).sum(axis=1)
    drawn = _drawn(pooled, values, random) / (1 - unseen)
    own = float(np.quantile(drawn, COMPARED) / np.quantile(ideal, COMPARED))
    scale = own if own > 1 + SURPRISE * (PIECE * BASE / len(values)) ** 0.5 else 1.0
    rates = alarms(stretches.shares_above(scale * ideal, HEIGHTS))
    return least_limit(HEIGHTS, rates, pooled.window / run_length)


def _drawn(pooled: Pooled, values: Doubles, random: np.random.Generator) -> Doubles:
    """T-squared of windows drawn from the reference by stretches: float64 [DRAWS]."""
    sums, counts = base_means(values)
    parts = stretches.lengths(WINDOW, PIECE)
    begins = stretches.starts(len(sums), parts, DRAWS, random)
    total = stretches.draw(_rising(sums), parts, begins)
    known = stretches.draw(_rising(counts), parts, begins)
    return t_squared(total, known, np.asarray(pooled.mean), np.asarray(pooled.whiten))


def _rising(sums: Doubles) -> Doubles:
    return np.concatenate([np.zeros_like(sums[:1]), sums.cumsum(axis=0)])


def t_squared(total: Doubles, known: Doubles, mean: Doubles, whiten: Doubles) -> Doubles:
    """Of sums [..., d] of `known` [..., d] frames; a number that is not known at all is taken to be as usual."""
    away = np.where(known > 0, total / np.maximum(known, 1) - mean, 0.0)
    return np.asarray(((away @ whiten.T) ** 2).sum(axis=-1))


@dataclass(frozen=True, slots=True)
class Together:
    """A `Pooled` as arrays, and the name it goes by. `scores`: it is of normal scores, at these columns of a tick."""

    name: str
    mean: Doubles
    whiten: Doubles
    window: int
    limit: Doubles
    columns: tuple[int, ...] | None

    @classmethod
    def of(cls, name: str, pooled: Pooled, columns: tuple[int, ...] | None = None) -> "Together":
        """Of the record."""
        return cls(
            name, np.asarray(pooled.mean), np.asarray(pooled.whiten), pooled.window, np.array([pooled.limit]), columns
        )


@dataclass(slots=True)
class Hotelling:
    """The chart of d numbers together: float64 [d] sums and counts of the window under way, of `gathered` [1]."""

    fixed: Together
    total: Doubles
    known: Doubles
    gathered: Doubles
    rule: TwoOfThree

    @classmethod
    def new(cls, fixed: Together) -> "Hotelling":
        """From zero."""
        d = len(fixed.mean)
        return cls(fixed, np.zeros(d), np.zeros(d), np.zeros(1), TwoOfThree.new(1))

    @property
    def chart(self) -> Chart:
        """Its kind."""
        return Chart.HOTELLING

    @property
    def names(self) -> tuple[str, ...]:
        """What all numbers together are called."""
        return (self.fixed.name,)

    def advance(self, tick: Tick) -> Turned:
        """Takes the embeddings, or the normal scores."""
        sums, counts = _sums(tick, self.fixed.columns)
        self.total += sums
        self.known += counts
        self.gathered += 1
        fixed = self.fixed
        if self.gathered[0] * BASE < fixed.window:
            return NOTHING, NOTHING
        share = self.known.max() / fixed.window
        statistic = t_squared(self.total, self.known, fixed.mean, fixed.whiten) * share
        there = np.array([share * 2 >= 1])
        for part in (self.total, self.known, self.gathered):
            part[:] = 0
        return self.rule.advance(statistic.reshape(1), fixed.limit, there)

    def statistic(self) -> Doubles:
        """T-squared of the last window's mean."""
        return self.rule.statistic

    def limit(self) -> Doubles:
        """Of T-squared."""
        return self.fixed.limit

    def active(self) -> Bools:
        """Alarmed and not recovered."""
        return self.rule.alarmed > 0

    def rises(self) -> Doubles:
        """Many numbers have no one direction."""
        return np.zeros(1)

    def frames(self) -> Doubles:
        """Since the first window above began."""
        return self.rule.since * self.fixed.window + self.gathered * BASE


NOTHING = np.zeros(1, dtype=np.bool_)


def _sums(tick: Tick, columns: tuple[int, ...] | None) -> tuple[Doubles, Doubles] | tuple[float, float]:
    """What is known of a tick, and how often: [d] each; nothing where a block came without embeddings."""
    if columns is not None:
        return tick.sums[list(columns)], tick.counts[list(columns)]
    if tick.embedding is None:
        return 0.0, 0.0
    known = ~np.isnan(tick.embedding)
    return np.where(known, tick.embedding, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64)
