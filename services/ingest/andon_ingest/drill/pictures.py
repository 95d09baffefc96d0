"""Good pictures, spoilt: each fault as an eye would see it, in proportion to the picture's size. Pure."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from andon.errors import Invalid
from andon.images.limits import ImageLimits
from andon.images.sniff import sniff
from andon.reasons import Reason
from andon_ingest import defects
from andon_ingest.drill.faults import Fault
from andon_ingest.styles import Image, Random

SIGMA = 3 / 256  # of the shorter side
DIMMER = 0.5  # of the light is left
RIGHT, DOWN = 0.06, 0.04  # of the side
UNIT = 2 / 512  # of the shorter side: twice the size that `andon ingest generate` draws defects in
CENTRE = (0.35, 0.65)  # of a side: where a defect is put
JPEG_QUALITY = 95
PAINTS: tuple[defects.Paint, ...] = (defects.extra, defects.crack, defects.stain)

Spoil = Callable[[Image, float, Random], Image]


def read_picture(data: bytes) -> Image:
    """The pixels of a frame, uint8 [h, w] grey or [h, w, 3] BGR, as it lies.

    Raises Invalid for what is no 8-bit JPEG or PNG, or not safe to decode.
    """
    header = sniff(data, ImageLimits())
    if header.format == "npy" or header.bit_depth != 8:
        detail = f"{header.format} of {header.bit_depth} bits; a drill alters 8-bit JPEG and PNG"
        raise Invalid(Reason.UNSUPPORTED_FORMAT, detail)
    colour = cv2.IMREAD_GRAYSCALE if header.channels == 1 else cv2.IMREAD_COLOR
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), colour | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise Invalid(Reason.DECODE_FAILED, "the decoder found the picture damaged or cut short")
    return np.asarray(pixels, np.uint8)


def write_picture(image: Image, like: bytes) -> bytes:
    """`image` encoded as `like` is: JPEG of quality 95, or PNG."""
    is_png = like.startswith(b"\x89PNG")
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if is_png else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return bytes(cv2.imencode(".png" if is_png else ".jpg", image, options)[1])


def blurred(image: Image, strength: float, _rng: Random) -> Image:
    """Out of focus."""
    out: Image = cv2.GaussianBlur(image, (0, 0), SIGMA * strength * min(image.shape[:2]))
    return out


def dimmed(image: Image, strength: float, _rng: Random) -> Image:
    """With half the light, at strength 1; with a quarter at 2."""
    out: Image = np.rint(image * np.float32(DIMMER**strength)).astype(np.uint8)
    return out


def shifted(image: Image, strength: float, _rng: Random) -> Image:
    """Things stand farther right and down; what comes into view mirrors what stood at the rim."""
    down, right = shift_of(image, strength)
    height, width = image.shape[:2]
    grown = cv2.copyMakeBorder(image, down, 0, right, 0, cv2.BORDER_REFLECT_101)
    return np.asarray(grown[:height, :width], np.uint8)


def shift_of(image: Image, strength: float) -> tuple[int, int]:
    """By how many pixels: (down, right)."""
    return round(DOWN * strength * image.shape[0]), round(RIGHT * strength * image.shape[1])


def scarred(image: Image, strength: float, rng: Random) -> Image:
    """With a chip, a crack and a stain near the middle: a part that nobody would let pass."""
    out: Image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy()
    height, width = image.shape[:2]
    for paint in PAINTS:
        x, y = rng.uniform(*CENTRE, 2) * (width, height)
        paint(out, (x, y), UNIT * strength * min(height, width), rng)
    return np.asarray(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), np.uint8) if image.ndim == 2 else out


SPOIL: dict[Fault, Spoil] = {
    Fault.BLUR: blurred,
    Fault.DIM: dimmed,
    Fault.SHIFT: shifted,
    Fault.DEFECT: scarred,
}


def spoilt(fault: Fault, good: Sequence[bytes], count: int, strength: float, rng: Random) -> list[bytes]:
    """`count` encoded pictures that show `fault`, made of the `good` ones in turn; none of silence.

    Raises Invalid as `read_picture`.
    """
    if fault is Fault.SILENCE:
        return []
    if fault is Fault.FROZEN:
        return [good[0]] * count
    chosen = [good[number % len(good)] for number in range(count)]
    return [write_picture(SPOIL[fault](read_picture(each), strength, rng), each) for each in chosen]
