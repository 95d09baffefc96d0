"""PatchCore's head: the distance of every place to the nearest cell of a memory (Roth et al. 2022, section 3.3).

anomalib makes every distance to every cell, takes the root of all of them, and searches the memory a second time for
the neighbours of the nearest. Here what does not depend on the frame is made once: the cells' norms stand in the
product, the place's own norm and the root come after the least was found, and a cell's neighbours are a table. The
memory is gone through in runs of RUN cells, so that a batch never holds all distances at a time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from andon.errors import Mistake
from andon_training.anomalib_models.trained import Singles, Trained
from andon_training.export.features import Shapes
from andon_training.export.smooth import add_enlarged, enlarging, line_kernel
from andon_training.graph import Graph, Outputs

RUN = 512  # cells of the memory compared at a time

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Memory:
    """`cells` float32 [m, d]; `neighbours` int64 [m, k], the nearest k of each cell, itself first. k 1: none kept."""

    cells: Singles
    neighbours: Indices


def memory(trained: Trained, size: int | None, neighbours: int | None) -> Memory:
    """The memory of a fitted PatchcoreModel, its first `size` cells (None: all): anomalib keeps its coreset in the
    order in which it was chosen, greedily, so that the first cells are the coreset of that size.

    Raises Mistake for a size or a number of neighbours below 1.
    """
    if min(size or 1, neighbours or 1) < 1 or 0 in (size, neighbours):
        raise Mistake(f"{trained.name}: a memory of {size} cells and {neighbours} neighbours; both are at least 1")
    cells = trained.module.memory_bank[:size]
    most = min(neighbours or trained.module.num_neighbors, len(cells))
    runs = [_nearest(trained.module, run, cells, most) for run in cells.split(RUN)]
    return Memory(cells.numpy(), torch.cat(runs).numpy())


def _nearest(module: Any, run: Any, cells: Any, most: int) -> Any:
    return module.euclidean_dist(run, cells).topk(most, largest=False, dim=1).indices


def add_patchcore(graph: Graph, given: dict[str, str], shapes: Shapes, trained: Trained, learned: Memory) -> Outputs:
    """The head on the feature maps `given`: `score` and `map` of N frames."""
    rows, columns = next(iter(shapes.values()))[1:]
    places, d = rows * columns, learned.cells.shape[1]
    near = [_pooled(graph, given[name], shapes[name], (rows, columns)) for name in shapes]
    last = graph.add("Transpose", graph.add("Concat", *near, axis=1), perm=[0, 2, 3, 1])
    cells = graph.add("Reshape", last, graph.constant([-1, d]))
    runs = _runs(graph, learned.cells)
    distance = _rooted(graph, _least(graph, cells, runs), cells)
    by_frame = graph.add("Reshape", distance, graph.constant([-1, places]))
    score = graph.add("ReduceMax", by_frame, graph.constant([1]), keepdims=0)
    if learned.neighbours.shape[1] > 1:
        by_place = graph.add("Reshape", cells, graph.constant([-1, places, d]))
        score = graph.add("Mul", score, _weight(graph, by_frame, by_place, runs, learned.neighbours))
    square = graph.add("Reshape", distance, graph.constant([-1, rows, columns]))
    height, width = trained.preparation.height, trained.preparation.width
    kernel = line_kernel(trained.module.anomaly_map_generator.blur)
    smooth = enlarging(rows, height, "nearest", kernel), enlarging(columns, width, "nearest", kernel)
    anomaly_map = add_enlarged(graph, square, *smooth)
    return {"score": (score, ("N",)), "map": (anomaly_map, ("N", height, width))}


def _pooled(graph: Graph, value: str, shape: tuple[int, int, int], wanted: tuple[int, int]) -> str:
    """Each cell averaged with its 3x3 neighbours, zeros beyond the border, then enlarged as F.interpolate does."""
    pooled = graph.add("AveragePool", value, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    if shape[1:] == wanted:
        return pooled
    factors = np.array([1, 1, wanted[0] / shape[1], wanted[1] / shape[2]], np.float32)
    if all(float(n).is_integer() for n in factors):
        mode = "pytorch_half_pixel"
        return graph.add(
            "Resize", pooled, "", graph.constant(factors), mode="linear", coordinate_transformation_mode=mode
        )
    lines = enlarging(shape[1], wanted[0], "linear"), enlarging(shape[2], wanted[1], "linear")
    return add_enlarged(graph, pooled, *lines)


def _runs(graph: Graph, cells: Singles) -> list[tuple[str, str]]:
    """The memory as factors and addends of a product: |x - m|^2 = |x|^2 + (-2 m) . x + |m|^2."""
    parts = [cells[first : first + RUN] for first in range(0, len(cells), RUN)]
    return [
        (
            graph.constant(np.ascontiguousarray(-2 * part.T)),
            graph.constant((part.astype(np.float64) ** 2).sum(1).astype(np.float32)),
        )
        for part in parts
    ]


def _least(graph: Graph, cells: str, runs: list[tuple[str, str]]) -> str:
    """[places]: of `cells`, [places, d], the least |x - m|^2 - |x|^2."""
    least = ""
    for factors, squares in runs:
        run = graph.add("ReduceMin", graph.add("Gemm", cells, factors, squares), graph.constant([1]), keepdims=0)
        least = graph.add("Min", least, run) if least else run
    return least


def _rooted(graph: Graph, squared: str, cells: str, keepdims: int = 0) -> str:
    """`squared`, which lacks |x|^2 of each of `cells`, as distances."""
    own = graph.add("ReduceSumSquare", cells, graph.constant([1]), keepdims=keepdims)
    return graph.add("Sqrt", graph.add("Max", graph.add("Add", squared, own), graph.scalar(0.0)))


def _weight(graph: Graph, distance: str, cells: str, runs: list[tuple[str, str]], neighbours: Indices) -> str:
    """[N]: how far a frame's farthest place is from the neighbours of the cell nearest to it (equation 7)."""
    farthest = graph.add("ArgMax", distance, axis=1, keepdims=1)
    place = graph.add("GatherND", cells, farthest, batch_dims=1)
    squares = [graph.add("Gemm", place, *run) for run in runs]
    squared = graph.add("Concat", *squares, axis=1) if len(squares) > 1 else squares[0]
    nearest = graph.add("ArgMin", squared, axis=1, keepdims=0)
    around = graph.add("Gather", graph.constant(neighbours), nearest, axis=0)
    apart = graph.add("GatherElements", _rooted(graph, squared, place, keepdims=1), around, axis=1)
    shares = graph.add("Softmax", apart, axis=1)
    own = graph.add("Gather", shares, graph.constant(np.array(0, np.int64)), axis=1)
    return graph.add("Sub", graph.scalar(1.0), own)
