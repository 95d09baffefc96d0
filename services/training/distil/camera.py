"""The camera: how a scene becomes a view (framing) and a view becomes a picture (exposure, blur, noise, JPEG, grey)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .fields import log_uniform

Image = NDArray[np.uint8]


def framed(rng: np.random.Generator, scene: Image, size: int) -> Image:
    """A square of `size` pixels of the scene, from near or far, at any angle, mirrored or not."""
    zoom, side = log_uniform(rng, 0.5, 2.2), scene.shape[0]
    if zoom < 0.75:
        scene, side, zoom = cv2.pyrDown(scene), side // 2, zoom * 2
    angle = rng.choice([0, 90, 180, 270]) + rng.choice([0, rng.normal(0, 4), rng.uniform(0, 360)])
    slack = max(0.0, side - size / zoom) / 2
    middle = (side / 2 + rng.uniform(-1, 1, 2) * slack).tolist()
    turn = cv2.getRotationMatrix2D(middle, float(angle), zoom)
    turn[:, 2] += size / 2 - np.array(middle)
    if rng.random() < 0.5:
        turn[0] = np.array([0, 0, size - 1]) - turn[0]
    return np.asarray(cv2.warpAffine(scene, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def _exposure(rng: np.random.Generator) -> Image:
    """A tone curve of 256 entries: gamma, contrast (often low), brightness, now and then a negative."""
    tone = np.linspace(0, 1, 256) ** log_uniform(rng, 0.5, 2)
    contrast = min(1.25, log_uniform(rng, 0.12, 2.2))
    level = rng.uniform(0.1, 0.9) if contrast < 0.7 else rng.uniform(0.4, 0.6)
    curve = level + contrast * (tone - tone.mean())
    return np.asarray(np.clip(255 * (1 - curve if rng.random() < 0.1 else curve), 0, 255).astype(np.uint8))


def _grey(rng: np.random.Generator, view: Image) -> Image:
    weights = rng.dirichlet([2, 4, 2]).astype(np.float32)
    return np.asarray(cv2.merge([cv2.transform(view, weights[None])] * 3))


def _blurred(rng: np.random.Generator, view: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(view, (0, 0), log_uniform(rng, 0.4, 2.2)))


def _noisy(rng: np.random.Generator, view: Image) -> Image:
    """Sensor noise, the same in all channels or one by one."""
    strength = log_uniform(rng, 0.8, 14)
    channels = 1 if rng.random() < 0.6 else 3
    noise = rng.standard_normal((*view.shape[:2], channels), dtype=np.float32) * np.float32(strength)
    return np.clip(view + noise, 0, 255).astype(np.uint8)


def _compressed(rng: np.random.Generator, view: Image) -> Image:
    _, data = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def taken(rng: np.random.Generator, view: Image) -> Image:
    """The picture a camera makes of this view; half of all cameras are grey."""
    picture = _grey(rng, view) if rng.random() < 0.5 else view
    picture = cv2.LUT(picture, _exposure(rng))
    for chance, step in ((0.35, _blurred), (0.55, _noisy), (0.2, _compressed)):
        if rng.random() < chance:
            picture = step(rng, picture)
    return picture
