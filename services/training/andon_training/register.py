"""Registration: every frame is moved onto a template before it is looked at, by whole cells of a small picture of it.

The shift is where the frame's small picture, its local mean taken off, correlates best with that of the good frames.
It is found and undone inside the graph; the anomaly map is moved back, so that it shows the frame as it was.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon_training.graph import Graph
from andon_training.options import Lighting
from andon_training.pixels import grey_levels, one_channel
from andon_training.session import cpu_session

CELLS = 64  # a side of the small picture
REACH = 8  # cells a frame may lie off: an eighth of its side
LOCAL = 9  # cells over which the local mean is taken
ROUNDS = 3  # in which template and shifts are found in turn
SHIFTED_SHARE = 0.1  # of the good frames: fewer lie off, and there is nothing to mend
BATCH = 8
_TRIES = 2 * REACH + 1

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Template:
    """`picture` is float32 [CELLS, CELLS]: what good frames have in common, each put where it belongs."""

    picture: Singles


def template_of(frames: NDArray[np.uint8]) -> tuple[Template, float]:
    """The template of good frames, uint8 [n, side, side, c], and the share of them that lie off it."""
    pictures = _pictures(frames)
    template = pictures.mean(axis=0)
    for _ in range(ROUNDS):
        shifts = _shifts(pictures, template)
        template = _put_right(pictures, shifts).mean(axis=0)
    off = np.abs(shifts - np.median(shifts, axis=0)).max(axis=1) >= 1
    return Template(template.astype(np.float32)), float(off.mean())


def find_template(frames: NDArray[np.uint8]) -> Template | None:
    """The template of good frames, uint8 [n, side, side, c]; None where nearly all lie where the others do."""
    template, off = template_of(frames)
    return template if off > SHIFTED_SHARE else None


def add_shift(graph: Graph, levels: str, sides: tuple[int, int], template: Template) -> str:
    """How far each frame lies off, float32 [N, 1, 1, 2], (x, y) as GridSample counts: 2 is a whole side.

    `levels` is float32 NCHW in 0..255.
    """
    small = _small(graph, one_channel(graph, levels), sides)
    kernel = graph.constant(template.picture[np.newaxis, np.newaxis])
    agreement = graph.add("Conv", graph.pad(small, REACH, "constant"), kernel)
    flat = graph.add("Reshape", agreement, graph.constant([-1, _TRIES * _TRIES]))
    best = graph.add("ArgMax", flat, axis=1, keepdims=1)
    across = graph.add("Mod", best, graph.constant([_TRIES]))
    down = graph.add("Div", best, graph.constant([_TRIES]))
    cells = graph.add("Cast", graph.add("Concat", across, down, axis=1), to=1)
    centred = graph.add("Sub", cells, graph.scalar(REACH))
    return graph.add("Reshape", graph.add("Mul", centred, graph.scalar(2 / CELLS)), graph.constant([-1, 1, 1, 2]))


def moved(graph: Graph, value: str, sides: tuple[int, int], shift: str, *, back: bool = False) -> str:
    """NCHW `value` of height and width `sides`, each frame moved by its shift onto the template, or back from it."""
    grid = graph.add("Sub" if back else "Add", graph.constant(_where(sides)), shift)
    return graph.add("GridSample", value, grid, mode="bilinear", padding_mode="border", align_corners=0)


def _small(graph: Graph, levels: str, sides: tuple[int, int]) -> str:
    """One-channel `levels` as [N, 1, CELLS, CELLS], less its local mean."""
    step = [sides[0] // CELLS, sides[1] // CELLS]
    small = graph.add("AveragePool", levels, kernel_shape=step, strides=step)
    local = graph.add("AveragePool", graph.pad(small, LOCAL // 2, "edge"), kernel_shape=[LOCAL, LOCAL])
    return graph.add("Sub", small, local)


def _where(sides: tuple[int, int]) -> Singles:
    """The middle of each pixel, float32 [1, height, width, 2], (x, y) from -1 to 1."""
    rows, columns = ((2 * np.arange(side) + 1) / side - 1 for side in sides)
    across, down = np.meshgrid(columns, rows)
    grid: Singles = np.stack([across, down], axis=-1)[np.newaxis].astype(np.float32)
    return grid


def _put_right(pictures: Singles, shifts: NDArray[np.int64]) -> Singles:
    """Each picture moved back by its shift; what leaves on one side comes in on the other."""
    moves = zip(pictures, shifts, strict=True)
    return np.array([np.roll(one, (-down, -across), (0, 1)) for one, (down, across) in moves], np.float32)


def _pictures(frames: NDArray[np.uint8]) -> Singles:
    """Small pictures, float32 [n, CELLS, CELLS], by the nodes that will serve; levelled, so that none weighs more."""
    graph, shape = Graph(), frames.shape[1:]
    levels = grey_levels(graph, Lighting.LEVELLED)
    small = _small(graph, one_channel(graph, levels), (shape[0], shape[1]))
    model = graph.model(shape, {"small": (small, ("N", 1, CELLS, CELLS))})
    session: Any = cpu_session(model)
    batches = (frames[i : i + BATCH] for i in range(0, len(frames), BATCH))
    found: Singles = np.concatenate([session.run(["small"], {"frames": batch})[0] for batch in batches])
    return found[:, 0]


def _shifts(pictures: Singles, template: Singles) -> NDArray[np.int64]:
    """(down, across) in cells of each picture, int64 [n, 2], as `add_shift` finds them."""
    padded = np.pad(pictures, ((0, 0), (REACH, REACH), (REACH, REACH)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (CELLS, CELLS), axis=(1, 2))
    tried = [np.tensordot(one, template) for one in windows]  # one by one: the windows of all fill the memory
    agreement = np.reshape(tried, (len(pictures), -1))
    best = agreement.argmax(axis=1)
    return np.stack([best // _TRIES, best % _TRIES], axis=1) - REACH
