"""Pictures made from a seed: surfaces, parts and layouts of an imaginary factory, with and without defects.

Nothing here is a photograph and nothing is learned from one: random numbers, drawing and light. A scene is expensive
(some 30 ms), a view of it cheap, so views come in groups: `group(seed)`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import framed, taken
from .defects import damaged
from .fields import Grey, clouds, field, log_uniform, smooth, value_noise
from .parts import Mask, part

Image = NDArray[np.uint8]
SCENE = 448
GROUP = 8


def palette(rng: np.random.Generator) -> Image:
    """A colour for each of 256 tones, uint8 [256, 3]: mostly light and dark of one hue, sometimes several hues."""
    knots = int(rng.choice([2, 2, 3, 5]))
    light = rng.random((knots, 1)) if knots > 2 else np.array([[rng.uniform(0, 0.7)], [rng.uniform(0.3, 1)]])
    hue = rng.normal(0, log_uniform(rng, 0.01, 0.3), (1, 3)) + rng.normal(0, log_uniform(rng, 0.01, 0.3), (knots, 3))
    colours = np.clip(light + hue, 0, 1)
    tones = np.linspace(0, knots - 1, 256)
    return np.stack([255 * np.interp(tones, range(knots), colours[:, c]) for c in range(3)], 1).astype(np.uint8)


def painted(rng: np.random.Generator, grey: Grey) -> Image:
    """A field in the colours of a palette."""
    tones = (255 * grey).astype(np.uint8)
    return np.asarray(cv2.LUT(cv2.merge([tones] * 3), palette(rng)[:, None]))


def material(rng: np.random.Generator, size: int) -> Image:
    """A surface of some substance: a painted field, sometimes speckled with a second one."""
    ground = painted(rng, field(rng, size))
    return _over(ground, painted(rng, field(rng, size)), _patches(rng, size)) if rng.random() < 0.25 else ground


def _patches(rng: np.random.Generator, size: int) -> Mask:
    return np.asarray(cv2.threshold((255 * clouds(rng, size)).astype(np.uint8), int(rng.integers(90, 200)), 255, 0)[1])


def _cut(rng: np.random.Generator, size: int) -> Image:
    """A piece of material: texture keeps its scale on a small part."""
    return material(rng, max(size, 128))[:size, :size]


def _over(ground: Image, front: Image, mask: Mask) -> Image:
    alpha = mask[..., None].astype(np.uint16)
    return ((front * alpha + ground * (255 - alpha)) // 255).astype(np.uint8)


def _relief(rng: np.random.Generator, mask: Mask) -> Grey:
    """Light on a part whose edge is rounded: brighter on the lit side, darker on the other; about 1 elsewhere."""
    height = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), log_uniform(rng, 0.6, 1 + len(mask) / 10))
    angle, strength = rng.uniform(0, 6.3), log_uniform(rng, 0.05, 3)
    slope = np.cos(angle) * cv2.Sobel(height, cv2.CV_32F, 1, 0) + np.sin(angle) * cv2.Sobel(height, cv2.CV_32F, 0, 1)
    return np.asarray(1 + np.float32(strength) * slope, np.float32)


def _lit(image: Image, light: Grey) -> Image:
    return np.asarray(np.clip(image * light[..., None], 0, 255).astype(np.uint8))


def made(rng: np.random.Generator, size: int) -> tuple[Image, Mask]:
    """One part: its picture and its mask, both of this size; some carry a print or a second part."""
    mask = part(rng, size)
    skin = _lit(_cut(rng, size), _relief(rng, mask))
    if rng.random() < 0.35:
        inner = part(rng, size)
        skin = _lit(_over(skin, _cut(rng, size), cv2.bitwise_and(inner, mask)), _relief(rng, inner))
    return skin, mask


def _placed(scene: Image, thing: tuple[Image, Mask], x: int, y: int, shadow: float) -> None:
    """Lays a part into the scene, in place, with its shadow; what sticks out is cut off."""
    skin, mask = thing
    high, low = max(0, -y), max(0, -x)
    room = scene[max(0, y) : max(0, y + len(mask)), max(0, x) : max(0, x + len(mask))]
    if not room.size:
        return
    skin, mask = (layer[high : high + room.shape[0], low : low + room.shape[1]] for layer in (skin, mask))
    if shadow:
        shade = np.roll(cv2.GaussianBlur(mask, (0, 0), 1 + len(mask) / 30), 1 + len(mask) // 30, (0, 1))
        room[:] = _lit(room, np.asarray(1 - shadow * shade.astype(np.float32) / 255, np.float32))
    room[:] = _over(room, skin, mask)


def _spots(rng: np.random.Generator, size: int) -> list[tuple[int, int]]:
    """Where parts lie: in rows (a tray, a board, a belt) or anywhere."""
    if rng.random() < 0.6:
        step, jitter = size * rng.uniform(1, 1.6), size * rng.choice([0, 0, 0.05, 0.2])
        line = np.arange(rng.uniform(-step, 0), SCENE, step)
        at = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
        return [(int(x), int(y)) for x, y in at + rng.normal(0, 1, at.shape) * jitter][:120]
    many = int(log_uniform(rng, 1, max(2, (SCENE / size) ** 2)))
    return [(int(x), int(y)) for x, y in rng.uniform(-size / 2, SCENE - size / 2, (many, 2))]


def _peopled(rng: np.random.Generator, scene: Image) -> None:
    size = int(log_uniform(rng, 24, 420))
    kinds = [made(rng, size) for _ in range(1 if rng.random() < 0.6 else 3)]
    shadow = float(rng.choice([0, rng.uniform(0.1, 0.8)]))
    for x, y in _spots(rng, size):
        _placed(scene, kinds[rng.integers(len(kinds))], x, y, shadow)


def _illuminated(rng: np.random.Generator, scene: Image) -> Image:
    """Uneven light: a slope, a vignette or a highlight."""
    if rng.random() < 0.5:
        return scene
    knots = int(rng.choice([2, 2, 3, 5]))
    light = 1 + np.float32(rng.uniform(0.1, 1.2)) * (value_noise(rng, SCENE, knots, knots) - 0.5)
    return _lit(scene, light)


def scene(seed: int) -> Image:
    """One scene, uint8 [448, 448, 3]: a surface, with parts on it two times in three."""
    rng = np.random.default_rng([seed, 0])
    ground = painted(rng, smooth(rng, SCENE)) if rng.random() < 0.15 else material(rng, SCENE)
    for _ in range(int(rng.choice([0, 1, 1, 1, 2, 3], p=[0.36, 0.2, 0.14, 0.1, 0.12, 0.08]))):
        _peopled(rng, ground)
    return _illuminated(rng, ground)


def group(seed: int, size: int = 192) -> Image:
    """Eight pictures of one scene, uint8 [8, size, size, 3] RGB.

    The first two are the same view by the same camera, without and with a defect; of the other six, one in three
    has a defect.
    """
    whole, rng = scene(seed), np.random.default_rng([seed, 1])
    view, camera = framed(rng, whole, size), int(rng.integers(2**31))
    pair = [taken(np.random.default_rng(camera), shown) for shown in (view, damaged(rng, view))]
    return np.stack([*pair, *(_other(rng, whole, size) for _ in range(GROUP - 2))])


def _other(rng: np.random.Generator, whole: Image, size: int) -> Image:
    view = framed(rng, whole, size)
    return taken(rng, damaged(rng, view) if rng.random() < 1 / 3 else view)


def picture(seed: int, size: int = 192) -> Image:
    """One picture, uint8 [size, size, 3] RGB: the same for the same seed on every run."""
    rng = np.random.default_rng([seed, 1])
    return _other(rng, scene(seed), size)
