"""An exported model learns what good frames are like as a whole, and says of any frame how far it is from that."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.inference import EMBEDDING
from andon_training.embedding import Pooled, learn_look, pooled, with_embedding
from andon_training.export.options import Exported
from andon_training.memory.graph import Wiring
from andon_training.session import cpu_session

MOST_FRAMES = 64  # looked at, spread over all
BATCH = 8

Frames = NDArray[np.uint8]


def embedding_too(exported: Exported, frames: Frames) -> Exported:
    """`exported` with an embedding learned from good `frames`, uint8 [n, H, W, C]; as it is where it names no features,
    or all frames are alike to it.
    """
    look = learn_look(list(_looked(exported, _spread(frames)))) if exported.features else None
    if look is None:
        return exported
    model = with_embedding(exported.model, exported.features, look)
    return replace(exported, model=model, settings={**exported.settings, EMBEDDING: look.numbers})


def _looked(exported: Exported, frames: Frames) -> Iterator[Pooled]:
    """The features of `frames`, pooled, in the order of `exported.features`."""
    session: Any = cpu_session(Wiring(exported.seen).show(*exported.features))
    names = list(exported.features)
    runs = [_pooled(session.run(names, {"frames": batch})) for batch in _batches(frames)]
    for maps in zip(*runs, strict=True):
        yield Pooled(np.concatenate([each.mean for each in maps]), np.concatenate([each.spread for each in maps]))


def _pooled(maps: Sequence[NDArray[np.float32]]) -> list[Pooled]:
    return [pooled(each.transpose(0, 2, 3, 1)) for each in maps]


def _batches(frames: Frames) -> Iterator[Frames]:
    for start in range(0, len(frames), BATCH):
        yield frames[start : start + BATCH]


def _spread(frames: Frames) -> Frames:
    most = min(len(frames), MOST_FRAMES)
    return frames[np.arange(most) * len(frames) // most]
