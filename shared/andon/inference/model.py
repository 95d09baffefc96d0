"""A model and its backbone: frames in, scores and maps out, and whether these can be read as such."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.errors import Broken
from andon.inference.session import Session, rows_of
from andon.records.score import Unscorable

INPUT, SCORE, MAP = "frames", "score", "map"

Features = Mapping[str, NDArray[np.float32]]
"""What a backbone gives for N frames: arrays of N rows, by the names its outputs and the head's inputs share."""


@dataclass(frozen=True)
class Outputs:
    """What a model says of N frames.

    `score` is float32 [N] and `map` float32 [N, h, w], raw. `problems` has N entries: None, or why this row must
    not be read as a score; its numbers then mean nothing.
    """

    score: NDArray[np.float32]
    map: NDArray[np.float32]
    problems: tuple[Unscorable | None, ...]


@dataclass(frozen=True)
class Backbone:
    """An open backbone, which several models may share. `shape` is (height, width, channels) of one frame."""

    session: Session
    shape: tuple[int, int, int]

    @property
    def provider(self) -> str:
        """What runs it."""
        return self.session.provider

    def run(self, batch: NDArray[np.uint8]) -> Features:
        """The features of `batch`, uint8 [N, H, W, C] with N at least 1. Raises Broken as `Model.run`."""
        _check_batch(batch, self.shape)
        names = [output.name for output in self.session.outputs]
        return dict(zip(names, self.session.run(names, {INPUT: batch}), strict=True))


@dataclass(frozen=True)
class Model:
    """An open model. `shape` is (height, width, channels) of one frame.

    With a `backbone` the session is a head, which takes the backbone's features by their names.
    """

    session: Session
    shape: tuple[int, int, int]
    backbone: Backbone | None = None

    @property
    def provider(self) -> str:
        """What runs it."""
        return self.session.provider

    @property
    def runtime(self) -> str:
        """What runs it, with its version, as a score tells it. With a backbone: what runs that, which is most of it."""
        return (self.backbone or self).session.runtime

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        """Scores `batch`, uint8 [N, H, W, C] with N at least 1.

        Raises Broken when the batch is not what the model takes, or when the device fails: a CUDA context that
        failed once answers nonsense until the process is restarted (pytorch issue 44624).
        """
        if self.backbone is not None:
            return self.judge(self.backbone.run(batch))
        _check_batch(batch, self.shape)
        return judge_outputs(len(batch), *self.session.run([SCORE, MAP], {INPUT: batch}))

    def judge(self, features: Features) -> Outputs:
        """Scores N frames by the features that its backbone gave for them. Raises Broken when the device fails."""
        return judge_outputs(rows_of(features), *self.session.run([SCORE, MAP], features))


def judge_outputs(count: int, score: Any, anomaly_map: Any) -> Outputs:
    """Raw outputs for `count` frames as `Outputs`; what cannot be read as a score is named, row by row."""
    scores, maps = np.asarray(score), np.asarray(anomaly_map)
    if scores.shape != (count,) or maps.ndim != 3 or len(maps) != count or 0 in maps.shape or not _floats(scores, maps):
        nothing = np.full(count, np.nan, np.float32)
        return Outputs(nothing, nothing[:, None, None], (Unscorable.WRONG_SHAPE,) * count)
    finite = np.isfinite(scores) & np.isfinite(maps).all(axis=(1, 2))
    problems = tuple(None if ok else Unscorable.NOT_FINITE for ok in finite)
    return Outputs(scores.astype(np.float32, copy=False), maps.astype(np.float32, copy=False), problems)


def _floats(*arrays: NDArray[Any]) -> bool:
    return all(np.issubdtype(array.dtype, np.floating) for array in arrays)


def _check_batch(batch: NDArray[np.uint8], shape: tuple[int, int, int]) -> None:
    if batch.dtype != np.uint8 or batch.shape[1:] != shape or not len(batch):
        raise Broken(f"model takes uint8 [N, {shape}], not {batch.dtype} {batch.shape}")
