"""Lighting that changed is no defect: brightness and contrast of the whole frame, and slow changes across it."""

import numpy as np

from andon_training.golden_sample.pixels import shrunk
from andon_training.golden_sample.warp import CELL, spread
from andon_training.graph import Graph

MOST_GAIN = 1.5
MOST_OFFSET = 48.0  # grey levels: a black part is not a white one in the dark
LOCAL_CELLS = 9  # over which slow changes are averaged
MOST_LOCAL = 8.0  # grey levels: more is a stain
FLAT = 1.0  # grey levels

WHOLE = [1, 2, 3]


def relit(graph: Graph, value: str, seen: str, wanted: str) -> str:
    """`value` [N, C, H, W] in the light of `wanted`, as far as `seen` tells it.

    `seen` and `wanted`, both [N, 1, h, w], are the brightness of the frame and of its reference, registered.
    """
    before, after = _mean(graph, seen), _mean(graph, wanted)
    ratio = graph.add("Div", _spread(graph, wanted, after), _spread(graph, seen, before))
    gain = graph.add("Clip", ratio, graph.scalar(1 / MOST_GAIN), graph.scalar(MOST_GAIN))
    moved = graph.add("Sub", after, before)
    offset = graph.add("Clip", moved, graph.scalar(-MOST_OFFSET), graph.scalar(MOST_OFFSET))
    gained = graph.add("Mul", graph.add("Sub", value, before), gain)
    return graph.add("Add", gained, graph.add("Add", before, offset))


def evened(graph: Graph, value: str, wanted: str, size: tuple[int, int]) -> str:
    """`value` less its slow differences from `wanted`, both [N, C, *size]."""
    cells = size[0] // CELL, size[1] // CELL
    rough = shrunk(graph, graph.add("Sub", value, wanted), CELL)
    slow = graph.add("AveragePool", rough, kernel_shape=[LOCAL_CELLS] * 2, pads=[LOCAL_CELLS // 2] * 4)
    small = graph.add("Clip", slow, graph.scalar(-MOST_LOCAL), graph.scalar(MOST_LOCAL))
    return graph.add("Sub", value, spread(graph, small, cells, size))


def _mean(graph: Graph, value: str) -> str:
    return graph.add("ReduceMean", value, graph.constant(WHOLE))


def _spread(graph: Graph, value: str, mean: str) -> str:
    """The standard deviation, and a little, so that a blank frame divides nothing by nothing."""
    centred = graph.add("Sub", value, mean)
    variance = _mean(graph, graph.add("Mul", centred, centred))
    return graph.add("Sqrt", graph.add("Add", variance, graph.scalar(float(np.square(FLAT)))))
