"""What goes wrong with a picture, little by little: spoilers with a severity from 0 to 1."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.records import DriftCause

Image = NDArray[np.uint8]
Singles = NDArray[np.float32]
Light = Callable[[Singles, float], Singles]
Signal = Callable[[Image, float, np.random.Generator], Image]
GLARE_AT, GLARE_SIZE = (0.68, 0.32), 0.10
DUST_AT, DUST_SIZE = (0.38, 0.60), 0.03


def _light_as_it_is(image: Singles, severity: float) -> Singles:
    del severity
    return image


def _signal_as_it_is(image: Image, severity: float, random: np.random.Generator) -> Image:
    del severity, random
    return image


@dataclass(frozen=True)
class Spoiler:
    """`light` works on float32 in grey levels, before the sensor's noise; `signal` on what the sensor gave.

    `right` are the names that say the truth, the best one first. `abrupt`: it is not a ramp but a switch. `colour`: it
    needs colour frames. `product` and `relit`: it shows other frames, of another product or really in that light.
    `move` is how far things move to the right, in shares of the side.
    """

    name: str
    right: tuple[DriftCause, ...]
    most: str
    light: Light = _light_as_it_is
    signal: Signal = _signal_as_it_is
    move: float = 0.0
    abrupt: bool = False
    colour: bool = False
    product: bool = False
    relit: str = ""


def blurred(image: Singles, severity: float) -> Singles:
    """A lens out of focus, up to 1.2 % of the side."""
    sigma = 0.012 * severity * max(image.shape[:2])
    return image if sigma < 0.05 else np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def lit(most: float) -> Light:
    """Light times 1 to `most`."""
    return lambda image, severity: image * np.float32(1 + severity * (most - 1))


def glared(image: Singles, severity: float) -> Singles:
    """A soft reflection at one place."""
    return image + _through(200 * severity * _blob(image.shape, GLARE_AT, GLARE_SIZE, soft=True), image)


def vignetted(image: Singles, severity: float) -> Singles:
    """Corners that lose up to 60 %, the middle nothing: a filter ring, a lamp gone."""
    height, width = image.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    return image * _through(1 - 0.6 * severity * (x**2 + y**2) / 2, image)


def dusty(image: Singles, severity: float) -> Singles:
    """A dark speck on the glass, always at the same place."""
    return image * _through(1 - 0.8 * severity * _blob(image.shape, DUST_AT, DUST_SIZE, soft=False), image)


def tinted(image: Singles, severity: float) -> Singles:
    """A lamp that turns warm: blue times 1 to .75, red times 1 to 1.2."""
    return image * np.array([1 - 0.25 * severity, 1, 1 + 0.2 * severity], np.float32)


def noisy(image: Image, severity: float, random: np.random.Generator) -> Image:
    """The sensor's gain and heat: up to 15 grey levels more."""
    grain = 15 * severity * random.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)


def gamma(image: Image, severity: float, random: np.random.Generator) -> Image:
    """A curve somebody changed: gamma 1 to 1.8."""
    del random
    curve = 255 * (np.arange(256) / 255) ** (1 + 0.8 * severity)
    return np.asarray(cv2.LUT(image, np.rint(curve).astype(np.uint8)), np.uint8)


def squeezed(image: Image, severity: float, random: np.random.Generator) -> Image:
    """JPEG, quality 95 down to 5."""
    del random
    if severity == 0:
        return image
    how = [cv2.IMWRITE_JPEG_QUALITY, round(95 - 90 * severity)]
    encoded = cv2.imencode(".jpg", image, how)[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), np.uint8)


def _blob(shape: tuple[int, ...], at: tuple[float, float], size: float, soft: bool) -> Singles:
    """float32 [h, w], 1 in the middle: a Gaussian, or a disc with an edge of a pixel or two."""
    height, width = shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    off = np.hypot(x - at[0] * width, y - at[1] * height) / (size * max(height, width))
    blob = np.exp(-0.5 * off**2) if soft else np.clip((1 - off) * 6, 0, 1)
    return np.asarray(blob, np.float32)


def _through(mask: Singles, image: Singles) -> Singles:
    return mask if image.ndim == 2 else mask[..., np.newaxis]


CLEAN = Spoiler("clean", (), "")
RAMPS: tuple[Spoiler, ...] = (
    Spoiler("focus", (DriftCause.FOCUS,), "blur of 1.2 % of the side", light=blurred),
    Spoiler("darker", (DriftCause.EXPOSURE,), "light x 0.5", light=lit(0.5)),
    Spoiler("brighter", (DriftCause.EXPOSURE,), "light x 1.6", light=lit(1.6)),
    Spoiler("gamma", (DriftCause.EXPOSURE,), "gamma 1.8", signal=gamma),
    Spoiler("glare", (DriftCause.GLARE,), "200 grey levels at one place", light=glared),
    Spoiler("noise", (DriftCause.NOISE,), "15 grey levels", signal=noisy),
    Spoiler("colour", (DriftCause.COLOUR,), "blue x 0.75, red x 1.2", light=tinted, colour=True),
    Spoiler("shift", (DriftCause.FRAMING,), "6 % of the side", move=-0.06),
    Spoiler("jpeg", (DriftCause.FOCUS, DriftCause.NOISE), "quality 5", signal=squeezed),
    Spoiler("vignette", (DriftCause.EXPOSURE,), "corners x 0.4", light=vignetted),
    Spoiler("dust", (DriftCause.SPOT,), "80 % dark", light=dusty),
    Spoiler("product", (DriftCause.PRODUCT,), "another product", abrupt=True, product=True),
    Spoiler("really darker", (DriftCause.EXPOSURE,), "another exposure", abrupt=True, relit="darker"),
    Spoiler("really brighter", (DriftCause.EXPOSURE,), "another exposure", abrupt=True, relit="brighter"),
)
