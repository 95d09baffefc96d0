"""Defects drawn into good frames: to choose between methods without ever having seen a real one, and for golden frames.

They are drawn at many sizes and strengths, most of them faint, because whoever finds only the loud ones is no better
than anybody. Five kinds: cut-paste (after Li et al. 2021), scratch, stain, missing and extra material.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from andon_training.interest import Interest, everywhere

Tensor = NDArray[np.uint8]
Floats = NDArray[np.float32]
LEAST_SIDE, MOST_SIDE = 0.06, 0.4  # of the frame's shorter side
LEAST_CHANGE = 10.0  # grey levels: a defect nobody could see is drawn again
LENS_SIGMA = 1 / 200  # of the frame's longer side
TRIES = 24


def drawn(image: Tensor, kind: str, random: np.random.Generator, where: Interest | None = None) -> Tensor:
    """`image`, uint8 [h, w, c], with a defect of `kind`, of some size, `where` it matters; visible if it can be."""
    changed, where = image, where or everywhere(image.shape)
    for _ in range(TRIES):
        changed = _through_lens(image, DEFECTS[kind](image.astype(np.float32), random, where))
        if np.abs(changed.astype(np.int16) - image).max() >= LEAST_CHANGE:
            break
    return changed


def _through_lens(image: Tensor, changed: Floats) -> Tensor:
    """`changed`, with the change as soft as a lens would make it: a drawn edge sharper than any real one misleads."""
    change = (changed - image).reshape(image.shape)
    soft = cv2.GaussianBlur(change, (0, 0), LENS_SIGMA * max(image.shape[:2])).reshape(image.shape)
    seen: Tensor = np.clip(np.rint(image + soft), 0, 255).astype(np.uint8)
    return seen


def cut_paste(image: Floats, random: np.random.Generator, where: Interest) -> Floats:
    """A block of the frame put down elsewhere, turned by half a turn, its brightness moved a little."""
    tall, wide = _side(image, random), _side(image, random)
    block = _block(image, tall, wide, random)[::-1, ::-1] + random.normal(0, 20)
    top, left = _place(image, tall, wide, random, where)
    changed = image.copy()
    changed[top : top + tall, left : left + wide] = block
    return changed


def scratch(image: Floats, random: np.random.Generator, where: Interest) -> Floats:
    """A bent line, one or a few pixels wide, lighter or darker than what it crosses."""
    steps = 12
    bend = np.cumsum(random.normal(0, 0.25, steps)) + random.uniform(0, 2 * np.pi)
    reach = 2 * _side(image, random) / steps
    start = np.array(where.somewhere(random)[::-1], float)
    points = start + np.cumsum(np.stack([np.cos(bend), np.sin(bend)], 1) * reach, axis=0)
    mask = np.zeros(image.shape[:2], np.uint8)
    width = 1 + int(random.integers(0, max(1, min(image.shape[:2]) // 128) + 1))
    cv2.polylines(mask, [np.rint(points).astype(np.int32)], False, 255, width, cv2.LINE_AA)
    return _shifted(image, mask.astype(np.float32) / np.float32(255), random)


def stain(image: Floats, random: np.random.Generator, where: Interest) -> Floats:
    """A soft-edged patch, lighter or darker, that lets what is under it show through."""
    return _shifted(image, _blob(image, random, where, soft=0.35), random)


def missing(image: Floats, random: np.random.Generator, where: Interest) -> Floats:
    """A patch where the part is not: filled with a smooth guess from what surrounds it."""
    mask = _blob(image, random, where, soft=0.05)[..., np.newaxis]
    smooth = cv2.blur(image, (2 * _side(image, random) + 1,) * 2, borderType=cv2.BORDER_REFLECT).reshape(image.shape)
    filled: Floats = image * (1 - mask) + smooth * mask
    return filled


def extra(image: Floats, random: np.random.Generator, where: Interest) -> Floats:
    """A patch of something else: one tone that stands in the frame, with a grain of its own."""
    mask = _blob(image, random, where, soft=0.05)[..., np.newaxis]
    row, column = (int(random.integers(0, side)) for side in image.shape[:2])
    tone = image[row, column] + random.normal(0, 20)
    grain = cv2.GaussianBlur(random.normal(0, 1, image.shape[:2]).astype(np.float32), (0, 0), 1.5)[..., np.newaxis]
    laid: Floats = image * (1 - mask) + (tone + grain * np.float32(random.uniform(10, 60))) * mask
    return laid


DEFECTS: dict[str, Callable[[Floats, np.random.Generator, Interest], Floats]] = {
    "cut-paste": cut_paste,
    "scratch": scratch,
    "stain": stain,
    "missing": missing,
    "extra": extra,
}


def _side(image: Floats, random: np.random.Generator) -> int:
    """Pixels, small ones as likely as large ones on a logarithmic scale."""
    share = np.exp(random.uniform(np.log(LEAST_SIDE), np.log(MOST_SIDE)))
    return max(2, round(float(share) * int(min(image.shape[:2]))))


def _place(image: Floats, tall: int, wide: int, random: np.random.Generator, where: Interest) -> tuple[int, int]:
    """Top and left of a patch around a pixel where it matters, inside the frame."""
    row, column = where.somewhere(random)
    height, width = image.shape[:2]
    return min(max(0, row - tall // 2), height - tall), min(max(0, column - wide // 2), width - wide)


def _block(image: Floats, tall: int, wide: int, random: np.random.Generator) -> Floats:
    height, width = image.shape[:2]
    top, left = int(random.integers(0, height - tall + 1)), int(random.integers(0, width - wide + 1))
    return image[top : top + tall, left : left + wide]


def _shifted(image: Floats, mask: Floats, random: np.random.Generator) -> Floats:
    """Lighter or darker under `mask`, [h, w] in 0..1, by a share of the frame's own contrast."""
    strength = max(float(image.std()), 10.0) * random.uniform(0.6, 2.0) * random.choice([-1, 1])
    shifted: Floats = image + (mask * np.float32(strength))[..., np.newaxis]
    return shifted


def _blob(image: Floats, random: np.random.Generator, where: Interest, soft: float) -> Floats:
    """A patch of uneven outline, float32 [h, w] in 0..1, its edge soft over `soft` of its size."""
    size = _side(image, random)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    wobble = sum(random.normal(0, 0.25 / k) * np.cos(k * turns + random.uniform(0, 2 * np.pi)) for k in (1, 2, 3))
    radius = size / 2 * np.clip(1 + wobble, 0.3, 2) * random.uniform(0.6, 1)
    top, left = _place(image, size, size, random, where)
    corners = np.stack([left + size / 2 + radius * np.cos(turns), top + size / 2 + radius * np.sin(turns)], 1)
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.rint(corners * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    edged: Floats = cv2.GaussianBlur(mask, (0, 0), max(0.5, soft * size)).astype(np.float32)
    return edged


def faded(image: Tensor, changed: Tensor, strength: float) -> Tensor:
    """`changed`, a frame that was `image`, with only `strength`, a share, of the change."""
    change = changed.astype(np.float32) - image
    seen: Tensor = np.clip(np.rint(image + change * np.float32(strength)), 0, 255).astype(np.uint8)
    return seen
