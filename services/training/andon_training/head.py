"""The two models fit needs: features alone, and the whole inspection, from the same nodes."""

import numpy as np

from andon_training.features import Features, filter_bank
from andon_training.gaussian import BLUR_REACH, Gaussian, blur_taps
from andon_training.graph import Graph

Shape = tuple[int, int, int]


def feature_model(shape: Shape) -> bytes:
    """ONNX: `frames` uint8 [N, *shape] gives `features` float32 [N, rows, columns, depth]."""
    graph = Graph()
    features = filter_bank(graph, shape)
    value = graph.add("Transpose", features.value, perm=[0, 2, 3, 1])
    return graph.model(shape, {"features": (value, ("N", features.rows, features.columns, features.depth))})


def inspection_model(shape: Shape, normal: Gaussian) -> bytes:
    """ONNX: `frames` uint8 [N, *shape] gives raw `score` [N] and `map` [N, rows, columns]."""
    graph = Graph()
    features = filter_bank(graph, shape)
    distance = _distance(graph, features, normal)
    blurred = _blurred(graph, distance)
    grid = (features.rows, features.columns)
    anomaly_map = graph.add("Reshape", blurred, graph.constant([-1, *grid]))
    score = graph.add("ReduceMax", anomaly_map, graph.constant([1, 2]), keepdims=0)
    return graph.model(shape, {"score": (score, ("N",)), "map": (anomaly_map, ("N", *grid))})


def _distance(graph: Graph, features: Features, normal: Gaussian) -> str:
    """[N, 1, rows, columns]. Positions lead in the product, so that a batch reads each whitening matrix once."""
    positions, depth = features.rows * features.columns, features.depth
    leading = graph.add("Transpose", features.value, perm=[2, 3, 0, 1])
    at = graph.add("Reshape", leading, graph.constant([positions, -1, depth]))
    centred = graph.add("Sub", at, graph.constant(normal.mean.reshape(positions, 1, depth)))
    white = graph.add("MatMul", centred, graph.constant(normal.whitening.reshape(positions, depth, depth)))
    squared = graph.add("ReduceMean", graph.add("Mul", white, white), graph.constant([2]), keepdims=0)
    by_frame = graph.add("Transpose", graph.add("Sqrt", squared), perm=[1, 0])
    return graph.add("Reshape", by_frame, graph.constant([-1, 1, features.rows, features.columns]))


def _blurred(graph: Graph, value: str) -> str:
    taps = blur_taps()
    kernel = graph.constant(np.outer(taps, taps)[np.newaxis, np.newaxis])
    return graph.add("Conv", graph.pad(value, BLUR_REACH, "edge"), kernel)
