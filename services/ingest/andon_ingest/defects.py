"""How parts go wrong: each defect is painted into a picture and returns where it is."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from andon_ingest.styles import LINE, Image, Random

Point = tuple[float, float]
Paint = Callable[[Image, Point, float, Random], Image]


def scratch(image: Image, at: Point, unit: float, rng: Random) -> Image:
    """A bright curved line with a dark edge."""
    length, angle, bend = rng.uniform(70, 190) * unit, rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
    steps = np.linspace(-0.5, 0.5, 24)
    directions = angle + bend * steps
    path = np.array(at) + length * steps[:, None] * np.stack([np.cos(directions), np.sin(directions)], axis=1)
    line = max(1, round(rng.uniform(1.2, 2.4) * unit))
    dark, bright = _line(image, path + unit, line), _line(image, path, line)
    _blend(image, dark, (40, 38, 36), 0.45)
    _blend(image, bright, (238, 240, 240), rng.uniform(0.55, 0.85))
    return bright


def crack(image: Image, at: Point, unit: float, rng: Random) -> Image:
    """A dark jagged line with branches."""
    mask: Image = np.zeros(image.shape[:2], np.uint8)
    heading = rng.uniform(0, 2 * np.pi)
    trunk = _walk(np.array(at), heading, int(rng.integers(14, 26)), unit, rng)
    _draw_line(mask, trunk, max(1, round(1.8 * unit)))
    for _ in range(int(rng.integers(1, 4))):
        start = trunk[rng.integers(3, len(trunk))]
        twig = _walk(start, heading + rng.choice((-0.8, 0.8)), int(rng.integers(4, 10)), unit, rng)
        _draw_line(mask, twig, 1)
    _blend(image, mask, (22, 20, 20), 0.85)
    return mask


def stain(image: Image, at: Point, unit: float, rng: Random) -> Image:
    """Oil or water: a soft-edged blot, darker at its rim."""
    blot = _blot(image, at, rng.uniform(18, 46) * unit, rng)
    soft = cv2.GaussianBlur(blot, (0, 0), 2.5 * unit)
    rim = cv2.subtract(soft, cv2.GaussianBlur(blot, (0, 0), 7 * unit))
    tint = (30, 52, 70) if rng.random() < 0.6 else (96, 92, 60)
    _blend(image, soft, tint, rng.uniform(0.25, 0.45))
    _blend(image, rim, (18, 26, 34), 0.5)
    return blot


def extra(image: Image, at: Point, unit: float, rng: Random) -> Image:
    """Material that should not be there: a chip or a blob, lit from the upper left."""
    radius = rng.uniform(9, 20) * unit
    blob = _blot(image, at, radius, rng)
    shadow = _blot_shift(blob, 3 * unit)
    _blend(image, shadow, (12, 12, 12), 0.55)
    shade = int(rng.integers(90, 200))
    _blend(image, blob, (shade - 10, shade, shade + 12), 1.0)
    _blend(image, cv2.bitwise_and(blob, cv2.bitwise_not(_blot_shift(blob, 0.3 * radius))), (245, 245, 245), 0.6)
    return blob


def _walk(start: NDArray[np.float64], heading: float, steps: int, unit: float, rng: Random) -> NDArray[np.float64]:
    """A jagged path that keeps roughly to its heading: [steps, 2]."""
    headings = heading + rng.normal(0, 0.55, steps)
    strides = rng.uniform(3, 9, steps)[:, None] * unit
    moves = strides * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    path: NDArray[np.float64] = start + np.cumsum(moves, axis=0)
    return path


def _blot(image: Image, at: Point, radius: float, rng: Random) -> Image:
    """A round shape with an uneven outline."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radii = np.full(48, radius)
    for wave in range(1, 6):
        radii += radius * rng.uniform(0, 0.34 / wave) * np.cos(wave * angles + rng.uniform(0, 6.3))
    outline = np.array(at) + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask: Image = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, LINE, 4)
    return mask


def _blot_shift(mask: Image, by: float) -> Image:
    matrix = np.array([[1, 0, by], [0, 1, by]], np.float32)
    moved: Image = cv2.warpAffine(mask, matrix, (mask.shape[1], mask.shape[0]))
    return moved


def _line(image: Image, path: NDArray[np.float64], line: int) -> Image:
    mask: Image = np.zeros(image.shape[:2], np.uint8)
    _draw_line(mask, path, line)
    return mask


def _draw_line(mask: Image, path: NDArray[np.float64], line: int) -> None:
    cv2.polylines(mask, [np.rint(path * 16).astype(np.int32)], False, 255, line, LINE, 4)


def _blend(image: Image, mask: Image, colour: tuple[int, int, int], strength: float) -> None:
    """Paints `colour` over `image`, in place, as strongly as the mask (0..255) and `strength` say."""
    x, y, width, height = cv2.boundingRect(mask)
    part = image[y : y + height, x : x + width]
    alpha = mask[y : y + height, x : x + width, np.newaxis] * np.float32(strength / 255)
    part[:] = np.rint(part * (1 - alpha) + np.array(colour, np.float32) * alpha).astype(np.uint8)
