"""A reference drawn where the frame shows it: displacements in pixels, of cells, spread over pixels and sampled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon_training.graph import Graph

CELL = 8  # pixels


@dataclass(frozen=True)
class Field:
    """Graph value `value`, float32 [N, 2, rows, columns], (x, y) in pixels of the frame, over (height, width) pixels.

    One row and one column: the whole frame alike.
    """

    value: str
    size: tuple[int, int]
    rows: int = 1
    columns: int = 1


def spread(graph: Graph, value: str, cells: tuple[int, int], to: tuple[int, int]) -> str:
    """`value` [N, C, *cells] over `to` pixels, bilinear: [N, C, *to]."""
    if cells == (1, 1):
        return value
    down = graph.constant(linear(cells[0], to[0]))
    across = graph.constant(np.ascontiguousarray(linear(cells[1], to[1]).T))
    return graph.add("MatMul", graph.add("MatMul", down, value), across)


def linear(cells: int, pixels: int) -> NDArray[np.float32]:
    """The weights of linear interpolation from the middles of `cells` to those of `pixels`, float32 [pixels, cells]."""
    at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    weights: NDArray[np.float32] = np.maximum(0, 1 - np.abs(at[:, np.newaxis] - np.arange(cells))).astype(np.float32)
    return weights


def places(graph: Graph, field: Field, size: tuple[int, int]) -> str:
    """Where each of `size` pixels lies in the reference, float32 [N, 2, *size], -1 to 1 from edge to edge."""
    height, width = field.size
    scale = graph.constant(np.array([2 / width, 2 / height], np.float32).reshape(1, 2, 1, 1))
    moved = spread(graph, graph.add("Mul", field.value, scale), (field.rows, field.columns), size)
    return graph.add("Add", _middles(graph, size), moved)


def sample(graph: Graph, image: str, at: str) -> str:
    """`image` [N, C, h, w] at `places`, bilinear; beyond its edge, its edge."""
    grid = graph.add("Transpose", at, perm=[0, 2, 3, 1])
    return graph.add("GridSample", image, grid, mode="bilinear", padding_mode="border", align_corners=0)


def seen(graph: Graph, at: str, field: Field) -> str:
    """1 for a pixel of `places` that lies whole within the reference, 0 for one half outside, [N, 1, h, w]."""
    half = np.array(field.size[::-1], np.float32).reshape(1, 2, 1, 1) / 2
    off = graph.add("Mul", graph.add("Abs", at), graph.constant(half))
    inside = graph.add("ReduceMin", graph.add("Sub", graph.constant(half + np.float32(0.5)), off), graph.constant([1]))
    return graph.add("Clip", inside, graph.scalar(0.0), graph.scalar(1.0))


def _middles(graph: Graph, size: tuple[int, int]) -> str:
    """The middles of `size` pixels, (x, y), float32 [1, 2, *size], -1 to 1 from edge to edge.

    Made when the model is opened, so that the file holds two lines and not the plane.
    """
    y, x = (((2 * np.arange(side) + 1) / side - 1).astype(np.float32) for side in size)
    plane = graph.constant([1, 1, *size])
    across = graph.add("Expand", graph.constant(x.reshape(1, 1, 1, -1)), plane)
    return graph.add("Concat", across, graph.add("Expand", graph.constant(y.reshape(1, 1, -1, 1)), plane), axis=1)
