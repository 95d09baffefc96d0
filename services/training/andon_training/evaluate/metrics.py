"""Figures of whole frames: how well scores tell defective from good, and what the threshold makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    precision_recall_curve,
    roc_auc_score,
)

from andon.rates.intervals import Rate, rate

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Separation:
    """How good and defective frames part. Needs both.

    `best_f1` is what the best threshold in hindsight would give, `best_f1_threshold` that threshold: a score above it
    is anomalous.
    """

    auroc: float
    average_precision: float
    f1: float
    best_f1: float
    best_f1_threshold: float


@dataclass(frozen=True)
class KindFigures:
    """One defect. `escapes` are frames at or below the threshold; `auroc` is against all good frames."""

    kind: str
    escapes: Rate
    auroc: float | None
    median_score: float


@dataclass(frozen=True)
class ImageFigures:
    """What stands here as None cannot be told from the frames given."""

    separation: Separation | None
    false_calls: Rate | None
    escapes: Rate | None


def image_figures(good: Sequence[float], defective: Sequence[float], threshold: float) -> ImageFigures:
    """The figures of raw scores: a score above `threshold` is anomalous."""
    return ImageFigures(
        separation=separation(good, defective, threshold) if good and defective else None,
        false_calls=rate(sum(score > threshold for score in good), len(good)) if good else None,
        escapes=rate(sum(score <= threshold for score in defective), len(defective)) if defective else None,
    )


def separation(good: Sequence[float], defective: Sequence[float], threshold: float) -> Separation:
    """AUROC, average precision and F1 of at least one good and one defective raw score."""
    scores, labels = labelled_scores(good, defective)
    best, best_threshold = best_f1(scores, labels)
    return Separation(
        auroc=auroc(good, defective),
        average_precision=float(average_precision_score(labels, scores)),
        f1=float(f1_score(labels, scores > threshold, zero_division=0.0)),
        best_f1=best,
        best_f1_threshold=best_threshold,
    )


def labelled_scores(good: Sequence[float], defective: Sequence[float]) -> tuple[Scores, NDArray[np.bool_]]:
    """All scores, float64 [n], and whether each is of a defective frame, bool [n]."""
    return np.array([*good, *defective], np.float64), np.repeat([False, True], [len(good), len(defective)])


def best_f1(scores: Scores, labels: NDArray[np.bool_]) -> tuple[float, float]:
    """The greatest F1 any threshold gives, and one that gives it: halfway to the next lower score."""
    precision, recall, levels = precision_recall_curve(labels, scores)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    at = int(f1[:-1].argmax())
    threshold = (levels[at - 1] + levels[at]) / 2 if at else np.nextafter(levels[0], -np.inf)
    return float(f1[at]), float(threshold)


def kind_figures(kind: str, scores: Sequence[float], good: Sequence[float], threshold: float) -> KindFigures:
    """The figures of one defect's frames, at least one."""
    return KindFigures(
        kind=kind,
        escapes=rate(sum(score <= threshold for score in scores), len(scores)),
        auroc=auroc(good, scores) if good else None,
        median_score=float(np.median(scores)),
    )


def auroc(good: Sequence[float], defective: Sequence[float]) -> float:
    """The chance that a defective frame scores above a good one; ties count half. Needs both."""
    scores, labels = labelled_scores(good, defective)
    return float(roc_auc_score(labels, scores))
