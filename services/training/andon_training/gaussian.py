"""What good looks like: one Gaussian a position, learned from a cell and its neighbours.

As PaDiM (Defard et al. 2020), with the covariance shrunk towards the mean covariance of all positions, and with
each position learning from its 3x3 neighbourhood, because parts never lie exactly where the last one lay.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon_training.graph import Graph
from andon_training.views import View

SHRINK = 0.3
REACH = 1  # cells
NOISE_FLOOR = 1e-4  # of the mean variance, added to every feature: what never varied may still vary a little
TINY = 1e-12  # variance of features that are all alike

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
    floor = NOISE_FLOOR * (pooled.trace() / len(pooled) + TINY) * np.eye(len(pooled))
    covariance = (1 - SHRINK) * own + SHRINK * pooled + floor
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).swapaxes(-1, -2)
    return Gaussian(mean.astype(np.float32), whitening.astype(np.float32))


def distances(normal: Gaussian, features: Singles) -> Singles:
    """Mahalanobis distance over root d, float32 [n, rows, columns], of `features` [n, rows, columns, d]."""
    n, rows, columns, d = features.shape
    at = features.reshape(n, rows * columns, d).transpose(1, 0, 2)
    white = np.matmul(at - normal.mean.reshape(-1, 1, d), normal.whitening.reshape(-1, d, d))
    distance: Singles = np.sqrt(np.mean(white * white, axis=2)).T.reshape(n, rows, columns)
    return distance


def add_distances(graph: Graph, view: View, normal: Gaussian) -> str:
    """The same in a graph: [N, 1, rows, columns]. Positions lead, so that a batch reads each matrix once."""
    positions, d = view.rows * view.columns, view.depth
    leading = graph.add("Transpose", view.value, perm=[2, 3, 0, 1])
    at = graph.add("Reshape", leading, graph.constant([positions, -1, d]))
    centred = graph.add("Sub", at, graph.constant(normal.mean.reshape(positions, 1, d)))
    white = graph.add("MatMul", centred, graph.constant(normal.whitening.reshape(positions, d, d)))
    squared = graph.add("ReduceMean", graph.add("Mul", white, white), graph.constant([2]), keepdims=0)
    by_frame = graph.add("Transpose", graph.add("Sqrt", squared), perm=[1, 0])
    return graph.add("Reshape", by_frame, graph.constant([-1, 1, view.rows, view.columns]))


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
