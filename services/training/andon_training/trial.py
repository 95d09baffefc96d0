"""A trial: how well a plan tells good frames from the same ones with drawn defects, learned from other good frames."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from andon_training.interest import interest
from andon_training.maps import anomaly_maps, scores
from andon_training.method import Normal, distances, learn
from andon_training.options import Method
from andon_training.sample import Tensor, open_extractor
from andon_training.synthetic import DEFECTS, drawn, faded
from andon_training.views import Eyes, Recipe, View, view_model

MOST_FRAMES = 64
STRENGTHS = (
    1.0,
    0.3,
)  # of the defective copies of each frame: where the loud ones are all found, the faint ones decide
BLOCKS = 4  # every other block of consecutive frames is held out, then the rest
SEED = 20_26

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """How a bundle is to be made: the side of the frame in pixels, how it is looked at, how it is remembered."""

    size: int
    recipe: Recipe
    method: Method

    @property
    def words(self) -> str:
        """As people read it."""
        pixels = "" if self.recipe.backbone.pixels else f", pixels {self.recipe.pixels}"
        lies = "registered" if self.recipe.template else "as it lies"
        return f"{self.method}, lighting {self.recipe.lighting}, {lies}, {self.size}x{self.size}{pixels}"


@dataclass(frozen=True)
class TrialFrames:
    """`good`: uint8 [n, side, side, c]; `drawn`: uint8 [copies, n, side, side, c], the same with defects."""

    good: Tensor
    drawn: Tensor

    def sized(self, size: int) -> "TrialFrames":
        """The same frames at another side, in pixels."""
        return TrialFrames(_sized(self.good, size), np.stack([_sized(copy, size) for copy in self.drawn]))


@dataclass(frozen=True)
class Seen:
    """The views of the trial frames, float32 [n, rows, columns, depth] each: of the good, and of each drawn copy."""

    views: tuple[View, ...]
    good: tuple[Singles, ...]
    drawn: tuple[tuple[Singles, ...], ...]


@dataclass(frozen=True)
class Trial:
    """What a plan made of the trial frames: held-out scores of the good, float32 [n], and the drawn, float32 [m, n]."""

    plan: Plan
    good: Singles
    drawn: Singles
    seen: Seen | None = field(default=None, repr=False, compare=False)

    @property
    def everything(self) -> NDArray[np.int64]:
        """All trial frames, for `auroc`."""
        return np.arange(len(self.good))

    def auroc(self, at: NDArray[np.int64]) -> float:
        """Image AUROC over the trial frames `at`."""
        scored = np.concatenate([self.good[at], self.drawn[:, at].ravel()])
        return float(roc_auc_score(np.arange(len(scored)) >= len(at), scored))


def trial_frames(masters: Tensor, strengths: Sequence[float] = STRENGTHS) -> TrialFrames:
    """A few of `masters`, uint8 [n, side, side, c], spread over all, and defects drawn into them, always the same."""
    most = min(len(masters), MOST_FRAMES)
    good = masters[np.arange(most) * len(masters) // most]
    random, kinds, where = np.random.default_rng(SEED), list(DEFECTS), interest(good) if len(good) else None
    copies = [
        [
            faded(frame, drawn(frame, kinds[(i + copy * 2) % len(kinds)], random, where), strength)
            for i, frame in enumerate(good)
        ]
        for copy, strength in enumerate(strengths)
    ]
    return TrialFrames(good, np.array(copies, np.uint8).reshape(len(strengths), *good.shape))


def run_trial(plan: Plan, frames: TrialFrames, eyes: Eyes | None = None, seen: Seen | None = None) -> Trial:
    """Learns from one half of the good frames and scores the other, good and drawn, and the other way round.

    `eyes` are the plan's own unless given; `seen` spares looking again what was seen by a plan of the same recipe.
    """
    seen = seen or _look(plan, frames, eyes)
    halves = np.arange(len(seen.good[0])) * BLOCKS // len(seen.good[0]) % 2
    good_scores = np.empty(len(halves), np.float32)
    drawn_scores = np.empty((len(seen.drawn), len(halves)), np.float32)
    for out in (halves == 0, halves == 1):
        inside, outside = ([view[at] for view in seen.good] for at in (~out, out))
        half = _Half(seen.views, plan.method, inside, outside)
        good_scores[out] = half.scores(outside)
        for copy, views in enumerate(seen.drawn):
            drawn_scores[copy, out] = half.scores([view[out] for view in views])
    return Trial(plan, good_scores, drawn_scores, seen)


def _look(plan: Plan, frames: TrialFrames, eyes: Eyes | None) -> Seen:
    sized = frames.sized(plan.size)
    extractor = open_extractor(eyes or view_model(plan.recipe, sized.good.shape[1:]))
    copies = tuple(extractor.run_all(copy) for copy in sized.drawn)
    return Seen(extractor.views, extractor.run_all(sized.good), copies)


class _Half:
    """What one half of the good frames taught; the other half says what level is normal."""

    def __init__(
        self, views: Sequence[View], method: Method, inside: Sequence[Singles], outside: Sequence[Singles]
    ) -> None:
        self._views = views
        self._normals: tuple[Normal, ...] = learn(inside, method)
        self._levels = [float(view.mean()) for view in distances(self._normals, outside)]

    def scores(self, features: Sequence[Singles]) -> Singles:
        return scores(anomaly_maps(distances(self._normals, features), self._views, self._levels))


def _sized(frames: Tensor, size: int) -> Tensor:
    if frames.shape[1] == size:
        return frames
    small = [cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA) for frame in frames]
    return np.array(small, np.uint8).reshape(len(frames), size, size, frames.shape[-1])
