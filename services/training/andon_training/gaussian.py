"""What good looks like: one Gaussian a position, learned from a cell and its neighbours.

As PaDiM (Defard et al. 2020), with the covariance shrunk towards the mean covariance of all positions, and with
each position learning from its 3x3 neighbourhood, because parts never lie exactly where the last one lay.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHRINK = 0.3
REACH = 1  # cells
NOISE_FLOOR = 1e-4  # variance added to every feature: what never varied in the sample may still vary a little
BLUR_SIGMA = 1.0  # cells
BLUR_REACH = 3

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Moments:
    """Sums over frames: `total` [rows, columns, d], `outer` [rows, columns, d, d], over `count` frames."""

    count: int
    total: Floats
    outer: Floats

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.count + other.count, self.total + other.total, self.outer + other.outer)

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(self.count - other.count, self.total - other.total, self.outer - other.outer)


@dataclass(frozen=True)
class Gaussian:
    """`mean` float32 [rows, columns, d]; `whitening` float32 [rows, columns, d, d].

    `(x - mean) @ whitening` has unit covariance, so its length is the Mahalanobis distance of x.
    """

    mean: Singles
    whitening: Singles


def moments(features: Singles) -> Moments:
    """The moments of `features`, float32 [n, rows, columns, d]."""
    n, rows, columns, d = features.shape
    at = features.reshape(n, rows * columns, d).transpose(1, 0, 2).astype(np.float64)
    outer = np.matmul(at.transpose(0, 2, 1), at).reshape(rows, columns, d, d)
    return Moments(n, at.sum(1).reshape(rows, columns, d), outer)


def gaussian(sums: Moments) -> Gaussian:
    """The Gaussian of each position. Needs at least 2 frames."""
    near = _neighbours(np.ones((*sums.total.shape[:2], 1))) * sums.count
    mean = _neighbours(sums.total) / near
    second = _neighbours(sums.outer) / near[..., np.newaxis]
    own = second - mean[..., :, np.newaxis] * mean[..., np.newaxis, :]
    pooled = own.mean(axis=(0, 1))
    covariance = (1 - SHRINK) * own + SHRINK * pooled + NOISE_FLOOR * np.eye(len(pooled))
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).swapaxes(-1, -2)
    return Gaussian(mean.astype(np.float32), whitening.astype(np.float32))


def anomaly_maps(model: Gaussian, features: Singles) -> Singles:
    """Blurred Mahalanobis distance over root d, float32 [n, rows, columns], of `features` [n, rows, columns, d]."""
    n, rows, columns, d = features.shape
    at = features.reshape(n, rows * columns, d).transpose(1, 0, 2)
    white = np.matmul(at - model.mean.reshape(-1, 1, d), model.whitening.reshape(-1, d, d))
    distance = np.sqrt(np.mean(white * white, axis=2)).T.reshape(n, rows, columns)
    return _blurred(distance)


def scores(model: Gaussian, features: Singles) -> Singles:
    """The greatest value of each map, float32 [n]."""
    greatest: Singles = anomaly_maps(model, features).max(axis=(1, 2))
    return greatest


def blur_taps() -> Singles:
    """The one-dimensional Gaussian of the blur, float32 [2 BLUR_REACH + 1], sum 1."""
    offsets = np.arange(-BLUR_REACH, BLUR_REACH + 1)
    taps = np.exp(-(offsets**2) / (2 * BLUR_SIGMA**2))
    whole: Singles = (taps / taps.sum()).astype(np.float32)
    return whole


def _blurred(maps: Singles) -> Singles:
    padded = np.pad(maps, ((0, 0), (BLUR_REACH, BLUR_REACH), (BLUR_REACH, BLUR_REACH)), mode="edge")
    return _weighted(_weighted(padded, 1), 2)


def _weighted(padded: Singles, axis: int) -> Singles:
    """The blur along `axis`, shorter by what it was padded."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * BLUR_REACH + 1, axis=axis)
    blurred: Singles = windows @ blur_taps()
    return blurred


def _neighbours(sums: Floats) -> Floats:
    """Each position's sum with those around it; beyond the edge there is nothing."""
    rows, columns = sums.shape[:2]
    padded = np.pad(sums, [(REACH, REACH), (REACH, REACH)] + [(0, 0)] * (sums.ndim - 2))
    shifts = range(2 * REACH + 1)
    near: Floats = np.zeros_like(sums)
    for down in shifts:
        for right in shifts:
            near += padded[down : down + rows, right : right + columns]
    return near
