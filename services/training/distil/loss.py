"""The loss: how far a student is from its teacher, measured as the detector on top will measure it.

That detector is a Mahalanobis distance, in which a direction of small variance counts as much as one of large. So
half of the loss is taken after whitening, and a share of it on what a defect changes: student(defective) less
student(good) against the same of the teacher.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .pictures import GROUP

RIDGE = 0.05  # added to the variance of each standardised direction before whitening
PAIR_WEIGHT = 0.15


@dataclass(frozen=True)
class Metric:
    """How the teacher's features of one stride vary: `mean` and `spread` [c], `whitening` [c, c]."""

    mean: Tensor
    spread: Tensor
    whitening: Tensor

    def standardised(self, features: Tensor) -> Tensor:
        """The teacher's features, [n, c, h, w], with mean 0 and spread 1 in each channel."""
        return (features - self.mean[:, None, None]) / self.spread[:, None, None]

    def whitened(self, error: Tensor) -> Tensor:
        """An error in standardised units, [n, c, h, w], by directions of equal spread."""
        return functional.conv2d(error, self.whitening[:, :, None, None])


def metric_of(features: Sequence[NDArray[np.floating]]) -> Metric:
    """The metric of the teacher's features [n, c, h, w], many batches of them."""
    flat = np.concatenate(
        [part.astype(np.float32).transpose(0, 2, 3, 1).reshape(-1, part.shape[1]) for part in features]
    )
    mean, spread = flat.mean(0), flat.std(0) + 1e-3
    standard = (flat - mean) / spread
    whitening = _whitening(np.cov(standard.T))
    whitening /= np.sqrt(np.mean((standard @ whitening) ** 2))
    return Metric(*(torch.tensor(value, dtype=torch.float32) for value in (mean, spread, whitening)))


def _whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric (ZCA) whitening of a covariance with `RIDGE` on its diagonal."""
    variance, directions = np.linalg.eigh(covariance)
    return np.asarray(directions @ np.diag(1 / np.sqrt(variance + RIDGE)) @ directions.T)


@dataclass(frozen=True)
class Losses:
    """The three parts at one stride; 1 is about what a student that always gives the mean would have."""

    plain: Tensor
    whitened: Tensor
    pairs: Tensor

    def total(self) -> Tensor:
        """What is minimised."""
        return 0.5 * self.plain + 0.5 * self.whitened + PAIR_WEIGHT * self.pairs


def losses(metric: Metric, student: Tensor, teacher: Tensor) -> Losses:
    """The losses of a batch: the student's features (standardised units) against the teacher's (its own units)."""
    target = metric.standardised(teacher)
    error = student - target
    change, wanted = _change(error), _change(target)
    pairs = change.square().mean() / (wanted.square().mean() + 1e-2)
    return Losses(error.square().mean(), metric.whitened(error).square().mean(), pairs)


def _change(features: Tensor) -> Tensor:
    """What the defect changed in the pair that begins each group."""
    return features[1::GROUP] - features[::GROUP]
