"""How one frame looks, in 5 KB: all that is kept of it while a set is curated.

Everything is measured on the frame made 256x256 by the preparation of a fit: blur that a model could not see is none.
Of many planes their mean is looked at, as a grey image.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.errors import Invalid
from andon.health import ImageHealth
from andon.ids import sha256_hex
from andon.images.header import many
from andon.images.health import mean_of_planes, measure
from andon.images.limits import ImageLimits
from andon.images.prepare import prepare
from andon.images.sniff import sniff
from andon.preparation import Preparation
from andon_training.curate.style import crispness, detail, levels, style

SIDE = 256
THUMB = 32
AS_SEEN = Preparation(width=SIDE, height=SIDE, channels=3)

Pixels8 = NDArray[np.uint8]
Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Look:
    """One readable frame. `digest`: sha256 of what was looked at. `width`, `height`, `channels`: of the original.

    `thumb`: float32 [32, 32], brightness 0 to 255, area averages. `highlights`: the brightness 95 % of it stays
    under, of white. `detail`: float32 [4], natural logarithm of the energy of structure by size, finest first.
    `crispness`: 0 to 1, how much of its edges another blur takes. `style`: float32 [19], how textures, edges and
    colours are distributed.
    """

    name: str
    digest: str
    width: int
    height: int
    channels: int
    health: ImageHealth
    thumb: Singles
    highlights: float
    detail: Singles
    crispness: float
    style: Singles


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that cannot be read, and why."""

    name: str
    problem: str


class Readable(Protocol):
    """A file, or what reads like one."""

    def read_bytes(self) -> bytes:
        """All of it. Raises OSError."""


def look(name: str, data: bytes, limits: ImageLimits | None = None) -> Look | Unreadable:
    """How the encoded image `data` looks."""
    limits = limits or ImageLimits()
    try:
        header = sniff(data, limits)
        tensor = prepare(data, _as_seen(header.channels), limits=limits).tensor
    except Invalid as error:
        return Unreadable(name, str(error))
    return _look(name, tensor, sha256_hex(data), (header.width, header.height, header.channels))


def look_in(name: str, source: Readable) -> Look | Unreadable:
    """How the encoded image that `source` holds looks, where it can be read."""
    try:
        return look(name, source.read_bytes())
    except OSError as error:
        return Unreadable(name, error.strerror or str(error))


def look_at(name: str, tensor: Pixels8) -> Look:
    """How a prepared frame looks: uint8 [h, w, c], RGB, grey or planes, of any size, but one for a whole set."""
    height, width, channels = tensor.shape
    return _look(name, tensor, sha256_hex(tensor.tobytes()), (width, height, channels))


def _look(name: str, tensor: Pixels8, digest: str, original: tuple[int, int, int]) -> Look:
    rgb = _square(tensor)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    thumb = cv2.resize(grey.astype(np.float32), (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    by_size, brightness = detail(grey), levels(grey)
    return Look(
        name,
        digest,
        *original,
        health=measure(grey),
        thumb=thumb,
        highlights=float(brightness[-1]),
        detail=by_size,
        crispness=crispness(grey),
        style=style(rgb, grey, by_size, brightness),
    )


def _as_seen(channels: int) -> Preparation:
    return AS_SEEN.model_copy(update={"channels": channels}) if many(channels) else AS_SEEN


def _square(tensor: Pixels8) -> Pixels8:
    """uint8 [256, 256, 3]."""
    grey = mean_of_planes(tensor) if many(tensor.shape[2]) else tensor
    rgb = grey if grey.shape[2:] == (3,) else cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if rgb.shape[:2] == (SIDE, SIDE):
        return rgb
    shrinks = max(rgb.shape[:2]) > SIDE
    square: Pixels8 = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return square
