"""Pictures for people out of encoded images and heat maps. Whatever the bytes, only Invalid is raised.

Import this where it is used: it loads cv2, whose pixel limit is set before (`andon.images.opencv`).
"""

import base64
import binascii
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.errors import Invalid
from andon.images.decode import decode
from andon.images.header import Header, many
from andon.images.limits import ImageLimits
from andon.images.preview import preview
from andon.images.sniff import sniff
from andon.preparation import Box, Preparation
from andon.reasons import Reason

QUALITY = 85
LEAST_SIDE = 8  # what a preparation allows
HEAT_SIDE = 640  # of the overlay's longer side: the map has at most 64 cells, smoothed
HEAT_LIMITS = ImageLimits(max_bytes=256 * 1024, max_pixels=256 * 256)
HEAT = (  # grey level of the map, 128 is the threshold; red, green, blue, opacity: nothing below a half of it
    (0, 255, 214, 70, 0.0),
    (64, 255, 214, 70, 0.0),
    (128, 255, 168, 20, 0.50),
    (192, 240, 62, 36, 0.72),
    (255, 214, 20, 120, 0.86),
)
EDGE_DARK, EDGE_LIGHT = (20, 20, 20, 200), (255, 255, 255, 255)  # where it passes the threshold, on any ground
PAPER, INK = 232, 60

Picture = NDArray[np.uint8]


def picture(data: bytes, side: int, limits: ImageLimits) -> bytes:
    """A JPEG of an encoded image, its longer side `side` pixels at most; never larger than the image is."""
    header = sniff(data, limits)
    share = min(1.0, side / max(header.width, header.height))
    size = {"width": _scaled(header.width, share), "height": _scaled(header.height, share)}
    shown = Preparation(depth_range=_depth(data, header)).model_copy(update=size)
    return _jpeg(cv2.cvtColor(preview(data, shown, limits), cv2.COLOR_RGB2BGR))


def heat_overlay(heat_map: str, crop: Box | None, width: int, height: int) -> bytes:
    """A PNG with transparency over a whole frame of `width` x `height` pixels, the heat map of a score (base64 of an
    8-bit grey PNG, 128 is the threshold) where its bundle looked: in `crop`, or everywhere. Raises Invalid."""
    grey = _grey(heat_map)
    box = crop or Box(x=0, y=0, width=width, height=height)
    if min(width, height) < 1 or box.x + box.width > width or box.y + box.height > height:
        raise Invalid(Reason.BAD_CROP, f"its bundle looks beyond this image of {width}x{height} pixels")
    share = min(1.0, HEAT_SIDE / max(width, height))
    levels = np.zeros((_scaled(height, share), _scaled(width, share)), np.uint8)
    left, top = int(box.x * share), int(box.y * share)
    right, bottom = max(left + 1, round((box.x + box.width) * share)), max(top + 1, round((box.y + box.height) * share))
    inside = levels[top:bottom, left:right]
    inside[:] = cv2.resize(grey, (inside.shape[1], inside.shape[0]), interpolation=cv2.INTER_LINEAR)
    return _png(_coloured(levels))


def sorry(lines: Sequence[str], width: int, height: int) -> bytes:
    """A JPEG that says something, for where a picture would be; the letters are as large as the longest line lets."""
    paper: Picture = np.full((height, width), PAPER, np.uint8)
    cv2.rectangle(paper, (0, 0), (width - 1, height - 1), INK + 90, 1)
    told = [line.encode("ascii", "replace").decode() for line in lines]
    widest = max((_wide(line, 1.0) for line in told), default=1)
    scale = min(0.9 * width / max(1, widest), height / 260)
    step = round(36 * scale)
    for i, line in enumerate(told):
        y = round(height / 2 + (i - (len(told) - 1) / 2) * step + 11 * scale)
        place = ((width - _wide(line, scale)) // 2, y)
        cv2.putText(paper, line, place, cv2.FONT_HERSHEY_SIMPLEX, scale, INK, max(1, round(scale)), cv2.LINE_AA)
    return _jpeg(paper)


def _wide(line: str, scale: float) -> int:
    return int(cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, max(1, round(scale)))[0][0])


def _scaled(length: int, share: float) -> int:
    return max(LEAST_SIDE, round(length * share))


def _depth(data: bytes, header: Header) -> tuple[int, int] | None:
    """The levels of a 16-bit image that become black and white: a 12-bit camera's lie in the lowest sixteenth."""
    if header.bit_depth == 8:
        return None
    wanted = header.channels if many(header.channels) else 1
    brightest = int(decode(data, header, Preparation(channels=wanted)).pixels.max())
    return 0, max(255, 2 ** brightest.bit_length() - 1)


def _grey(heat_map: str) -> Picture:
    """uint8 [h, w]."""
    try:
        data = base64.b64decode(heat_map, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(Reason.NOT_AN_IMAGE, "its heat map is not base64") from None
    header = sniff(data, HEAT_LIMITS)
    if (header.format, header.channels, header.bit_depth) != ("png", 1, 8):
        raise Invalid(Reason.WRONG_CHANNELS, "its heat map is not an 8-bit grey PNG")
    grey: Picture = decode(data, header, Preparation(channels=1)).pixels  # type: ignore[assignment]
    return grey


def _coloured(levels: Picture) -> Picture:
    """BGRA [h, w, 4]."""
    stops = np.array(HEAT)
    table = np.stack([np.interp(np.arange(256), stops[:, 0], stops[:, i]) for i in (3, 2, 1, 4)], axis=1)
    table[:, 3] *= 255
    coloured: Picture = np.rint(table).astype(np.uint8)[levels]
    above = (levels > 128).astype(np.uint8)
    lines, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for colour, wide in ((EDGE_DARK, 4), (EDGE_LIGHT, 2)):
        cv2.drawContours(coloured, lines, -1, colour, wide, cv2.LINE_AA)
    return coloured


def _jpeg(image: Picture) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _png(image: Picture) -> bytes:
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1].tobytes()
