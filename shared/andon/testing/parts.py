"""Drawn parts, for tests of what learns and remembers: uint8 [128, 128] each, no two alike."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def part(seed: int) -> Picture:
    """A good part: a bright disc on cast ground."""
    random = np.random.default_rng(seed)
    image = np.full((128, 128), 100.0) + random.normal(0, 5)
    cv2.circle(image, _place(seed), 34, 180.0, -1, cv2.LINE_AA)
    image += cv2.resize(random.normal(0, 6, (16, 16)), (128, 128), interpolation=cv2.INTER_CUBIC)
    drawn: Picture = np.clip(image + random.normal(0, 3, (128, 128)), 0, 255).astype(np.uint8)
    return drawn


def labelled(seed: int) -> Picture:
    """A good part with a label on it."""
    image, (x, y) = part(seed), _place(seed)
    cv2.rectangle(image, (x - 16, y - 10), (x + 16, y + 10), 250, -1)
    for bar in range(x - 12, x + 13, 6):
        cv2.line(image, (bar, y - 6), (bar, y + 6), 20, 2)
    return image


def scratched(seed: int) -> Picture:
    """A defect: a dark line across the disc."""
    image = part(seed)
    y = 50 + seed % 25
    cv2.line(image, (40, y), (80, y + 9), 60, 2)
    return image


def png(image: Picture) -> bytes:
    """The encoded image."""
    return bytes(cv2.imencode(".png", image)[1].tobytes())


def _place(seed: int) -> tuple[int, int]:
    x, y = (60 + 4 * np.random.default_rng(seed).integers(0, 3, 2)).tolist()
    return x, y
