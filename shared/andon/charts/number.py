"""What a reference says of each number, from its normal scores: blocks, their spread, and the limits of its charts."""

from dataclasses import dataclass

import numpy as np

from andon.charts import cusum, distances, ewma, shape
from andon.charts.blocks import MIN_BLOCKS, block_means, choose, measured
from andon.charts.dependence import Dependence, dependence
from andon.charts.normal_scores import quantiles, z
from andon.charts.sample import BASE, Doubles, base_means
from andon.charts.uncertainty import Truths, restless, truths
from andon.records.baseline import Watched

LAGS = 2000
SURPRISE = 2.5  # standard errors by which block means may vary more than the model says
UNSET = 1.0
LEAST_SPREAD = 0.01  # of block means, in normal scores: nobody minds less


def normal_scores(values: Doubles) -> tuple[list[Watched], Doubles]:
    """What is known of each column of [n, F] before its limits, and the normal scores: float64 [n, F]."""
    first = [_first(column) for column in values.T]
    scores = [z(one, column) for one, column in zip(first, values.T, strict=True)]
    return first, np.stack(scores, axis=1) if scores else np.zeros((len(values), 0))


def _first(column: Doubles) -> Watched:
    return Watched(
        quantiles=quantiles(column),
        mean=float(np.nanmean(column)),
        sd=float(np.nanstd(column)),
        correlation=0.0,
        block=BASE,
        centre=0.0,
        spread=UNSET,
        slack=UNSET,
        cusum=UNSET,
    )


@dataclass(frozen=True)
class Numbers:
    """Normal scores `z` [n, F], their base blocks, how they depend on each other, and block sizes, int [F]."""

    z: Doubles
    sums: Doubles
    counts: Doubles
    model: Dependence
    sizes: np.ndarray
    wanted: int

    @classmethod
    def of(cls, scores: Doubles) -> "Numbers":
        """Of normal scores [n, F]. `wanted`: how many frames would hold 100 independent blocks of each."""
        sums, counts = base_means(scores)
        model = dependence(scores, LAGS)
        sizes = choose(sums, counts, model)
        wanted = int(sizes.max(initial=1)) * MIN_BLOCKS * BASE
        return cls(scores, sums, counts, model, np.minimum(sizes, len(sums) // MIN_BLOCKS), wanted)

    def watch(self, at: int, first: Watched, run_length: float, slowly: bool, random: np.random.Generator) -> Watched:
        """Number `at`, with one false alarm of each chart in `run_length` frames; `slowly`: by an EWMA too."""
        size = int(self.sizes[at])
        means = block_means(self.sums[:, at], self.counts[:, at], size)
        means = means[~np.isnan(means)]
        block, spread = size * BASE, _spread(means)
        unsure, asked = self._truths(at, means, size), block / run_length
        allowance, weight = cusum.slack(spread), ewma.weight(block)
        found = first.model_copy(
            update={
                "correlation": float(self.model.correlation[at]),
                "block": block,
                "centre": float(means.mean()),
                "spread": spread,
                "slack": allowance,
                "cusum": cusum.limit(shape.run_lengths(means), allowance, unsure, asked),
                "ewma": ewma.limit(weight, unsure, asked) if slowly else None,
                "weight": weight if slowly else None,
            }
        )
        modelled = distances.Modelled(self.model.autocovariance[:, at], self._scores(at, means))
        distance = distances.limit(self.z[:, at], found, modelled, run_length, random)
        return found.model_copy(update={"wasserstein": distance})

    def _truths(self, at: int, means: Doubles, size: int) -> Truths:
        """What block means may truly be like, in their spreads."""
        known, block, spread = float(self.counts[:, at].sum()), size * BASE, _spread(means)
        long_run, error = float(self.model.long_run[at]), self._scale_error(at)
        seen = spread**2 * block * (1 + 2 * max(0.0, float(measured(self.sums, self.counts, size)[at])))
        doubt = np.sqrt(3 * 2 / len(means))
        if seen > long_run * (1 + SURPRISE * doubt):
            long_run, error = seen, 0.5 * doubt
        error = float(np.hypot(error, np.sqrt(restless(means))))
        return truths(float(np.sqrt(long_run / block)) / spread, float(np.sqrt(long_run / known)) / spread, error)

    def _scores(self, at: int, means: Doubles) -> Truths:
        """What normal scores may truly be like."""
        centre = float(np.sqrt(self.model.long_run[at] / self.counts[:, at].sum()))
        return truths(1.0, centre, float(np.hypot(self._scale_error(at), np.sqrt(restless(means)))), nodes=5)

    def _scale_error(self, at: int) -> float:
        """The standard error of the logarithm of the long-run standard deviation, of an autoregressive model."""
        ratio = self.model.long_run[at] / self.model.variance[at]
        return float(0.5 * np.sqrt((2 + 4 * ratio) / self.counts[:, at].sum()))


def _spread(means: Doubles) -> float:
    return max(float(means.std(ddof=1)), LEAST_SPREAD)
