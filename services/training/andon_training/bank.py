"""What good looks like: a bounded memory of what was seen anywhere in good frames.

As PatchCore (Roth et al. 2022): each cell is averaged with its neighbours, channels are brought to one spread, and the
distance of a cell is that to the nearest of the memory, wherever that stood. It is the method for parts that lie
anyhow: turned, shifted, bulk goods, cloth. The memory is a random share, not a greedy coreset: the greedy one seeks out
the few bad parts that hide among the good.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from andon_training.graph import Graph
from andon_training.views import View

MOST = 3000  # cells remembered of each view
SEED = 20_26
SPREAD_FLOOR = 1e-3  # of the mean spread: what no channel's own may fall below

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Bank:
    """`centre` and `gain`, float32 [d], bring features to one spread; `memory` is float32 [m, d] of such."""

    centre: Singles
    gain: Singles
    memory: Singles


def bank(features: Singles) -> Bank:
    """The bank of `features`, float32 [n, rows, columns, d]. The same features give the same bank."""
    near = smoothed(features).reshape(-1, features.shape[-1])
    centre, spread = near.mean(axis=0, dtype=np.float64), near.std(axis=0, dtype=np.float64)
    gain = 1 / np.maximum(spread, SPREAD_FLOOR * spread.mean() + 1e-9)
    kept = np.sort(np.random.default_rng(SEED).permutation(len(near))[:MOST])
    memory = (near[kept] - centre) * gain
    return Bank(centre.astype(np.float32), gain.astype(np.float32), memory.astype(np.float32))


def smoothed(features: Singles) -> Singles:
    """Each cell averaged with its 3x3 neighbours, inside the frame: float32 [n, rows, columns, d] again."""
    flat = np.stack([cv2.blur(_wide(frame), (3, 3), borderType=cv2.BORDER_REPLICATE) for frame in features])
    return flat.reshape(features.shape).astype(np.float32, copy=False)


def distances(normal: Bank, features: Singles) -> Singles:
    """Distance to the nearest remembered cell over root d, float32 [n, rows, columns]."""
    n, rows, columns, d = features.shape
    nearest = [_nearest(normal, frame.reshape(-1, d)) for frame in smoothed(features)]
    return np.stack(nearest).reshape(n, rows, columns)


def add_distances(graph: Graph, view: View, normal: Bank) -> str:
    """The same in a graph: [N, 1, rows, columns]."""
    padded = graph.pad(view.value, 1, "edge")
    near = graph.add("AveragePool", padded, kernel_shape=[3, 3], strides=[1, 1])
    last = graph.add("Transpose", near, perm=[0, 2, 3, 1])
    cells = graph.add("Reshape", last, graph.constant([-1, view.depth]))
    white = graph.add("Mul", graph.add("Sub", cells, graph.constant(normal.centre)), graph.constant(normal.gain))
    cross = graph.add("MatMul", white, graph.constant(np.ascontiguousarray(-2 * normal.memory.T)))
    squares = graph.add("Add", cross, graph.constant((normal.memory**2).sum(1)))
    nearest = graph.add("ReduceMin", squares, graph.constant([1]), keepdims=0)
    own = graph.add("ReduceSum", graph.add("Mul", white, white), graph.constant([1]), keepdims=0)
    squared = graph.add("Max", graph.add("Add", nearest, own), graph.scalar(0.0))
    distance = graph.add("Sqrt", graph.add("Mul", squared, graph.scalar(1 / view.depth)))
    return graph.add("Reshape", distance, graph.constant([-1, 1, view.rows, view.columns]))


def _nearest(normal: Bank, cells: Singles) -> Singles:
    white = (cells - normal.centre) * normal.gain
    squares = white @ (-2 * normal.memory.T) + (normal.memory**2).sum(1)
    squared = np.maximum(squares.min(axis=1) + (white * white).sum(1), 0)
    nearest: Singles = np.sqrt(squared / cells.shape[1]).astype(np.float32)
    return nearest


def _wide(frame: Singles) -> Singles:
    """[rows, columns, d] for OpenCV, which blurs any number of channels of a contiguous array."""
    return np.ascontiguousarray(frame, np.float32)
