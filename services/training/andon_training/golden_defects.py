"""Loud defects drawn into an encoded good frame, always the same ones: so a bundle proves that it sees something."""

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.images.header import many
from andon.images.npy import NPY_MAGIC

Image = NDArray[np.uint8] | NDArray[np.uint16]
MAX_PNG_BYTES = 512 * 1024


def cut_paste(image: Image, random: np.random.Generator) -> Image:
    """A block of the image, a fifth of its sides, turned by half a turn, darkened, and put down elsewhere.

    After CutPaste (Li et al. 2021).
    """
    height, width = image.shape[:2]
    tall, wide = max(4, height // 5), max(4, width // 5)
    block = _somewhere(image, tall, wide, random)[::-1, ::-1] * 0.5
    changed = image.copy()
    _somewhere(changed, tall, wide, random)[:] = block.astype(image.dtype)
    return changed


def scratch(image: Image, random: np.random.Generator) -> Image:
    """A bent line across half the image, bright on dark or dark on bright, about a hundredth of a side wide."""
    height, width = image.shape[:2]
    x = np.linspace(0.25, 0.75, 6) * width
    y = (random.uniform(0.35, 0.65, 6)) * height
    dark = image.mean() > np.iinfo(image.dtype).max / 2
    colour = (0 if dark else int(np.iinfo(image.dtype).max),) * 3
    points = np.stack([x, y], axis=1).round().astype(np.int32)
    changed = image.copy()
    if image.ndim == 2 or not many(image.shape[2]):
        return _painted(changed, points, colour)
    for i in range(image.shape[2]):  # OpenCV paints on at most four planes
        changed[..., i] = _painted(image[..., i].copy(), points, colour)
    return changed


def _painted(image: Image, points: NDArray[np.int32], colour: tuple[int, int, int]) -> Image:
    cv2.polylines(image, [points], False, colour, max(2, min(image.shape[:2]) // 80), cv2.LINE_AA)
    return image


LOUD: dict[str, Callable[[Image, np.random.Generator], Image]] = {"cut-paste": cut_paste, "scratch": scratch}


def with_defect(encoded: bytes, kind: str, seed: int = 0) -> tuple[bytes, str]:
    """The encoded image with a defect of `kind` drawn into it, and its suffix: PNG, or JPEG where that is too large.

    A .npy stays one. `encoded` has been decoded safely before. Raises ValueError when it is refused after all.
    """
    if encoded.startswith(NPY_MAGIC):
        planes: Image = np.load(BytesIO(encoded), allow_pickle=False)
        return _npy(LOUD[kind](planes, np.random.default_rng(seed))), "npy"
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ValueError("not an image OpenCV can decode")
    opaque = image[..., :3] if image.ndim == 3 else image
    changed = LOUD[kind](np.ascontiguousarray(opaque), np.random.default_rng(seed))
    data = cv2.imencode(".png", changed)[1].tobytes()
    if len(data) <= MAX_PNG_BYTES or changed.dtype != np.uint8:
        return data, "png"
    return cv2.imencode(".jpg", changed, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes(), "jpg"


def _npy(image: Image) -> bytes:
    file = BytesIO()
    np.save(file, image, allow_pickle=False)
    return file.getvalue()


def _somewhere(image: Image, tall: int, wide: int, random: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    top, left = random.integers(0, height - tall + 1), random.integers(0, width - wide + 1)
    view: Image = image[top : top + tall, left : left + wide]
    return view
