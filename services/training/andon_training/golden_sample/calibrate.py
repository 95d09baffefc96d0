"""The good frames a threshold rests on, and their scores: real repeats, or variations drawn where these are too few."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from andon.calibration import MIN_FRAMES
from andon.inference import Model
from andon.preparation import Preparation
from andon_training.golden_sample.sources import Reading, Tensor, check_unreadable
from andon_training.golden_sample.vary import Drawn
from andon_training.progress import Progress
from andon_training.sample import GoodFrame
from andon_training.source import Source
from andon_training.suspects import suspects

BATCH = 4

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Rests:
    """What calibration rests on. `scores` are float32 [n], of `frames` in the same order; `drawn` of them are drawn."""

    frames: tuple[GoodFrame, ...]
    scores: Singles
    drawn: int = 0
    offered: int = 0
    unreadable: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def score_repeats(
    repeats: Sequence[Source], known: set[str], model: Model, preparation: Preparation, progress: Progress
) -> Rests:
    """The repeats that are no reference themselves, without those that stand apart. Raises Mistake as the reading."""
    reading = Reading(known)
    frames, scores = _scored(reading.frames(repeats, preparation), model, len(repeats), progress)
    check_unreadable(reading)
    apart = suspects(scores) if len(scores) >= MIN_FRAMES else np.zeros(len(scores), np.bool_)
    names = [frame.source.name for frame, one in zip(frames, apart, strict=True) if one]
    return Rests(
        frames=tuple(frame for frame, one in zip(frames, apart, strict=True) if not one),
        scores=scores[~apart],
        offered=reading.offered,
        unreadable=tuple(reading.unreadable),
        left_out=tuple(f"{name}: stands apart from the others; is it a bad part, or no reference's?" for name in names),
    )


def with_drawn(
    rests: Rests, variations: Sequence[Drawn], model: Model, preparation: Preparation, progress: Progress
) -> Rests:
    """`rests` with drawn variations before its own frames."""
    drawn, scores = _scored(Reading(set()).frames(variations, preparation), model, len(variations), progress)
    return Rests(
        frames=(*drawn, *rests.frames),
        scores=np.concatenate([scores, rests.scores]),
        drawn=len(drawn),
        offered=rests.offered,
        unreadable=rests.unreadable,
        left_out=rests.left_out,
    )


def _scored(
    frames: Iterable[tuple[GoodFrame, Tensor]], model: Model, of: int, progress: Progress
) -> tuple[list[GoodFrame], Singles]:
    waiting, kept = iter(frames), list[GoodFrame]()
    scores: list[Singles] = []
    while batch := list(islice(waiting, BATCH)):
        scores.append(model.run(np.stack([tensor for _, tensor in batch])).score)
        kept += [frame for frame, _ in batch]
        progress("scoring", len(kept), of)
    return kept, np.concatenate([*scores, np.empty(0, np.float32)])
