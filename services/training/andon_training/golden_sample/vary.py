"""Variations of a reference, as a camera would take it again: what calibration rests on without repeats.

They move, dim, tilt the light, defocus, add noise and compress. They are no other parts: how good parts
differ from each other is not in them, and so the bundle says what its threshold rests on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from andon_training.golden_sample.pixels import References

LEAST, MOST = 100, 200  # drawn in all, if there are not more references than that
MOST_SHIFT = 2.0  # pixels
MOST_TURN = 0.05  # degrees
GAIN, OFFSET, TILT = 0.03, 2.0, 0.01  # standard deviations: of 1, in grey levels, of 1 from the middle to the edge
MOST_BLUR = 0.6  # sigma in pixels
NOISE = (1.0, 3.0)  # sigma in grey levels
QUALITY = (85, 95)  # JPEG

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Drawn:
    """A drawn variation as a source: encoded again whenever it is read, the same bytes every time."""

    name: str
    reference: Image
    seed: int

    def read_bytes(self) -> bytes:
        """The variation as JPEG."""
        random = np.random.default_rng(self.seed)
        image = vary(self.reference, random)
        bgr = image if image.shape[2] == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        quality = int(random.integers(*QUALITY, endpoint=True))
        return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def variations(names: Sequence[str], references: References) -> list[Drawn]:
    """LEAST or more, of each reference in turn; one each of more references, MOST at most."""
    count = min(max(LEAST, len(names)), MOST)
    order = [i * len(names) // count if len(names) > count else i % len(names) for i in range(count)]
    return [Drawn(f"{names[at]}, variation {i}", references[at], i) for i, at in enumerate(order)]


def vary(image: Image, random: np.random.Generator) -> Image:
    """`image`, uint8 [h, w, c] with c 1 or 3, as another shot of the same part."""
    moved = _moved(image.astype(np.float32), random)
    blurred = cv2.GaussianBlur(moved, (0, 0), max(0.1, random.uniform(0, MOST_BLUR))).reshape(image.shape)
    gain = 1 + random.normal(0, GAIN) + _tilt(image.shape, random)
    noise = random.normal(0, random.uniform(*NOISE), image.shape)
    seen: Image = np.clip(np.rint(blurred * gain + random.normal(0, OFFSET) + noise), 0, 255).astype(np.uint8)
    return seen


def _moved(image: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-MOST_TURN, MOST_TURN), 1.0)
    matrix[:, 2] += random.uniform(-MOST_SHIFT, MOST_SHIFT, 2)
    moved: NDArray[np.float32] = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return moved.reshape(image.shape)


def _tilt(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Light that is stronger on one side: [h, w, 1], 0 in the middle."""
    across, down = random.normal(0, TILT, 2)
    rows, columns = np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1])
    tilt: NDArray[np.float64] = (rows[:, np.newaxis] * down + columns * across)[..., np.newaxis]
    return tilt
