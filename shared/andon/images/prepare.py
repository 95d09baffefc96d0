"""From the bytes of a frame to the tensor of its model, safely: at training and on the line alike."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.errors import Invalid
from andon.health import ImageHealth
from andon.images.decode import Decoded, Pixels, decode, inspected
from andon.images.framing import measure_framing
from andon.images.header import many
from andon.images.health import grey_of, measure_small, small_copy
from andon.images.limits import ImageLimits
from andon.images.sniff import sniff
from andon.preparation import Box, Preparation
from andon.reasons import Reason


@dataclass(frozen=True, slots=True)
class Prepared:
    """`tensor`: uint8 [height, width, channels], C-contiguous, RGB or the planes in their order. `crop`: what of the
    original it shows, as (x, y, width, height) in original pixels. `health` is of the tensor's own pixels, before
    masks blank any: after 16 became 8 bits, because black and white are what `depth_range` says they are. A colour
    image prepared in grey is measured in grey: its colours cannot reach the score. `framing` says where things stand
    in the same picture (`andon.framing`).
    """

    tensor: NDArray[np.uint8]
    original_width: int
    original_height: int
    crop: tuple[int, int, int, int]
    health: ImageHealth
    framing: str


def prepare(
    data: bytes, preparation: Preparation, *, sha256: str | None = None, limits: ImageLimits | None = None
) -> Prepared:
    """The tensor that `preparation` makes of an encoded image.

    `sha256` is what the image's maker says the bytes hash to; None is not checked. Raises Invalid, and
    nothing else, for bad bytes: what `sniff` raises, CHECKSUM_MISMATCH, DECODE_FAILED, WRONG_CHANNELS, BAD_CROP.
    """
    limits = limits or ImageLimits()
    if sha256 is not None and 0 < len(data) <= limits.max_bytes:
        verify_checksum(data, sha256)
    header = sniff(data, limits)
    box = inspected(header, preparation)
    image = _eight_bits(_resized(_cropped(decode(data, header, preparation), box), preparation), preparation)
    small = small_copy(image)
    grey = grey_of(small)
    health, framing = measure_small(small, grey), measure_framing(grey)
    tensor = _channels(_masked(image, preparation), preparation.channels)
    return Prepared(tensor, header.width, header.height, (box.x, box.y, box.width, box.height), health, framing)


def verify_checksum(data: bytes, sha256: str) -> None:
    """Raises Invalid(CHECKSUM_MISMATCH) unless `data` hashes to `sha256` (hex)."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        detail = f"{len(data)} bytes hash to {found[:12]}..., their maker said {sha256[:12]!r}..."
        raise Invalid(Reason.CHECKSUM_MISMATCH, detail)


def _cropped(decoded: Decoded, box: Box) -> Pixels:
    """The box, to the nearest decoded pixel: a view."""
    step = decoded.reduction
    left, top = round(box.x / step), round(box.y / step)
    right, bottom = round((box.x + box.width) / step), round((box.y + box.height) / step)
    return decoded.pixels[top:bottom, left:right]


def _resized(image: Pixels, preparation: Preparation) -> Pixels:
    """Area averaging where a side shrinks (no defect falls between samples), then linear where one grows."""
    height, width = image.shape[:2]
    smaller = min(width, preparation.width), min(height, preparation.height)
    return _resize(_resize(image, smaller, cv2.INTER_AREA), (preparation.width, preparation.height), cv2.INTER_LINEAR)


def _resize(image: Pixels, size: tuple[int, int], how: int) -> Pixels:
    if (image.shape[1], image.shape[0]) == size:
        return image
    if image.ndim == 3 and many(image.shape[2]):  # of more than 4 planes OpenCV takes no area mean
        return np.dstack([_resize(plane, size, how) for plane in cv2.split(image)])
    resized: Pixels = cv2.resize(image, size, interpolation=how)
    return resized


def _eight_bits(image: Pixels, preparation: Preparation) -> NDArray[np.uint8]:
    """uint16 to uint8: `depth_range` maps linearly to 0..255, rounded, clipped at both ends."""
    if image.dtype == np.uint8:
        return image  # type: ignore[return-value]
    low, high = preparation.depth_range or (0, 65535)
    levels = (image.astype(np.float32) - low) * (255 / (high - low))
    eight: NDArray[np.uint8] = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return eight


def _masked(image: NDArray[np.uint8], preparation: Preparation) -> NDArray[np.uint8]:
    if not preparation.masks:
        return image
    masked: NDArray[np.uint8] = cv2.bitwise_and(image, image, mask=_seen(preparation))
    return masked


@lru_cache(maxsize=64)
def _seen(preparation: Preparation) -> NDArray[np.uint8]:
    """255 where the tensor is seen, 0 where a mask touches it: [height, width]. Corners to 1/16 pixel."""
    seen = np.full((preparation.height, preparation.width), 255, np.uint8)
    scale = np.array([preparation.width, preparation.height]) * 16
    for polygon in preparation.masks:
        corners = np.rint(np.array(polygon) * scale - 8).astype(np.int32)  # pixel centres are at whole numbers
        cv2.fillPoly(seen, [corners], 0, shift=4)
    seen.flags.writeable = False
    return seen


def _channels(image: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """[h, w], BGR [h, w, 3] or [h, w, planes] as [h, w, channels], colour as RGB, contiguous and writable."""
    if many(channels) or channels == 1:
        return np.require(image, requirements=["C", "W"]).reshape(*image.shape[:2], channels)
    rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB if image.ndim == 3 else cv2.COLOR_GRAY2RGB)
    return rgb
