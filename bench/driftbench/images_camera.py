"""A camera that looks at real frames again and again, as a camera does: never quite the same picture twice.

For every frame: a part drawn at random; placed up to half a pixel elsewhere each way (evenly, so that no place between
two pixels is softer than another); lit by a lamp whose brightness wanders (an AR(1) of correlation 0.9 and standard
deviation 0.5 %); seen by a sensor with noise (Gaussian, 1.5 grey levels). A spoiler comes in between: what happens to
the light and in the lens before the noise is added, what happens to the signal after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from images_ramps import Spoiler
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Singles = NDArray[np.float32]
JITTER_PX = 0.5
FLICKER, FLICKER_CORRELATION = 0.005, 0.9
NOISE = 1.5
FIELDS, MARGIN = 6, 97


@dataclass
class Camera:
    """Takes pictures of `images`; the same seed takes the same ones."""

    images: Sequence[Image]
    seed: int
    lamp: float = 0.0

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def take_one(self, which: int, spoiler: Spoiler, severity: float) -> Image:
        """A picture of the part `which` that differs between two severities by the severity alone."""
        self.random, self.lamp = np.random.default_rng([self.seed, which]), 0.0
        return self._taken(which, spoiler, severity)

    def take(self, spoiler: Spoiler, severity: float) -> Image:
        """The next picture, of any part, spoilt so much (0..1)."""
        return self._taken(int(self.random.integers(len(self.images))), spoiler, severity)

    def _taken(self, i: int, spoiler: Spoiler, severity: float) -> Image:
        scene = self._placed(self.images[i], spoiler.move * severity).astype(np.float32) * np.float32(
            1 + self._flicker()
        )
        seen = spoiler.light(scene, severity) + NOISE * self._noise(scene.shape)
        return np.asarray(spoiler.signal(np.clip(np.rint(seen), 0, 255).astype(np.uint8), severity, self.random))

    def _flicker(self) -> float:
        fresh = self.random.normal(0, FLICKER * np.sqrt(1 - FLICKER_CORRELATION**2))
        self.lamp = FLICKER_CORRELATION * self.lamp + float(fresh)
        return self.lamp

    def _placed(self, image: Image, to_the_right: float) -> Image:
        height, width = image.shape[:2]
        right, down = self.random.uniform(-JITTER_PX, JITTER_PX, 2)
        move = np.array([[1, 0, right + to_the_right * width], [0, 1, down]])
        return np.asarray(cv2.warpAffine(image, move, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8)

    def _noise(self, shape: tuple[int, ...]) -> Singles:
        """Standard normal: cut at random out of a few larger fields, which takes a tenth of the time of drawing it."""
        y, x = self.random.integers(0, MARGIN, 2).tolist()
        return field(int(self.random.integers(FIELDS)), shape)[y : y + shape[0], x : x + shape[1]]


@cache
def field(which: int, shape: tuple[int, ...]) -> Singles:
    """Noise for pictures of `shape`, with a margin to cut it at another place every time."""
    larger = (shape[0] + MARGIN, shape[1] + MARGIN, *shape[2:])
    return np.random.default_rng(which).standard_normal(larger, np.float32)
