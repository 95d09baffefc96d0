"""PaDiM's head: Mahalanobis distance at every place, in the form that runs fastest (Defard et al. 2020, section III).

anomalib multiplies a frame's deviation at each place by a whole inverse covariance, twice. Here it is multiplied once
by the lower triangle of its Cholesky factor, cut into BLOCKS steps so that hardly any of the zeros above the diagonal
is read. Of a batch of 1 that reading is all the time there is (4,096 places of 100 features: 164 MB, here 102).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon_training.anomalib_models.trained import Singles, Trained
from andon_training.export.features import Shapes
from andon_training.export.options import Covariance
from andon_training.export.smooth import add_enlarged, enlarging, line_kernel
from andon_training.graph import Graph, Outputs

BLOCKS = 4
TINY = 1e-7

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Positions:
    """What PaDiM learned. `chosen` are the channels it looks at, by layer; `mean` is float32 [P, d] and
    `inverse_covariance` float32 [P, d, d], the features in the order of `chosen`.
    """

    chosen: dict[str, Indices]
    mean: Singles
    inverse_covariance: Singles


def positions(module: Any, shapes: Shapes) -> Positions:
    """What `module`, a fitted PadimModel, learned, its features put in the order of their layers."""
    index = module.idx.numpy()
    order = np.argsort(index, kind="stable")
    chosen, first = {}, 0
    for name, (channels, _, _) in shapes.items():
        within = index[order] - first
        chosen[name] = within[(within >= 0) & (within < channels)]
        first += channels
    mean = module.gaussian.mean.numpy().T[:, order]
    inverse = module.gaussian.inv_covariance.numpy()[:, order[:, None], order]
    return Positions(chosen, np.ascontiguousarray(mean), np.ascontiguousarray(inverse))


def add_padim(
    graph: Graph,
    given: dict[str, str],
    shapes: Shapes,
    trained: Trained,
    learned: Positions,
    covariance: Covariance,
) -> Outputs:
    """The head on the feature maps `given`: `score` and `map` of N frames."""
    rows, columns = next(iter(shapes.values()))[1:]
    embedding = _embedding(graph, given, shapes, learned.chosen)
    add = _add_diagonal if covariance == "diagonal" else _add_full
    distance = graph.add("Reshape", add(graph, embedding, learned), graph.constant([-1, rows, columns]))
    height, width = trained.preparation.height, trained.preparation.width
    kernel = line_kernel(trained.module.anomaly_map_generator.blur)
    smooth = enlarging(rows, height, "linear", kernel), enlarging(columns, width, "linear", kernel)
    anomaly_map = add_enlarged(graph, distance, *smooth)
    score = graph.add("ReduceMax", anomaly_map, graph.constant([1, 2]), keepdims=0)
    return {"score": (score, ("N",)), "map": (anomaly_map, ("N", height, width))}


def _embedding(graph: Graph, given: dict[str, str], shapes: Shapes, chosen: dict[str, Indices]) -> str:
    """[N, d, rows, columns]: the chosen channels of each layer, as large as the first."""
    rows, columns = next(iter(shapes.values()))[1:]
    parts = []
    for name, channels in chosen.items():
        if not len(channels):
            continue
        part = graph.add("Gather", given[name], graph.constant(channels), axis=1)
        for axis, (size, wanted) in enumerate(zip(shapes[name][1:], (rows, columns), strict=True), 2):
            part = part if size == wanted else _repeated(graph, part, size, wanted, axis)
        parts.append(part)
    return graph.add("Concat", *parts, axis=1)


def _repeated(graph: Graph, value: str, size: int, wanted: int, axis: int) -> str:
    """`value` enlarged along `axis` as `F.interpolate` does by "nearest"."""
    nearest = np.arange(wanted, dtype=np.int64) * size // wanted
    return graph.add("Gather", value, graph.constant(nearest), axis=axis)


def _add_diagonal(graph: Graph, embedding: str, learned: Positions) -> str:
    """[N, P]: distances in units of each feature's own spread."""
    covariance = np.linalg.inv(learned.inverse_covariance.astype(np.float64))
    gain = 1 / np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    last = graph.add("Transpose", embedding, perm=[0, 2, 3, 1])
    at = graph.add("Reshape", last, graph.constant([-1, *learned.mean.shape]))
    centred = graph.add("Sub", at, graph.constant(learned.mean))
    white = graph.add("Mul", centred, graph.constant(gain.astype(np.float32)))
    return graph.add("ReduceL2", white, graph.constant([2]), keepdims=0)


def _add_full(graph: Graph, embedding: str, learned: Positions) -> str:
    """[N, P]: Mahalanobis distances. Places lead, so that a batch reads each matrix once."""
    places, d = learned.mean.shape
    leading = graph.add("Transpose", embedding, perm=[2, 3, 0, 1])
    at = graph.add("Reshape", leading, graph.constant([places, -1, d]))
    centred = graph.add("Sub", at, graph.constant(learned.mean[:, None]))
    white = _add_whitened(graph, centred, learned.inverse_covariance)
    return graph.add("Transpose", graph.add("ReduceL2", white, graph.constant([2]), keepdims=0), perm=[1, 0])


def _add_whitened(graph: Graph, centred: str, inverse: Singles) -> str:
    """[P, N, d] of `centred`, [P, N, d], times the Cholesky factor of each `inverse`, block of columns by block."""
    factor = _factor(inverse)
    d = factor.shape[-1]
    cuts = [round(d * i / BLOCKS) for i in range(BLOCKS + 1)]
    parts = []
    for first, last in pairwise(cuts):
        block = np.ascontiguousarray(factor[:, first:, first:last])  # above `first` its columns are zero
        below = graph.add("Slice", centred, *(graph.constant([n]) for n in (first, d, 2)))
        parts.append(graph.add("MatMul", below, graph.constant(block)))
    return graph.add("Concat", *parts, axis=2)


def _factor(inverse: Singles) -> Singles:
    """float32 [P, d, d], lower triangles L with L @ L.T = `inverse`.

    An inverse that was rounded to float32 may have directions just below zero, where distance is none: they are
    raised to TINY of the greatest.
    """
    exact = inverse.astype(np.float64)
    exact = (exact + exact.swapaxes(-1, -2)) / 2
    try:
        return np.linalg.cholesky(exact).astype(np.float32)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(exact)
        values = np.maximum(values, TINY * values[:, -1:])
        return np.linalg.cholesky(vectors * values[:, None] @ vectors.swapaxes(-1, -2)).astype(np.float32)
