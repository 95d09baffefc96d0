"""Defects: what goes wrong on a view, drawn into uint8 [h, w, 3]; sizes follow a power law, most are a few pixels.

Every defect returns a changed copy. They are drawn before the camera, so noise and compression cover them as they
would in a factory.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from .fields import clouds, log_uniform

View = NDArray[np.uint8]
Defect = Callable[[np.random.Generator, View], View]


def _walk(rng: np.random.Generator, view: View, length: float, wander: float) -> NDArray[np.int32]:
    steps = max(2, int(length / 3))
    angle = rng.uniform(0, 6.3) + np.cumsum(rng.normal(0, wander, steps))
    start = rng.uniform(0.05, 0.95, 2) * view.shape[0]
    return np.asarray((start + 3 * np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1), 0)).astype(np.int32))


def _tone(rng: np.random.Generator) -> tuple[int, int, int]:
    tone = int(rng.choice([rng.integers(0, 60), rng.integers(180, 256), rng.integers(0, 256)]))
    tint = rng.integers(-20, 21, 3) * rng.integers(0, 2)
    red, green, blue = np.clip(tone + tint, 0, 255).tolist()
    return red, green, blue


def _flat(rng: np.random.Generator) -> NDArray[np.float32]:
    return np.array(_tone(rng), np.float32)


def _blended(view: View, mask: NDArray[np.float32], other: NDArray[np.float32]) -> View:
    mixed = view + mask[..., None] * (other - view)
    return np.clip(mixed, 0, 255).astype(np.uint8)


def _spot(rng: np.random.Generator, view: View, low: float = 2, high: float = 40) -> NDArray[np.float32]:
    """An irregular soft-edged region, 0..1 [h, w]."""
    size, radius = view.shape[0], log_uniform(rng, low, high)
    mask = np.zeros(view.shape[:2], np.float32)
    middle = rng.uniform(0.08, 0.92, 2) * size
    angle = np.linspace(0, 6.283, 14, endpoint=False)
    reach = radius * rng.uniform(0.5, 1.3, 14)
    points = middle + np.stack([reach * np.cos(angle), reach * np.sin(angle) * rng.uniform(0.3, 1)], 1)
    cv2.fillPoly(mask, [points.astype(np.int32)], 1.0, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), log_uniform(rng, 0.3, 1 + radius / 4)))


def scratch(rng: np.random.Generator, view: View) -> View:
    """A line, nearly straight, brighter or darker."""
    drawn, path = view.copy(), _walk(rng, view, log_uniform(rng, 8, 160), rng.uniform(0, 0.1))
    cv2.polylines(drawn, [path], False, _tone(rng), int(rng.choice([1, 1, 1, 2, 3])), cv2.LINE_AA)
    return np.asarray(cv2.addWeighted(drawn, (share := rng.uniform(0.2, 1)), view, 1 - share, 0))


def crack(rng: np.random.Generator, view: View) -> View:
    """A wandering line with branches."""
    drawn, tone = view.copy(), _tone(rng)
    path = _walk(rng, view, log_uniform(rng, 15, 150), rng.uniform(0.2, 0.7))
    cv2.polylines(drawn, [path], False, tone, int(rng.integers(1, 3)), cv2.LINE_AA)
    for at in rng.integers(0, len(path), int(rng.integers(0, 4))):
        branch = _walk(rng, view, log_uniform(rng, 6, 40), 0.5)
        cv2.polylines(drawn, [branch - branch[0] + path[at]], False, tone, 1, cv2.LINE_AA)
    return np.asarray(cv2.addWeighted(drawn, (share := rng.uniform(0.3, 1)), view, 1 - share, 0))


def hole(rng: np.random.Generator, view: View) -> View:
    """A pit, pore or chip: a dark or bright spot, some with a rim of light."""
    mask = _spot(rng, view, 1.2, 25)
    pitted = _blended(view, mask * np.float32(rng.uniform(0.3, 1)), _flat(rng))
    rim = np.roll(mask, rng.integers(-2, 3, 2), (0, 1)) - mask
    return _blended(pitted, np.clip(rim, 0, 1) * np.float32(rng.uniform(0, 0.8)), _flat(rng))


def stain(rng: np.random.Generator, view: View) -> View:
    """A soft change of tone or colour: oil, water, heat, dirt."""
    mask = _spot(rng, view, 5, 60) * clouds(rng, view.shape[0])
    return _blended(view, mask * np.float32(rng.uniform(0.15, 0.9)), _flat(rng))


def _moved(rng: np.random.Generator, view: View) -> NDArray[np.float32]:
    shift = rng.integers(-view.shape[0] // 2, view.shape[0] // 2, 2)
    return np.roll(view, shift, (0, 1)).astype(np.float32)


def swap(rng: np.random.Generator, view: View) -> View:
    """A region that shows what belongs elsewhere: a missing, extra or misplaced piece."""
    return _blended(view, (_spot(rng, view, 4, 45) > 0.5).astype(np.float32), _moved(rng, view))


def turned(rng: np.random.Generator, view: View) -> View:
    """A region turned on the spot: a wrong grain, a flipped component."""
    other = np.ascontiguousarray(np.rot90(view, int(rng.integers(1, 4)))).astype(np.float32)
    return _blended(view, _spot(rng, view, 4, 40), other)


def bend(rng: np.random.Generator, view: View) -> View:
    """A local pull: bent legs, dents, creases."""
    mask = cv2.GaussianBlur(_spot(rng, view, 6, 50), (0, 0), 3)
    y, x = np.mgrid[: view.shape[0], : view.shape[1]].astype(np.float32)
    pull = rng.normal(0, log_uniform(rng, 2, 10), 2).astype(np.float32)
    return np.asarray(
        cv2.remap(view, x + pull[0] * mask, y + pull[1] * mask, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    )


def worn(rng: np.random.Generator, view: View) -> View:
    """Texture lost or roughened in one place."""
    if rng.random() < 0.6:
        other = cv2.GaussianBlur(view, (0, 0), log_uniform(rng, 1, 10)).astype(np.float32)
    else:
        other = view + rng.normal(0, log_uniform(rng, 8, 60), view.shape[:2]).astype(np.float32)[..., None]
    return _blended(view, _spot(rng, view, 5, 55), other)


def dust(rng: np.random.Generator, view: View) -> View:
    """Specks, bubbles and crumbs: a few tiny discs."""
    drawn = view.copy()
    for _ in range(int(log_uniform(rng, 1, 12))):
        at = rng.integers(0, view.shape[0], 2).tolist()
        cv2.circle(drawn, at, int(log_uniform(rng, 1, 5)), _tone(rng), rng.choice([-1, -1, 1]).item(), cv2.LINE_AA)
    return drawn


def stripe(rng: np.random.Generator, view: View) -> View:
    """A band across the whole view: a dead line, a seam, a broken finger."""
    mask, at = np.zeros(view.shape[:2], np.float32), int(rng.integers(0, view.shape[0]))
    mask[at : at + int(log_uniform(rng, 1, 20))] = rng.uniform(0.2, 0.9)
    return _blended(view, mask if rng.random() < 0.5 else mask.T, _flat(rng))


EVERY: tuple[Defect, ...] = (scratch, scratch, crack, hole, hole, stain, swap, turned, bend, worn, dust, stripe)


def damaged(rng: np.random.Generator, view: View) -> View:
    """A copy with one defect, sometimes two."""
    for _ in range(1 if rng.random() < 0.75 else 2):
        view = EVERY[rng.integers(len(EVERY))](rng, view)
    return view
