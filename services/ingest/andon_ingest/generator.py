"""Draws what a camera above a line would see: parts that jitter, light that wanders, and now and then a defect.

Everything follows from the random generator that is passed in, so a demonstration can be told again.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from andon_ingest import defects
from andon_ingest.styles import Image, Random, can_miss, design

SIZE = (512, 512)
TILE = 256  # how far a camera's noise pattern may be shifted between frames, in pixels


class DefectKind(StrEnum):
    """What can be wrong with a part."""

    SCRATCH = "scratch"
    STAIN = "stain"
    MISSING = "missing"
    EXTRA = "extra"
    CRACK = "crack"


PAINT: dict[DefectKind, defects.Paint] = {
    DefectKind.SCRATCH: defects.scratch,
    DefectKind.STAIN: defects.stain,
    DefectKind.EXTRA: defects.extra,
    DefectKind.CRACK: defects.crack,
}


@dataclass(frozen=True, slots=True)
class Part:
    """`image`: uint8 BGR [h, w, 3]. The truth: `defect`, None for a good part, and `mask`, uint8 [h, w], 255 where
    the defect is in the image.
    """

    image: Image
    defect: DefectKind | None
    mask: Image

    @property
    def defective(self) -> bool:
        return self.defect is not None


def draw_part(rng: Random, station_style: int, defect: DefectKind | None = None, size: tuple[int, int] = SIZE) -> Part:
    """One part of a station, photographed. `size` is (width, height), at least 64 each.

    2 ms of one core at 512x512, with a stain 6.
    """
    image, mask = _made(rng, station_style, defect, size)
    image, mask = _posed(rng, image, mask)
    return Part(_photographed(rng, image), defect, mask)


def encode_jpeg(image: Image, quality: int = 90) -> bytes:
    """`image` (uint8, BGR or grey) as a baseline JPEG."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"an image of shape {image.shape} and {image.dtype} cannot be a JPEG")
    return bytes(data)


def _made(rng: Random, station_style: int, defect: DefectKind | None, size: tuple[int, int]) -> tuple[Image, Image]:
    """The part as made, and where it went wrong."""
    missing = int(rng.integers(can_miss(station_style))) if defect is DefectKind.MISSING else None
    drawn = design(station_style, size, missing)
    image = drawn.image.copy()
    mask: Image = np.zeros(image.shape[:2], np.uint8)
    if drawn.spot:
        cv2.circle(mask, drawn.spot[:2], drawn.spot[2], 255, -1)
    elif defect is not None:
        mask = PAINT[defect](image, _place(rng, drawn.surface), min(size) / 512, rng)
        mask = cv2.bitwise_and(mask, drawn.surface)
        image = np.where(drawn.surface[..., np.newaxis], image, drawn.image)
    return image, mask


def _place(rng: Random, surface: Image) -> tuple[float, float]:
    """A point on the part, away from the image's rim."""
    height, width = surface.shape
    while True:
        x, y = rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.85) * height
        if surface[int(y), int(x)]:
            return x, y


def _posed(rng: Random, image: Image, mask: Image) -> tuple[Image, Image]:
    """Turned by up to a degree and moved by up to half a percent, as parts on a belt are."""
    height, width = mask.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(np.clip(rng.normal(0, 0.3), -1, 1)), 1.0)
    matrix[:, 2] += np.clip(rng.normal(0, 0.0025, 2), -0.005, 0.005) * (width, height)
    posed: Image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    if not mask.any():
        return posed, mask
    moved: Image = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_NEAREST)
    return posed, ((moved > 127) * np.uint8(255)).astype(np.uint8)


def _photographed(rng: Random, image: Image) -> Image:
    """Under a lamp that is not quite even or constant, through a sensor that is not quite quiet."""
    lit: Image = cv2.multiply(image, _light(rng, image.shape[1], image.shape[0]), dtype=cv2.CV_8U)
    height, width = image.shape[:2]
    x, y = rng.integers(0, TILE, 2)
    noise = _sensor_noise(width + TILE, height + TILE)[y : y + height, x : x + width]
    noisy: Image = cv2.add(lit, noise, dtype=cv2.CV_8U)
    return noisy


def _light(rng: Random, width: int, height: int) -> NDArray[np.float32]:
    """A gain for each pixel, [h, w, 3]: brightness, a slope, darker corners."""
    level, slope_x, slope_y = rng.normal(1, 0.025), *rng.normal(0, 0.03, 2)
    ys, xs = np.mgrid[-1:1:9j, -1:1:9j]
    gain = level + slope_x * xs + slope_y * ys - 0.06 * (xs**2 + ys**2)
    full = cv2.resize(gain.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.merge([full] * 3)  # type: ignore[no-any-return]


@lru_cache(maxsize=4)
def _sensor_noise(width: int, height: int) -> NDArray[np.int16]:
    """A pattern larger than the frame; each frame sees another window of it. Sigma 3 grey levels."""
    noise = np.random.default_rng(width * 65536 + height).standard_normal((height, width, 3), np.float32)
    pattern: NDArray[np.int16] = np.rint(noise * 3).astype(np.int16)
    pattern.flags.writeable = False
    return pattern
