"""Fields: grey textures as float32 [size, size] in 0..1, made from random numbers and nothing else.

Each field is a function of a generator and a size, so a field is named by its seed. Frequencies are drawn on a log
scale: products differ most in the scale of their texture.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Field = Callable[[np.random.Generator, int], Grey]


def stretched(values: NDArray[Any]) -> Grey:
    """The same field with its smallest value at 0 and its largest at 1 (a flat field becomes 0)."""
    return np.asarray(
        np.clip(cv2.normalize(values.astype(np.float32), None, 0, 1, cv2.NORM_MINMAX), 0, 1).astype(np.float32)
    )


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform: scales without a favourite."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def value_noise(rng: np.random.Generator, size: int, across: float, along: float) -> Grey:
    """Smooth noise with `across` x `along` knots over the picture; few knots make clouds, many make grain."""
    knots = rng.random((max(2, int(along)), max(2, int(across))), dtype=np.float32)
    return np.asarray(np.clip(cv2.resize(knots, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1))


def clouds(rng: np.random.Generator, size: int) -> Grey:
    """Noise whose octaves lose a fixed share of amplitude each: roughly 1/f^a, as in natural scenes."""
    knots, keep, stretch = log_uniform(rng, 2, 24), rng.uniform(0.35, 0.9), log_uniform(rng, 0.15, 6.0)
    total, weight = np.zeros((size, size), np.float32), 1.0
    while knots < size / 2 and weight > 0.05:
        total += weight * value_noise(rng, size, min(knots * stretch, size), min(knots / stretch, size))
        knots, weight = knots * 2, weight * keep
    return stretched(total)


def brushed(rng: np.random.Generator, size: int) -> Grey:
    """Brushed metal or drawn wire: noise that is long one way and fine the other."""
    fine = value_noise(rng, size, log_uniform(rng, 60, size), log_uniform(rng, 1, 12))
    return stretched(fine + rng.uniform(0, 0.7) * value_noise(rng, size, log_uniform(rng, 8, 60), 3))


def grain(rng: np.random.Generator, size: int) -> Grey:
    """Cast or blasted surface: white noise, blurred to a random grain size."""
    white = rng.random((size, size), dtype=np.float32)
    return stretched(cv2.GaussianBlur(white, (0, 0), log_uniform(rng, 0.4, 4.0)))


def _phase(rng: np.random.Generator, size: int, cycles: float) -> Grey:
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    along = np.arange(size, dtype=np.float32) / size
    bend = rng.choice([0, 0, log_uniform(rng, 0.05, 1.5)]) * value_noise(rng, size, 4, 4)
    turned = along[None] * np.float32(np.cos(angle)) + along[:, None] * np.float32(np.sin(angle))
    return np.asarray(2 * np.pi * (cycles * turned + bend), np.float32)


def _wave(rng: np.random.Generator, phase: Grey) -> Grey:
    sharpness = log_uniform(rng, 0.5, 12)
    wave = 0.5 + 0.5 * np.tanh(sharpness * np.sin(phase)) / np.tanh(sharpness)
    return np.asarray(np.clip(wave, 0, 1).astype(np.float32))


def grating(rng: np.random.Generator, size: int) -> Grey:
    """Stripes, ribs, threads: a wave from sine to square, straight or bent."""
    return _wave(rng, _phase(rng, size, log_uniform(rng, 3, size / 5)))


def mesh(rng: np.random.Generator, size: int) -> Grey:
    """Grids, nets and woven cloth: two waves, joined by their maximum, product or an over-and-under pattern."""
    cycles = log_uniform(rng, 4, size / 6)
    warp, weft = (_phase(rng, size, cycles * rng.uniform(0.7, 1.4)) for _ in range(2))
    first, second = _wave(rng, warp), _wave(rng, weft)
    if rng.random() < 0.5:
        return np.where(np.sin(warp / 2) * np.sin(weft / 2) > 0, first, second * np.float32(rng.uniform(0.4, 1)))
    return np.maximum(first, second) if rng.random() < 0.5 else first * second


def contours(rng: np.random.Generator, size: int) -> Grey:
    """Wood, marble, leather, fingerprints: the level lines of a smooth field."""
    return _wave(rng, np.float32(2 * np.pi * log_uniform(rng, 1.5, 14)) * clouds(rng, size))


def islands(rng: np.random.Generator, size: int) -> Grey:
    """Blotches with soft or hard edges: noise pushed through a threshold."""
    field = clouds(rng, size)
    return np.asarray(
        np.clip((field - np.float32(rng.uniform(0.35, 0.65))) * np.float32(log_uniform(rng, 3, 60)) + 0.5, 0, 1)
    )


def wrinkles(rng: np.random.Generator, size: int) -> Grey:
    """Pores and wrinkles: noise between two blurs, which has one size and no direction."""
    white, sigma = rng.standard_normal((size, size), dtype=np.float32), log_uniform(rng, 0.8, 6)
    band = cv2.GaussianBlur(white, (0, 0), sigma) - cv2.GaussianBlur(white, (0, 0), sigma * 1.6)
    return np.asarray(0.5 + 0.5 * np.tanh(band / band.std() * log_uniform(rng, 0.3, 4)), np.float32)


def _seeds(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    ground, step = np.ones((size, size), np.uint8), log_uniform(rng, 8, 90)
    lattice = np.stack(np.meshgrid(np.arange(0, size, step), np.arange(0, size, step)), -1).reshape(-1, 2)
    at = np.clip(lattice + rng.uniform(-1, 1, lattice.shape) * step * rng.uniform(0.05, 0.9), 0, size - 1).astype(int)
    ground[at[:, 1], at[:, 0]] = 0
    return ground


def cells(rng: np.random.Generator, size: int) -> Grey:
    """Crystals, pebbles, tiles, crack networks: a Voronoi diagram seen by its cells, its depth or its borders."""
    depth, label = cv2.distanceTransformWithLabels(_seeds(rng, size), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    shade = rng.random(int(label.max()) + 1, dtype=np.float32)[label]
    look = rng.integers(4)
    if look == 0:
        return np.asarray(shade, np.float32)
    if look == 1:
        return stretched(depth)
    if look == 2:
        return stretched(shade + np.float32(rng.uniform(0.3, 2)) * stretched(depth))
    edge = (label != np.roll(label, 1, 0)) | (label != np.roll(label, 1, 1))
    return np.asarray(cv2.GaussianBlur(1 - edge.astype(np.float32), (0, 0), log_uniform(rng, 0.5, 3)))


def leaves(rng: np.random.Generator, size: int) -> Grey:
    """Dead leaves: opaque shapes with power-law sizes falling on each other, the occlusion statistics of photographs.

    Lee, Mumford and Huang, Occlusion models for natural images, IJCV 2001.
    """
    ground = np.full((size, size), rng.uniform(0, 1), np.float32)
    small, large = log_uniform(rng, 2, 12), log_uniform(rng, 30, 160)
    for _ in range(int(log_uniform(rng, 40, 400))):
        radius = min(large, small / max(rng.random(), 1e-3) ** 0.6)
        _leaf(rng, ground, radius, float(rng.random()))
    return ground


def _leaf(rng: np.random.Generator, ground: Grey, radius: float, tone: float) -> None:
    x, y = rng.integers(0, ground.shape[0], 2).tolist()
    axes = (max(1, int(radius)), max(1, int(radius * rng.uniform(0.2, 1))))
    if rng.random() < 0.6:
        cv2.ellipse(ground, (x, y), axes, rng.uniform(0, 180), 0, 360, tone, -1, cv2.LINE_4)
    else:
        box = cv2.boxPoints(((x, y), (2.0 * axes[0], 2.0 * axes[1]), float(rng.uniform(0, 180))))
        cv2.fillConvexPoly(ground, box.astype(np.int32), tone)


def fibres(rng: np.random.Generator, size: int) -> Grey:
    """Felt, paper, hair, scratched plate: many thin lines that share a direction more or less."""
    ground = np.full((size, size), 0.5, np.float32)
    main, spread, length = rng.uniform(0, np.pi), log_uniform(rng, 0.02, 3), log_uniform(rng, 10, size)
    for x, y, turn, tone in rng.random((int(log_uniform(rng, 60, 600)), 4)).tolist():
        angle = main + spread * (turn - 0.5)
        start = np.array([x, y]) * size
        stop = start + length * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(ground, start.astype(int).tolist(), stop.astype(int).tolist(), tone, 1 + int(turn * 1.4), cv2.LINE_4)
    return np.asarray(cv2.GaussianBlur(ground, (0, 0), log_uniform(rng, 0.4, 1.6)))


def motif(rng: np.random.Generator, size: int) -> Grey:
    """A printed or stamped pattern: a small picture repeated over the whole, straight or staggered."""
    step = int(log_uniform(rng, 10, 110))
    stamp = PLAIN[rng.integers(len(PLAIN))](rng, 64)
    stamp = cv2.resize(stamp, (step, max(6, int(step * rng.uniform(0.5, 1.6)))), interpolation=cv2.INTER_AREA)
    stagger = int(step * rng.choice([0, 0.5, rng.uniform(0, 1)]))
    band = np.concatenate([stamp, np.roll(stamp, stagger, 1)])
    tiled = np.tile(band, (size // band.shape[0] + 1, size // step + 1))
    return np.ascontiguousarray(tiled[:size, :size])


def warped(rng: np.random.Generator, size: int) -> Grey:
    """Another field, pulled out of shape: worn, stretched or flowing material."""
    field = PLAIN[rng.integers(len(PLAIN))](rng, size)
    reach, knots = log_uniform(rng, 0.01, 0.25) * size, log_uniform(rng, 2, 10)
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    pull = [np.float32(reach) * (value_noise(rng, size, knots, knots) - 0.5) for _ in range(2)]
    return np.asarray(cv2.remap(field, x + pull[0], y + pull[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def smooth(rng: np.random.Generator, size: int) -> Grey:
    """A plain surface: hardly more than a slow gradient."""
    return value_noise(rng, size, 2, 2)


PLAIN: tuple[Field, ...] = (
    clouds, brushed, grain, grating, mesh, contours, islands, wrinkles, cells, leaves, fibres,
)  # fmt: skip
EVERY: tuple[Field, ...] = (*PLAIN, motif, motif, warped, smooth, smooth, leaves, clouds)


def field(rng: np.random.Generator, size: int) -> Grey:
    """One field of any kind; one in three is a mixture of two."""
    one = EVERY[rng.integers(len(EVERY))](rng, size)
    if rng.random() > 0.35:
        return one
    return stretched(one + np.float32(rng.uniform(0.1, 0.8)) * EVERY[rng.integers(len(EVERY))](rng, size))
