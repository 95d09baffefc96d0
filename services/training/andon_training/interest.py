"""Where frames show something: where drawn defects belong, and what lighting must not cut off."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_FRAMES = 16
PLAIN = 0.2  # of the mean interest: what the plainest pixel has
REACH = 1 / 24  # of the shorter side: over which local contrast is taken

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Interest:
    """How much each pixel of a frame matters, float32 [h, w], 1 on average."""

    weight: Singles

    @cached_property
    def _rising(self) -> NDArray[np.float64]:
        whole = np.cumsum(self.weight.ravel(), dtype=np.float64)
        rising: NDArray[np.float64] = whole / whole[-1]
        return rising

    def somewhere(self, random: np.random.Generator) -> tuple[int, int]:
        """Row and column of a pixel, as likely as it matters."""
        at = int(np.searchsorted(self._rising, random.random(), side="right"))
        row, column = divmod(min(at, self.weight.size - 1), self.weight.shape[1])
        return row, column


def everywhere(shape: tuple[int, ...]) -> Interest:
    """Each pixel of a frame of `shape`, (h, w, ...), alike."""
    return Interest(np.ones(shape[:2], np.float32))


def interest(frames: NDArray[np.uint8]) -> Interest:
    """Where frames, uint8 [n, h, w, c], show something: a part more than plain ground, a texture all over alike.

    Half goes by local contrast, half by how far the middle of all frames is from the tone of their border.
    """
    greys = frames[:: max(1, len(frames) // MOST_FRAMES)].mean(axis=3, dtype=np.float32)
    reach = max(3, round(REACH * min(greys.shape[1:])))
    contrast = np.mean([_local_contrast(grey, reach) for grey in greys], axis=0)
    middle = np.median(greys, axis=0)
    border = np.concatenate([middle[0], middle[-1], middle[:, 0], middle[:, -1]])
    away = cv2.blur(np.abs(middle - np.median(border)).astype(np.float32), (reach, reach))
    weight = PLAIN + sum(part / max(float(part.mean()), 1.0) for part in (contrast, away))
    return Interest((weight / weight.mean()).astype(np.float32))


def _local_contrast(grey: Singles, reach: int) -> Singles:
    """The standard deviation of the `reach` x `reach` pixels around each, in grey levels."""
    mean, square = cv2.blur(grey, (reach, reach)), cv2.blur(grey * grey, (reach, reach))
    contrast: Singles = np.sqrt(np.maximum(square - mean * mean, 0))
    return contrast
