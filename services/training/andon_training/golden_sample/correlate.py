"""Normalised cross-correlation over shifts, as a product of matrices.

Source: J. P. Lewis, "Fast Normalized Cross-Correlation", 1995.
"""

import numpy as np
from numpy.typing import NDArray

from andon_training.graph import Graph

FLOOR = 1e-3  # grey levels times the root of the pixels: a blank image correlates with nothing


def shifts(reach: int) -> NDArray[np.float32]:
    """All whole shifts (x, y) up to `reach` along each side, float32 [S, 2], in the order of `shifted`."""
    steps = range(-reach, reach + 1)
    return np.array([(x, y) for y in steps for x in steps], np.float32)


def shifted(graph: Graph, value: str, size: tuple[int, int], reach: int) -> str:
    """The part of `value`, [N, C, *size], that stands `reach` off its edge, seen through every shift: [N, S, D].

    Each row has mean 0 and length 1.
    """
    inner = size[0] - 2 * reach, size[1] - 2 * reach
    views = [_flat(graph, _cut(graph, value, (y, x), inner)) for y in _starts(reach) for x in _starts(reach)]
    return unit(graph, graph.add("Concat", *views, axis=1) if len(views) > 1 else views[0])


def unit(graph: Graph, value: str) -> str:
    """`value`, [N, m, D], each row with mean 0 and length 1."""
    centred = graph.add("Sub", value, graph.add("ReduceMean", value, graph.constant([2])))
    length = graph.add("ReduceL2", centred, graph.constant([2]))
    return graph.add("Div", centred, graph.add("Add", length, graph.scalar(FLOOR)))


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `unit`, outside the graph: float32 [K, D]."""
    centred = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)
    length = np.linalg.norm(centred, axis=1, keepdims=True) + FLOOR
    divided: NDArray[np.float32] = (centred / length).astype(np.float32)
    return divided


def _starts(reach: int) -> range:
    return range(2 * reach + 1)


def _cut(graph: Graph, value: str, start: tuple[int, int], size: tuple[int, int]) -> str:
    end = [start[0] + size[0], start[1] + size[1]]
    return graph.add("Slice", value, graph.constant(list(start)), graph.constant(end), graph.constant([2, 3]))


def _flat(graph: Graph, value: str) -> str:
    return graph.add("Reshape", value, graph.constant([0, 1, -1]))
