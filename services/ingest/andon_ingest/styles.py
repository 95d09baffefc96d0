"""The parts that the generator knows how to draw: what a good one looks like, before any camera looks at it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Random = np.random.Generator
Spot = tuple[int, int, int]  # x, y, radius
Colour = tuple[int, int, int]  # blue, green, red

LINE = cv2.LINE_AA
FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True, slots=True)
class Design:
    """`image`: uint8 BGR [h, w, 3]; `surface`: 255 where the part is, [h, w]; `spot`: what is missing, if so."""

    image: Image
    surface: Image
    spot: Spot | None


class Sketch:
    """A canvas in design units (0..512 on the shorter side), whatever its size in pixels."""

    def __init__(self, size: tuple[int, int], colour: Colour) -> None:
        self.width, self.height = size
        self.unit = min(size) / 512
        self.image: Image = np.full((self.height, self.width, 3), colour, np.uint8)
        self.surface: Image = np.zeros((self.height, self.width), np.uint8)
        self.left, self.top = (self.width - min(size)) / 2, (self.height - min(size)) / 2

    def at(self, x: float, y: float) -> tuple[int, int]:
        """The pixel of a point in design units."""
        return round(self.left + x * self.unit), round(self.top + y * self.unit)

    def length(self, units: float) -> int:
        return max(1, round(units * self.unit))

    def spot(self, x: float, y: float, radius: float) -> Spot:
        return (*self.at(x, y), self.length(radius))

    def box(self, x: float, y: float, w: float, h: float, colour: Colour, line: float = -1) -> None:
        thickness = -1 if line < 0 else self.length(line)
        cv2.rectangle(self.image, self.at(x, y), self.at(x + w, y + h), colour, thickness, LINE)

    def disc(self, x: float, y: float, radius: float, colour: Colour, line: float = -1) -> None:
        thickness = -1 if line < 0 else self.length(line)
        cv2.circle(self.image, self.at(x, y), self.length(radius), colour, thickness, LINE)

    def leave_out(self, x: float, y: float, radius: float) -> None:
        """A hole: no surface there, so nothing can go wrong with it."""
        cv2.circle(self.surface, self.at(x, y), self.length(radius), 0, -1)

    def path(self, points: list[tuple[float, float]], colour: Colour, line: float) -> None:
        corners = np.array([self.at(x, y) for x, y in points], np.int32)
        cv2.polylines(self.image, [corners], False, colour, self.length(line), LINE)

    def text(self, words: str, x: float, y: float, height: float, colour: Colour) -> None:
        scale, line = height * self.unit / 22, max(1, round(self.unit))
        cv2.putText(self.image, words, self.at(x, y), FONT, scale, colour, line, LINE)

    def add(self, texture: NDArray[np.float32], where: Image | None = None) -> None:
        """Adds grey levels, [h, w], where the mask says."""
        added = texture if where is None else texture * (where > 0)
        self.image[:] = np.clip(self.image + added[..., np.newaxis], 0, 255).astype(np.uint8)

    def grain(self, rng: Random, along_x: float, along_y: float, sigma: float) -> NDArray[np.float32]:
        """Smooth noise with standard deviation `sigma` grey levels, [h, w]; lengths in pixels."""
        noise = rng.standard_normal((self.height, self.width), np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), along_x, sigmaY=along_y)
        scaled: NDArray[np.float32] = smooth * np.float32(sigma / smooth.std())
        return scaled


def plate(rng: Random, size: tuple[int, int], missing: int | None) -> tuple[Sketch, Spot | None]:
    """A machined flange on a belt: brushed metal, a turned bore, bolt holes, a laser-marked code."""
    sketch = Sketch(size, (46, 44, 42))
    sketch.add(sketch.grain(rng, 0.8, 0.8, 5))
    tint = int(rng.integers(-8, 9))
    metal = (170 - tint, 168, 166 + tint)
    cv2.rectangle(sketch.surface, sketch.at(46, 46), sketch.at(466, 466), 255, -1)
    sketch.box(52, 54, 420, 420, (24, 23, 22))
    sketch.image[sketch.surface > 0] = metal
    sketch.add(sketch.grain(rng, 40, 0.6, 9), sketch.surface)
    for inset, colour in ((0, (222, 222, 222)), (3, (120, 119, 118))):
        sketch.box(46 + inset, 46 + inset, 420 - 2 * inset, 420 - 2 * inset, colour, 3)
    _turned_bore(sketch, 256, 256, 92)
    sketch.leave_out(256, 256, 94)
    holes = [(104.0, 104.0), (408.0, 104.0), (408.0, 408.0), (104.0, 408.0), (256.0, 92.0), (256.0, 420.0)]
    for index, (x, y) in enumerate(holes):
        if index != missing:
            _hole(sketch, x, y, 24 if index < 4 else 13)
            sketch.leave_out(x, y, 24 if index < 4 else 13)
    sketch.text(f"AX-{rng.integers(10, 99)}", 150, 392, 20, (96, 95, 94))
    _matrix_code(sketch, rng, 352, 330, 34)
    return sketch, None if missing is None else sketch.spot(*holes[missing], 28 if missing < 4 else 17)


def _turned_bore(sketch: Sketch, x: float, y: float, radius: float) -> None:
    for step in range(12):
        sketch.disc(x, y, radius + 40 - 3.3 * step, (150 + 22 * (step % 2),) * 3, 2)
    sketch.disc(x, y, radius + 2, (232, 232, 232), 4)
    sketch.disc(x, y, radius, (28, 27, 26))
    sketch.disc(x + 5, y + 6, radius - 10, (44, 43, 42))


def _hole(sketch: Sketch, x: float, y: float, radius: float) -> None:
    sketch.disc(x, y, radius, (214, 214, 214))
    sketch.disc(x + 1, y + 1, radius * 0.86, (118, 117, 116))
    sketch.disc(x, y, radius * 0.7, (22, 21, 20))


def _matrix_code(sketch: Sketch, rng: Random, x: float, y: float, side: float) -> None:
    bits = rng.integers(0, 2, (10, 10))
    bits[:, 0] = bits[-1, :] = 1
    cell = side / 10
    for row, column in np.argwhere(bits):
        sketch.box(x + column * cell, y + row * cell, cell - 0.5, cell - 0.5, (92, 91, 90))


def board(rng: Random, size: tuple[int, int], missing: int | None) -> tuple[Sketch, Spot | None]:
    """A circuit board: routed traces, pads, chips with legs, small parts, white print."""
    sketch = Sketch(size, (30, 28, 30))
    mask = [(52, 92, 26), (112, 60, 22), (38, 34, 118)][int(rng.integers(0, 3))]
    sketch.box(28, 28, 456, 456, mask)
    cv2.rectangle(sketch.surface, sketch.at(28, 28), sketch.at(484, 484), 255, -1)
    lighter = (mask[0] + 26, mask[1] + 34, mask[2] + 22)
    for _ in range(34):
        sketch.path(_route(rng), lighter, 3)
    sketch.add(sketch.grain(rng, 1.2, 1.2, 3), sketch.surface)
    for x, y in rng.uniform(50, 462, (40, 2)):
        sketch.disc(x, y, 4.5, (120, 190, 205))
        sketch.disc(x, y, 2, (30, 30, 30))
    parts = _component_places(rng)
    for index, (x, y, w, h) in enumerate(parts):
        _pads(sketch, (x, y, w, h), (mask[0] * 3 // 4, mask[1] * 3 // 4, mask[2] * 3 // 4))
        if index != missing:
            _component(sketch, index, x, y, w, h)
        sketch.text(f"{'UC'[index > 2]}{index + 1}", x, y - 7, 9, (225, 228, 225))
    for x, y in ((52, 52), (460, 52), (52, 460), (460, 460)):
        sketch.disc(x, y, 15, (120, 190, 205))
        sketch.disc(x, y, 9, (26, 25, 26))
    sketch.text(f"MB-{rng.integers(100, 999)} r{rng.integers(1, 9)}", 182, 470, 13, (225, 228, 225))
    if missing is None:
        return sketch, None
    x, y, w, h = parts[missing]
    return sketch, sketch.spot(x + w / 2, y + h / 2, max(w, h) / 2)


def _route(rng: Random) -> list[tuple[float, float]]:
    """A trace: straight, a diagonal, straight, on a grid of 12 units."""
    x, y = rng.integers(4, 36, 2) * 12.0
    run, slope, sign = rng.integers(2, 10) * 12.0, rng.integers(1, 5) * 12.0, rng.choice((-1.0, 1.0))
    points = [(x, y), (x + run, y), (x + run + slope, y + sign * slope), (x + 2 * run + slope, y + sign * slope)]
    if rng.random() < 0.5:
        points = [(b, a) for a, b in points]
    return [(float(np.clip(a, 40, 472)), float(np.clip(b, 40, 472))) for a, b in points]


def _component_places(rng: Random) -> list[tuple[float, float, float, float]]:
    """Three chips and nine small parts, as x, y, width, height: one a cell of a 4 x 3 grid."""
    cells = [(90 + 100 * column, 90 + 125 * row) for row in range(3) for column in range(4)]
    rng.shuffle(cells)
    sizes = [(78, 62), (62, 62), (70, 50)] + [(30, 16), (16, 30), (34, 34)] * 3
    return [
        (x + rng.uniform(-12, 12), y + rng.uniform(-12, 12), w, h) for (x, y), (w, h) in zip(cells, sizes, strict=True)
    ]


def _pads(sketch: Sketch, place: tuple[float, float, float, float], bare: Colour) -> None:
    x, y, w, h = place
    legs = max(2, int(w // 10))
    for leg in range(legs):
        left = x + (leg + 0.5) * w / legs - 2.5
        sketch.box(left, y - 6, 5, h + 12, (175, 186, 190))
    sketch.box(x, y, w, h, bare)


def _component(sketch: Sketch, index: int, x: float, y: float, w: float, h: float) -> None:
    if index > 2 and w == h:
        sketch.disc(x + w / 2 + 2, y + h / 2 + 3, w / 2, (24, 24, 24))
        sketch.disc(x + w / 2, y + h / 2, w / 2, (196, 198, 200))
        sketch.disc(x + w / 2, y + h / 2, w / 2 - 3, (168, 170, 172))
        sketch.path([(x + 6, y + h / 2), (x + w - 6, y + h / 2)], (110, 110, 110), 2)
        return
    body = (34, 33, 32) if index <= 2 else [(70, 120, 170), (52, 50, 48)][index % 2]
    sketch.box(x + 2, y + 3, w, h, (18, 18, 18))
    sketch.box(x, y, w, h, body)
    sketch.box(x, y, w, h * 0.1, tuple(min(255, level + 26) for level in body))  # type: ignore[arg-type]
    if index <= 2:
        sketch.disc(x + 8, y + h - 8, 3, (90, 90, 90))
        sketch.text(f"K{37 * (index + 3)}", x + w * 0.2, y + h * 0.62, 10, (150, 150, 150))


def blister(rng: Random, size: tuple[int, int], missing: int | None) -> tuple[Sketch, Spot | None]:
    """A blister pack: embossed foil, twelve tablets under domes that shine."""
    sketch = Sketch(size, (70, 62, 58))
    cv2.rectangle(sketch.surface, sketch.at(34, 34), sketch.at(478, 478), 255, -1)
    sketch.box(40, 42, 444, 444, (34, 30, 28))
    sketch.image[sketch.surface > 0] = (196, 192, 188)
    sketch.add(_embossing(sketch), sketch.surface)
    sketch.add(sketch.grain(rng, 1.5, 1.5, 4), sketch.surface)
    sketch.box(34, 34, 444, 444, (232, 230, 228), 3)
    tablet = [(238, 240, 242), (120, 196, 240), (190, 160, 236), (150, 210, 170)][int(rng.integers(0, 4))]
    places = [(94.0 + 108 * column, 110.0 + 146 * row) for row in range(3) for column in range(4)]
    for index, (x, y) in enumerate(places):
        _dome(sketch, x, y, None if index == missing else tablet)
    return sketch, None if missing is None else sketch.spot(*places[missing], 36)


def _embossing(sketch: Sketch) -> NDArray[np.float32]:
    ys, xs = np.mgrid[: sketch.height, : sketch.width].astype(np.float32) / np.float32(sketch.unit)
    levels: NDArray[np.float32] = 9 * np.sign(np.sin((xs + ys) / 4)) * np.sign(np.sin((xs - ys) / 4))
    return cv2.GaussianBlur(levels, (0, 0), 0.8)  # type: ignore[no-any-return]


def _dome(sketch: Sketch, x: float, y: float, tablet: Colour | None) -> None:
    sketch.disc(x, y, 43, (150, 147, 144))
    sketch.disc(x, y, 41, (178, 175, 172))
    if tablet is not None:
        darker = tuple(int(level * 0.72) for level in tablet)
        sketch.disc(x + 2, y + 3, 33, (118, 115, 112))
        sketch.disc(x, y, 32, darker)  # type: ignore[arg-type]
        sketch.disc(x - 1, y - 1, 29, tablet)
        sketch.path([(x - 22, y + 2), (x + 22, y + 2)], darker, 3)  # type: ignore[arg-type]
    shine = cv2.ellipse(
        np.zeros_like(sketch.surface), sketch.at(x - 10, y - 14), (sketch.length(15), sketch.length(7)),
        -35, 0, 360, 70, -1, LINE,
    )  # fmt: skip
    sketch.add(cv2.GaussianBlur(shine, (0, 0), 2).astype(np.float32))


def cloth(rng: Random, size: tuple[int, int], missing: int | None) -> tuple[Sketch, Spot | None]:
    """Woven twill in checks with two stitched seams; what goes missing is a run of stitches."""
    sketch = Sketch(size, (90, 80, 70))
    sketch.surface[:] = 255
    hue = int(rng.integers(0, 180))
    warp, weft = (_colour(hue, 110, 120), _colour((hue + 14) % 180, 70, 178))
    ys, xs = np.mgrid[: sketch.height, : sketch.width] / sketch.unit
    over = ((xs // 4 + ys // 4) % 4 < 2)[..., np.newaxis]
    checks = (((xs // 64) % 2 + (ys // 64) % 2) * 0.16 + 0.78)[..., np.newaxis]
    weave = np.where(over, np.array(warp), np.array(weft)) * checks
    sketch.image[:] = cv2.GaussianBlur(np.clip(weave, 0, 255).astype(np.uint8), (0, 0), 0.7)
    sketch.add(sketch.grain(rng, 0.8, 9, 6) + sketch.grain(rng, 9, 0.8, 6))
    thread, stitches = _colour((hue + 90) % 180, 60, 226), range(0, 32)
    for seam, y in enumerate((150.0, 362.0)):
        sketch.add(-14 * _band(sketch, y))
        for stitch in stitches:
            if missing is None or seam != missing % 2 or abs(stitch - 4 - 2 * missing) > 1:
                x = stitch * 16.0 + 3
                sketch.path([(x + 1, y + 2), (x + 10, y + 2)], (40, 36, 34), 4)
                sketch.path([(x, y), (x + 9, y)], thread, 4)
    if missing is None:
        return sketch, None
    return sketch, sketch.spot((4 + 2 * missing) * 16 + 8, (150.0, 362.0)[missing % 2], 24)


def _colour(hue: int, saturation: int, value: int) -> Colour:
    blue, green, red = cv2.cvtColor(np.array([[[hue, saturation, value]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
    return int(blue), int(green), int(red)


def _band(sketch: Sketch, y: float) -> NDArray[np.float32]:
    rows = (np.arange(sketch.height, dtype=np.float32) - sketch.at(0, y)[1]) / np.float32(9 * sketch.unit)
    band: NDArray[np.float32] = np.repeat(np.exp(-(rows**2))[:, np.newaxis], sketch.width, axis=1)
    return band


Draw = Callable[[Random, tuple[int, int], int | None], tuple[Sketch, Spot | None]]
STYLES: tuple[tuple[Draw, int], ...] = ((plate, 6), (board, 12), (blister, 12), (cloth, 12))  # and how much can miss


@lru_cache(maxsize=32)
def design(station_style: int, size: tuple[int, int], missing: int | None) -> Design:
    """What station `station_style` makes, drawn without a camera. Every number is a part of its own: the style is
    `station_style` modulo the styles there are, and the rest picks colours, layout and lettering.
    """
    draw, _ = STYLES[station_style % len(STYLES)]
    sketch, spot = draw(np.random.default_rng(station_style), size, missing)
    for array in (sketch.image, sketch.surface):
        array.flags.writeable = False
    return Design(sketch.image, sketch.surface, spot)


def can_miss(station_style: int) -> int:
    """How many different things a part of this style can lack."""
    return STYLES[station_style % len(STYLES)][1]
