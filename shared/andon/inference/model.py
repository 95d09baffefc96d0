"""A model and its backbone: frames in, scores, maps and embeddings out, and whether these can be read as such."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.errors import Broken
from andon.inference.session import Arrays, Session, rows_of
from andon.records.score import Unscorable

INPUT, SCORE, MAP = "frames", "score", "map"
EMBEDDING = "embedding"  # the one output more that a model may have

Features = Mapping[str, NDArray[np.float32]]
"""What a backbone gives for N frames: arrays of N rows, by the names its outputs and the head's inputs share."""


@dataclass(frozen=True)
class Outputs:
    """What a model says of N frames.

    `score` is float32 [N] and `map` float32 [N, h, w], raw. `problems` has N entries: None, or why this row must
    not be read as a score; its numbers then mean nothing. `embedding`, float32 [N, d], says what each picture is like;
    None where the model does not give it.
    """

    score: NDArray[np.float32]
    map: NDArray[np.float32]
    problems: tuple[Unscorable | None, ...]
    embedding: NDArray[np.float32] | None = None


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
        return self._judged(len(batch), {INPUT: batch})

    def judge(self, features: Features) -> Outputs:
        """Scores N frames by the features that its backbone gave for them. Raises Broken when the device fails."""
        return self._judged(rows_of(features), features)

    def _judged(self, count: int, given: Arrays) -> Outputs:
        return judge_outputs(count, *self.session.run(wanted_outputs(self.session), given))


def wanted_outputs(session: Session) -> tuple[str, ...]:
    """The names of what is asked of a model, in the order that `judge_outputs` takes them."""
    embeds = any(port.name == EMBEDDING for port in session.outputs)
    return (SCORE, MAP, EMBEDDING) if embeds else (SCORE, MAP)


def judge_outputs(count: int, score: Any, anomaly_map: Any, embedding: Any = None) -> Outputs:
    """Raw outputs for `count` frames as `Outputs`; what cannot be read as a score is named, row by row.

    So is a row whose embedding alone is not finite: what computed it cannot be trusted with the score.
    """
    scores, maps = np.asarray(score), np.asarray(anomaly_map)
    rows = np.zeros((count, 1), np.float32) if embedding is None else np.asarray(embedding)
    if not _fit(count, scores, maps, rows):
        nothing = np.full(count, np.nan, np.float32)
        return Outputs(nothing, nothing[:, None, None], (Unscorable.WRONG_SHAPE,) * count)
    finite = np.isfinite(scores) & np.isfinite(maps).all(axis=(1, 2)) & np.isfinite(rows).all(axis=1)
    problems = tuple(None if ok else Unscorable.NOT_FINITE for ok in finite)
    scores, maps, rows = (array.astype(np.float32, copy=False) for array in (scores, maps, rows))
    return Outputs(scores, maps, problems, None if embedding is None else rows)


def _fit(count: int, scores: NDArray[Any], maps: NDArray[Any], rows: NDArray[Any]) -> bool:
    """Whether these are [count], [count, h, w] and [count, d] floating-point numbers, none of them empty."""
    shaped = (scores.ndim, maps.ndim, rows.ndim) == (1, 3, 2) and 0 not in maps.shape + rows.shape
    return shaped and all(len(each) == count for each in (scores, maps, rows)) and _floats(scores, maps, rows)


def _floats(*arrays: NDArray[Any]) -> bool:
    return all(np.issubdtype(array.dtype, np.floating) for array in arrays)


def _check_batch(batch: NDArray[np.uint8], shape: tuple[int, int, int]) -> None:
    if batch.dtype != np.uint8 or batch.shape[1:] != shape or not len(batch):
        raise Broken(f"model takes uint8 [N, {shape}], not {batch.dtype} {batch.shape}")
