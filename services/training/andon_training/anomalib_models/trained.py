"""A trained anomalib model as export takes it: the torch module, the frames it looks at, and how they become its input.

Needs no torch: what is in `module` is known to those who have it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.preparation import Preparation

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Front:
    """How a frame becomes a module's input: uint8 [N, H, W, C] to float32 [N, 3, H, W], pixel by pixel.

    x / 255 @ weight.T + bias, with `weight` float32 [3, C] and `bias` float32 [3]: grey repeats, many channels are
    projected, and what the model subtracts and divides by (ImageNet's mean and spread, mostly) is folded in.
    """

    weight: Singles
    bias: Singles

    @property
    def channels(self) -> int:
        """C, of the frames it takes."""
        return int(self.weight.shape[1])

    def __call__(self, frames: NDArray[np.uint8]) -> Singles:
        """float32 [N, 3, H, W], of uint8 [N, H, W, C]."""
        pixels = frames.astype(np.float32) / np.float32(255) @ self.weight.T + self.bias
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)


@dataclass(frozen=True)
class Trained:
    """A trained model. `module` is the torch model inside anomalib's (`torch.nn.Module`), in eval mode, on the CPU.

    `name` is the model's as the operator wrote it, normalised: `padim`. `settings` are what it was trained with.
    """

    name: str
    module: Any
    preparation: Preparation
    front: Front
    settings: Mapping[str, int | float | str]


def front_for(channels: int, mean: tuple[float, ...], spread: tuple[float, ...]) -> Front:
    """The front of a model that wants RGB in 0..1 less `mean`, over `spread` (three each), for frames of `channels`.

    1 channel is repeated, 3 are RGB; any other number is cut into three runs of neighbours, and each run averaged,
    which keeps spectral order: a network that was pretrained on RGB has no better use for more.
    """
    mixed = _mixed(channels)
    over = np.asarray(spread, np.float32)
    return Front(
        weight=(mixed / over[:, np.newaxis]).astype(np.float32),
        bias=(-np.asarray(mean, np.float32) / over).astype(np.float32),
    )


def _mixed(channels: int) -> Singles:
    """float32 [3, channels], each row a mean."""
    if channels == 3:
        return np.eye(3, dtype=np.float32)
    mixed = np.zeros((3, channels), np.float32)
    for row in range(3):
        low, high = row * channels // 3, max((row + 1) * channels // 3, row * channels // 3 + 1)
        mixed[row, low:high] = 1 / (high - low)
    return mixed
