"""Frames to look at: the inspected part beside its heat map, as JPEG data URIs that need no other file."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.images.limits import ImageLimits
from andon.images.preview import preview
from andon.images.sniff import sniff
from andon.preparation import Preparation
from andon_training.evaluate.masks import Mask
from andon_training.evaluate.pixels import upsampled
from andon_training.evaluate.score import Scored

SIDE = 320  # of a picture's longer side, in pixels
QUALITY = 82
OUTLINE = (255, 255, 0)  # cyan, in BGR: on neither a grey part nor the heat
EDGE = (255, 255, 255)  # where the map passes the threshold
HEAT = (  # share of the heat scale, red, green, blue, opacity: nothing below a half of the threshold
    (0.0, 255, 221, 87, 0.0),
    (0.25, 255, 221, 87, 0.0),
    (0.5, 255, 176, 32, 0.5),
    (0.75, 232, 63, 28, 0.72),
    (1.0, 139, 0, 66, 0.85),
)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class HeatScale:
    """What the colours mean, in raw values: the same in every picture. The threshold lies halfway."""

    low: float
    high: float

    def shares(self, anomaly_map: NDArray[np.float32]) -> NDArray[np.float32]:
        """0 at `low` and below, 1 at `high` and above."""
        shares: NDArray[np.float32] = np.clip((anomaly_map - self.low) / (self.high - self.low), 0, 1)
        return shares


@dataclass(frozen=True)
class Pair:
    """A frame and its heat map, as data URIs; both `width` x `height` pixels."""

    frame: str
    heat: str
    width: int
    height: int


def heat_scale(threshold: float, frames: Sequence[Scored]) -> HeatScale:
    """From 0 to twice the threshold, as on the line; below a threshold that is not positive, from the lowest value."""
    low = 0.0 if threshold > 0 else min(float(each.map.min()) for each in frames)
    return HeatScale(low, 2 * threshold - low) if threshold > low else HeatScale(threshold - 1, threshold + 1)


def pair(each: Scored, preparation: Preparation, scale: HeatScale) -> Pair:
    """The frame and its heat map, its drawn defect outlined in both. Raises OSError when the file is gone."""
    image = _inspected(each.frame.path.read_bytes(), preparation)
    height, width = image.shape[:2]
    shares = scale.shares(upsampled(each.map, (height, width)))
    heat = _blended(image, shares)
    _outline(heat, shares > 0.5, EDGE)
    for picture in (image, heat):
        if each.mask is not None:
            _outline(picture, _resized(each.mask, width, height), OUTLINE)
    return Pair(_jpeg_uri(image), _jpeg_uri(heat), width, height)


def whole_frame(data: bytes, preparation: Preparation) -> Picture:
    """The whole image, small, BGR [h, w, 3], its channels as `preparation` sees them. Raises Invalid."""
    return _inspected(data, preparation.model_copy(update={"crop": None, "masks": ()}))


def with_heat(image: Picture, shares: NDArray[np.float32]) -> Picture:
    """`image` in grey under the heat, with the edge of what is above the threshold. `shares` [h, w], of HeatScale."""
    heat = _blended(image, shares)
    _outline(heat, shares > 0.5, EDGE)
    return heat


def picture_uri(picture: Picture) -> str:
    """BGR [h, w, 3] as a data URI."""
    return _jpeg_uri(picture)


def heat_gradient() -> str:
    """The heat scale as the stops of a CSS gradient."""
    return ", ".join(f"rgb({r} {g} {b} / {opacity}) {at:.0%}" for at, r, g, b, opacity in HEAT)


def _inspected(data: bytes, preparation: Preparation) -> Picture:
    """The part that is inspected, in its own proportions, BGR [h, w, 3]."""
    header = sniff(data, ImageLimits())
    crop = preparation.crop
    width, height = (crop.width, crop.height) if crop else (header.width, header.height)
    size = {"width": max(8, SIDE * width // max(width, height)), "height": max(8, SIDE * height // max(width, height))}
    shown = preparation.model_copy(update=size)
    image: Picture = cv2.cvtColor(preview(data, shown), cv2.COLOR_RGB2BGR)
    return image


def _blended(image: Picture, shares: NDArray[np.float32]) -> Picture:
    """The heat over the image in grey."""
    stops = np.array(HEAT)
    blue, green, red, opacity = (np.interp(shares, stops[:, 0], stops[:, i]) for i in (3, 2, 1, 4))
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., np.newaxis]
    mixed = grey * (1 - opacity[..., np.newaxis]) + np.dstack([blue, green, red]) * opacity[..., np.newaxis]
    return np.ascontiguousarray(np.rint(mixed).astype(np.uint8))


def _resized(mask: Mask, width: int, height: int) -> Mask:
    grown: Mask = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return grown


def _outline(picture: Picture, mask: Mask, colour: tuple[int, int, int]) -> None:
    """Draws the edge of `mask` into `picture`."""
    lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, lines, -1, colour, 2, cv2.LINE_AA)


def _jpeg_uri(picture: Picture) -> str:
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
