"""Parts: masks of drawn things (washers, gears, screws, bottles, boards, letters), as uint8 [size, size], 0 or 255.

A part is only an outline here; `pictures.py` fills it with a field, a palette and light.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Part = Callable[[np.random.Generator, int], Mask]


def _blank(size: int) -> Mask:
    return np.zeros((size, size), np.uint8)


def _star(size: int, radii: NDArray[np.float64], turn: float = 0.0) -> Mask:
    """The polygon whose corners stand at these radii (0..1 of half the size), evenly round the centre."""
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False) + turn
    points = size / 2 + size / 2 * radii[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray(cv2.fillPoly(_blank(size), [points.astype(np.int32)], 255, cv2.LINE_AA))


def _disc(mask: Mask, radius: float, value: int, at: tuple[float, float] = (0.0, 0.0)) -> Mask:
    half = len(mask) / 2
    centre = (int(half * (1 + at[0])), int(half * (1 + at[1])))
    return np.asarray(cv2.circle(mask, centre, max(1, int(half * radius)), value, -1, cv2.LINE_AA))


def blob(rng: np.random.Generator, size: int) -> Mask:
    """A smooth outline: fruit, tablets, castings, drops."""
    angle, radii = np.linspace(0, 2 * np.pi, 72, endpoint=False), np.full(72, 0.75)
    for wave in range(1, 6):
        radii += rng.normal(0, 0.12 / wave) * np.cos(wave * angle + rng.uniform(0, 6.3))
    return _star(size, np.clip(radii, 0.1, 0.98))


def polygon(rng: np.random.Generator, size: int) -> Mask:
    """Nuts, plates, chips: 3 to 8 corners, regular or not."""
    corners = int(rng.integers(3, 9))
    return _star(size, rng.uniform(rng.choice([0.4, 0.95]), 0.97, corners), rng.uniform(0, 6.3))


def gear(rng: np.random.Generator, size: int) -> Mask:
    """A toothed wheel with a bore."""
    teeth, inner = int(rng.integers(5, 40)), rng.uniform(0.6, 0.9)
    radii = np.where(np.arange(teeth * 4) % 4 < 2, 0.97, inner)
    return _disc(_star(size, radii), rng.uniform(0.1, 0.5), 0)


def ring(rng: np.random.Generator, size: int) -> Mask:
    """Washers, seals, bottle mouths, tubes from above: one to four rings round one centre."""
    mask, radii = _blank(size), np.sort(rng.uniform(0.1, 0.97, 2 * int(rng.integers(1, 5))))[::-1]
    for turn, radius in enumerate(radii):
        _disc(mask, float(radius), 0 if turn % 2 else 255)
    return mask


def capsule(rng: np.random.Generator, size: int) -> Mask:
    """Pills, pins, fuses, grains: two round ends and a straight body."""
    thick = rng.uniform(0.08, 0.45) * size
    reach, angle = (size - thick) / 2, rng.uniform(0, np.pi)
    away = reach * np.array([np.cos(angle), np.sin(angle)])
    start, stop = (size / 2 - away).astype(int).tolist(), (size / 2 + away).astype(int).tolist()
    return np.asarray(cv2.line(_blank(size), start, stop, 255, int(thick), cv2.LINE_AA))


def screw(rng: np.random.Generator, size: int) -> Mask:
    """A screw from the side: head, shank, threads, tip; at any angle."""
    mask, shank, pitch = _blank(size), rng.uniform(0.06, 0.2), int(rng.integers(3, 12))
    head, neck, tip = rng.uniform(0.12, 0.3), rng.uniform(0.1, 0.25), rng.uniform(0.75, 0.9)
    steps = np.arange(int(neck * size), int(tip * size))
    width = size * (shank + 0.04 * (steps // pitch % 2) * (steps > 0.35 * size))
    half = size / 2
    side = np.concatenate([[half - head * size] * 2, half - width, [half]])
    down = np.concatenate([[0.02 * size, neck * size], steps, [0.97 * size]])
    outline = np.concatenate([np.stack([side, down], 1), np.stack([size - side, down], 1)[::-1]])
    cv2.fillPoly(mask, [outline.astype(np.int32)], 255)
    turn = cv2.getRotationMatrix2D((half, half), rng.uniform(0, 360), 1)
    return np.asarray(cv2.warpAffine(mask, turn, (size, size), flags=cv2.INTER_LINEAR))


def recess(rng: np.random.Generator, size: int) -> Mask:
    """A screw head from above: a disc with a slot, cross or socket."""
    mask = _disc(_blank(size), 0.95, 255)
    arms, reach, thick = int(rng.integers(1, 4)), rng.uniform(0.4, 0.9) * size / 2, max(1, int(size * 0.1))
    for angle in np.arange(arms) * np.pi / arms + rng.uniform(0, 3):
        away = reach * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(mask, (size / 2 - away).astype(int).tolist(), (size / 2 + away).astype(int).tolist(), 0, thick)
    return mask


def plate(rng: np.random.Generator, size: int) -> Mask:
    """A sheet with holes, in rows or anywhere."""
    mask, edge = _blank(size), int(size * rng.uniform(0.02, 0.25))
    cv2.rectangle(mask, (edge, size // 40), (size - edge, size - size // 40), 255, -1)
    count, radius = int(rng.integers(1, 6)), rng.uniform(0.03, 0.12)
    at = np.linspace(-0.7, 0.7, count) if rng.random() < 0.6 else rng.uniform(-0.8, 0.8, count)
    for x in at:
        for y in at:
            _disc(mask, radius, 0, (float(x), float(y)))
    return mask


def bundle_of_wires(rng: np.random.Generator, size: int) -> Mask:
    """A cable cut across, a honeycomb, a tray: discs packed in a disc."""
    mask, radius = _blank(size), rng.uniform(0.08, 0.3)
    gap = rng.uniform(2.05, 2.6)
    for row in range(-6, 7):
        for column in range(-6, 7):
            x, y = radius * gap * (column + row % 2 / 2), radius * gap * row * 0.866
            if np.hypot(x, y) + radius < 0.97:
                _disc(mask, radius, 255, (x, y))
    return mask


def letters(rng: np.random.Generator, size: int) -> Mask:
    """Print, engraving, labels: a few characters."""
    text = "".join(map(chr, rng.integers(33, 127, int(rng.integers(1, 6)))))
    font, thick = int(rng.integers(0, 8)), int(rng.integers(1, 1 + max(2, size // 24)))
    (width, height), _ = cv2.getTextSize(text, font, 1, thick)
    scale = 0.9 * size / max(width, height)
    low = (int((size - width * scale) / 2), int((size + height * scale) / 2))
    return np.asarray(cv2.putText(_blank(size), text, low, font, scale, 255, thick, cv2.LINE_AA))


def traces(rng: np.random.Generator, size: int) -> Mask:
    """Conductors of a board: lines at right or half right angles, ending in pads."""
    mask, pitch, thick = _blank(size), max(3, size // int(rng.integers(6, 24))), int(rng.integers(1, 4))
    way = np.array([[1, 0], [0, 1], [1, 1], [-1, 1]]) * pitch
    for _ in range(int(rng.integers(4, 24))):
        at = rng.integers(0, size // pitch, 2) * pitch
        for step in rng.integers(0, 4, int(rng.integers(1, 5))):
            after = at + way[step] * int(rng.integers(-6, 7))
            cv2.line(mask, at.tolist(), after.tolist(), 255, thick)
            at = after
        cv2.circle(mask, at.tolist(), thick + 2, 255, -1)
        cv2.circle(mask, at.tolist(), max(1, thick - 1), 0, -1)
    return mask


def chip(rng: np.random.Generator, size: int) -> Mask:
    """A component with legs on two or four sides."""
    mask, body, legs = _blank(size), rng.uniform(0.45, 0.8), int(rng.integers(2, 14))
    low, high = int(size * (1 - body) / 2), int(size * (1 + body) / 2)
    both = rng.random() < 0.5
    for at in np.linspace(low, high, legs + 2)[1:-1].astype(int).tolist():
        cv2.line(mask, (at, 2), (at, size - 2), 255, max(1, size // (3 * legs + 6)))
        if both:
            cv2.line(mask, (2, at), (size - 2, at), 255, max(1, size // (3 * legs + 6)))
    return np.asarray(cv2.rectangle(mask, (low, low), (high, high), 255, -1))


EVERY: tuple[Part, ...] = (
    blob, blob, polygon, polygon, gear, ring, ring, capsule, screw,
    recess, plate, bundle_of_wires, letters, traces, chip,
)  # fmt: skip


def part(rng: np.random.Generator, size: int) -> Mask:
    """One part of any kind, filling a square of this size."""
    return EVERY[rng.integers(len(EVERY))](rng, size)
