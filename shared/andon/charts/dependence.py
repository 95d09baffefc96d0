"""How frames depend on the ones before: an autoregressive model of each number, and what follows for its means.

The order is chosen by BIC among the Yule-Walker fits of Levinson and Durbin; the autocovariances are corrected for the
mean having been taken from the same frames. The long-run variance sigma^2 / (1 - sum a)^2 (the spectral estimate at 0,
Berk 1974) is what a mean of n frames has, times n, for large n.
"""

from dataclasses import dataclass

import numpy as np

from andon.charts.sample import Doubles

ORDERS = 20
NEAR_ONE = 0.998  # the most that the coefficients may sum to: beyond, nothing can be learned from a mean


@dataclass(frozen=True)
class Dependence:
    """Of each of F numbers: `variance` and `long_run` [F], `correlation` of one frame with the next [F], and
    `autocovariance` [lags, F] of the fitted model, lag 0 first."""

    variance: Doubles
    long_run: Doubles
    correlation: Doubles
    autocovariance: Doubles

    def variance_of_means(self, frames: int) -> Doubles:
        """Of means of `frames` frames in a row: [F]."""
        lags = np.arange(1, frames)
        ahead = self.autocovariance[1:frames]
        total = frames * self.autocovariance[0] + 2 * ((frames - lags) @ ahead)
        return np.asarray(total / frames**2)

    def correlation_of_means(self, frames: int) -> Doubles:
        """Of a mean of `frames` frames with the next: [F]."""
        return 2 * self.variance_of_means(2 * frames) / self.variance_of_means(frames) - 1


def dependence(z: Doubles, lags: int) -> Dependence:
    """Of normal scores [n, F], NaN where not known; the model's autocovariance up to `lags`."""
    raw = _autocovariance(z, ORDERS)
    known = (~np.isnan(z)).sum(axis=0)
    long_run = _fit(raw, known)[1]
    fair = raw + long_run / known
    coefficients, long_run = _fit(fair, known)
    return Dependence(fair[0], long_run, fair[1] / fair[0], _go_on(fair, coefficients, lags))


def _autocovariance(z: Doubles, lags: int) -> Doubles:
    """[lags + 1, F], over the pairs that are known."""
    n = len(z)
    known = ~np.isnan(z)
    away = np.where(known, z - np.nanmean(z, axis=0), 0.0)
    there = known.astype(np.float64)
    rows = [(away[: n - k] * away[k:]).sum(axis=0) / _at_least_one(there[: n - k], there[k:]) for k in range(lags + 1)]
    taper = 1 - np.arange(lags + 1) / n
    return np.stack(rows) * taper[:, None]


def _at_least_one(one: Doubles, other: Doubles) -> Doubles:
    return np.asarray(np.maximum((one * other).sum(axis=0), 1.0))


def _fit(covariance: Doubles, known: Doubles) -> tuple[Doubles, Doubles]:
    """Coefficients [ORDERS, F] of the order of the least BIC, and the long-run variance [F]."""
    coefficients = np.zeros_like(covariance[1:])
    error = covariance[0].copy()
    best = (coefficients.copy(), error.copy(), known * np.log(error))
    for order in range(1, len(covariance)):
        coefficients, error = _one_more(covariance, coefficients, error, order)
        best = _better(best, coefficients, error, known * np.log(error) + order * np.log(known))
    chosen, left, _ = best
    total = np.minimum(chosen.sum(axis=0), NEAR_ONE)
    return chosen, left / (1 - total) ** 2


def _one_more(covariance: Doubles, coefficients: Doubles, error: Doubles, order: int) -> tuple[Doubles, Doubles]:
    """Levinson and Durbin's step to `order`."""
    before = coefficients[: order - 1]
    reflection = (covariance[order] - (before * covariance[order - 1 : 0 : -1]).sum(axis=0)) / error
    reflection = np.clip(reflection, -NEAR_ONE, NEAR_ONE)
    grown = coefficients.copy()
    grown[: order - 1] = before - reflection * before[::-1]
    grown[order - 1] = reflection
    return grown, error * (1 - reflection**2)


Best = tuple[Doubles, Doubles, Doubles]


def _better(best: Best, coefficients: Doubles, error: Doubles, bic: Doubles) -> Best:
    wins = bic < best[2]
    return np.where(wins, coefficients, best[0]), np.where(wins, error, best[1]), np.where(wins, bic, best[2])


def _go_on(covariance: Doubles, coefficients: Doubles, lags: int) -> Doubles:
    """The autocovariance up to `lags`: as the model says beyond what was measured."""
    grown = np.zeros((max(lags, ORDERS) + 1, covariance.shape[1]))
    grown[: ORDERS + 1] = covariance
    for lag in range(ORDERS + 1, len(grown)):
        grown[lag] = (coefficients * grown[lag - 1 : lag - ORDERS - 1 : -1]).sum(axis=0)
    return grown
