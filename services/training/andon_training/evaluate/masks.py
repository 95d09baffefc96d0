"""A drawn mask becomes the defect pixels of the evaluation grid: those of the prepared frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from andon.images.decode import decode
from andon.images.limits import ImageLimits
from andon.images.prepare import Prepared, prepare
from andon.images.sniff import sniff
from andon.preparation import Preparation

Mask = NDArray[np.bool_]
EIGHT = np.ones((3, 3), np.int8)  # pixels that touch at a corner are one region, as on the line and in anomalib


@dataclass(frozen=True)
class DrawnMask:
    """`pixels`: bool [height, width] of the prepared frame. `drawn`: whether the file marks any pixel at all.
    `same_size`: whether the file has the size of its image.
    """

    pixels: Mask
    drawn: bool
    same_size: bool


def read_mask(data: bytes, image: Prepared, preparation: Preparation) -> DrawnMask:
    """The mask in the PNG `data`, of the frame that became `image`; whatever is not black is defect.

    A mask of another size is brought to its image's, by nearest pixel; then crop, resize and blanking are those of the
    image. A pixel is defect where at least half of it is; a region too thin for that keeps the pixels it touches, so
    that no defect is lost by making frames smaller. Raises Invalid when the mask cannot be decoded.
    """
    whole = _decoded(data)
    size = (image.original_width, image.original_height)
    same = (whole.shape[1], whole.shape[0]) == size
    fitted = whole if same else cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST)
    grid = _as_prepared(fitted, preparation.model_copy(update={"masks": ()})) >= 128
    _keep_thin_regions(grid, fitted, image.crop)
    if preparation.masks:
        grid &= _as_prepared(np.full_like(fitted, 255), preparation) > 0
    return DrawnMask(grid, bool(whole.any()), same)


def regions_of(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """The connected regions of `mask`, int32 [h, w] with 0 for none, and how many there are."""
    labels, count = ndimage.label(mask, structure=EIGHT)
    return labels, int(count)


def _decoded(data: bytes) -> NDArray[np.uint8]:
    """0 or 255 a pixel, [h, w]."""
    grey = Preparation(channels=1)
    pixels = decode(data, sniff(data, ImageLimits()), grey).pixels
    return np.where(pixels > 0, np.uint8(255), np.uint8(0))


def _as_prepared(mask: NDArray[np.uint8], preparation: Preparation) -> NDArray[np.uint8]:
    """`mask` [h, w] by the very code that prepares frames: uint8 [height, width]."""
    encoded = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    plain = preparation.model_copy(update={"channels": 1, "depth_range": None})
    return prepare(encoded, plain).tensor[..., 0]


def _keep_thin_regions(grid: Mask, mask: NDArray[np.uint8], crop: tuple[int, int, int, int]) -> None:
    """Marks in `grid` every pixel touched by a region of `mask` of which none is left."""
    x, y, width, height = crop
    labels, count = regions_of(mask[y : y + height, x : x + width] > 0)
    at_y, at_x = np.nonzero(labels)
    rows, columns = at_y * grid.shape[0] // height, at_x * grid.shape[1] // width
    region = labels[at_y, at_x]
    left = np.bincount(region, weights=grid[rows, columns], minlength=count + 1)
    lost = left[region] == 0
    grid[rows[lost], columns[lost]] = True
