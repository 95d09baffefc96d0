"""What a picture is like as a whole: the features of the model, averaged over it, in at most MOST numbers.

The first are principal components (Hotelling 1933) of the good frames' averages, each scaled to variance 1 there. The
last is how far the rest lies that these do not tell: the length of the residual, as the Q of multivariate process
control (Jackson and Mudholkar 1979), brought to mean 0 and variance 1. A change that no good frame ever showed, of
another product or another light, lies in the residual and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import onnx
from numpy.typing import NDArray

from andon.inference import EMBEDDING
from andon_training.graph import Graph

MOST = 30  # numbers: 60 bytes, which are 80 letters of base64
FOLDS = 5
FRAMES_EACH = 2  # good frames for each component: of fewer, the last ones are chance
LEAST = 1e-3  # of the first component's spread, or of the mean feature's: what is less is rounding
SPREAD_FLOOR = 1e-6  # of a feature

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Values = tuple[str, tuple[object, ...]]


@dataclass(frozen=True)
class Pooled:
    """A feature map of n frames over its places: the `mean` and the `spread` of each frame, float64 [n, d] both."""

    mean: Floats
    spread: Floats


@dataclass(frozen=True)
class Look:
    """What good frames are like: an embedding is `(parts, rest) * scale - offset` of a frame's averages x, [m].

    `white` is (x - `centre`) * `gain`, `parts` are `white @ axes` with orthonormal `axes` [m, k], and `rest` is the
    length of what `parts @ axes.T` leaves of `white`. `offset` and `scale` are [k + 1]. All float32.
    """

    centre: Singles
    gain: Singles
    axes: Singles
    offset: Singles
    scale: Singles

    @property
    def numbers(self) -> int:
        """d, of the embedding."""
        return len(self.scale)


def pooled(features: Singles) -> Pooled:
    """Of `features`, float32 [n, rows, columns, d]."""
    places = [frame.reshape(-1, frame.shape[-1]) for frame in features]
    mean = np.stack([each.mean(axis=0, dtype=np.float64) for each in places])
    return Pooled(mean, np.stack([each.std(axis=0, dtype=np.float64) for each in places]))


def learn_look(views: Sequence[Pooled]) -> Look | None:
    """What the frames behind `views`, of each the same n, are like. None where their averages are all the same.

    The same averages give the same look.
    """
    averages = np.concatenate([view.mean for view in views], axis=1)
    spread = np.concatenate([view.spread.mean(axis=0) for view in views])
    gain = 1 / np.maximum(spread, LEAST * spread.mean() + SPREAD_FLOOR)
    centre = averages.mean(axis=0)
    white = (averages - centre) * gain
    axes, spreads = _principal(white, max(1, min(MOST - 1, len(white) // FRAMES_EACH)))
    if not len(spreads):
        return None
    rest = _held_out_rest(white, len(spreads))
    scale = 1 / np.append(spreads, max(rest.std(ddof=1), LEAST * spreads[0]))
    offset = np.append(np.zeros(len(spreads)), rest.mean()) * scale
    return Look(*(array.astype(np.float32) for array in (centre, gain, axes, offset, scale)))


def _held_out_rest(white: Floats, most: int) -> Floats:
    """How far the rest of each row of `white` lies, [n], by as many axes of the others: by its own it would lie nearer.

    Held out are blocks of neighbours, as where scores are held out.
    """
    rest, edges = np.empty(len(white)), [len(white) * k // FOLDS for k in range(FOLDS + 1)]
    for low, high in pairwise(edges):
        others = np.delete(white, slice(low, high), axis=0)
        centre = others.mean(axis=0)
        rest[low:high] = _rest(white[low:high] - centre, _principal(others - centre, most)[0])
    return rest


def _rest(white: Floats, axes: Floats) -> Floats:
    """The length of what the orthonormal `axes`, [m, k], leave of each row of `white`, [n, m]."""
    lengths: Floats = np.linalg.norm(white - white @ axes @ axes.T, axis=1)
    return lengths


def _principal(white: Floats, most: int) -> tuple[Floats, Floats]:
    """At most so many principal axes [m, k] of `white` [n, m], whose columns have mean 0, and the spread along each."""
    _, singular, rows = np.linalg.svd(white, full_matrices=False)
    spreads = singular / np.sqrt(len(white) - 1)
    kept = spreads[:most] > max(LEAST * spreads[0], SPREAD_FLOOR)
    axes = rows[:most][kept]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])  # else either is as good
    return (axes * signs[:, np.newaxis]).T, spreads[:most][kept]


def embedded(look: Look, views: Sequence[Pooled]) -> Singles:
    """The embeddings of the frames behind `views`, float32 [n, d]."""
    averages, axes = np.concatenate([view.mean for view in views], axis=1), look.axes.astype(np.float64)
    white = ((averages - look.centre) * look.gain).astype(np.float64)
    told = np.column_stack([white @ axes, _rest(white, axes)])
    found: Singles = (told * look.scale - look.offset).astype(np.float32)
    return found


def add_embedding(graph: Graph, features: Sequence[str], look: Look) -> Values:
    """The same in a graph, of the values `features`, [N, d, rows, columns] each: the value and its shape."""
    means = [graph.add("ReduceMean", value, graph.constant([2, 3]), keepdims=0) for value in features]
    averages = graph.add("Concat", *means, axis=1) if len(means) > 1 else means[0]
    white = graph.add("Mul", graph.add("Sub", averages, graph.constant(look.centre)), graph.constant(look.gain))
    axes = graph.constant(look.axes)
    parts = graph.add("MatMul", white, axes)
    told = graph.add("Gemm", parts, axes, transB=1)
    rest = graph.add("ReduceL2", graph.add("Sub", white, told), graph.constant([1]), keepdims=1)
    scaled = graph.add("Mul", graph.add("Concat", parts, rest, axis=1), graph.constant(look.scale))
    return graph.add("Sub", scaled, graph.constant(look.offset)), ("N", look.numbers)


def with_embedding(data: bytes, features: Sequence[str], look: Look) -> bytes:
    """The ONNX model `data`, one that Andon wrote, with one output more: the embedding of its values `features`."""
    model = onnx.load_model_from_string(data)
    graph = Graph(list(model.graph.node), list(model.graph.initializer))
    value, shape = add_embedding(graph, features, look)
    graph.nodes.append(onnx.helper.make_node("Identity", [value], [EMBEDDING], name=EMBEDDING))
    new_nodes, new_constants = graph.nodes[len(model.graph.node) :], graph.constants[len(model.graph.initializer) :]
    model.graph.node.extend(new_nodes)
    model.graph.initializer.extend(new_constants)
    model.graph.output.append(onnx.helper.make_tensor_value_info(EMBEDDING, onnx.TensorProto.FLOAT, list(shape)))
    onnx.checker.check_model(model)
    made: bytes = model.SerializeToString(deterministic=True)
    return made
