"""Why a frame's score moved: which layer's numbers lie beyond what they were rounded to."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from andon_training.rounding.seeing import name_nodes
from andon_training.rounding.tidy import tidied
from andon_training.session import cpu_session

NOTICEABLE = 0.001  # of a layer's numbers
MOST_FLOAT16 = 65504.0
MOST_LAYERS = 24  # looked at in one run, so that they fit in memory

Tensor = NDArray[np.uint8]


def likely_cause(rounded: bytes, exact: bytes, frame: Tensor, precision: str) -> str:
    """What most likely moved the score of `frame`, uint8 [h, w, c], between the ONNX models `exact` and `rounded`.

    For int8 the layer with the largest share of numbers beyond the range it was calibrated to, for float16 the first
    one whose numbers float16 does not hold.
    """
    found = _clipped(rounded, frame) if precision == "int8" else _overflown(exact, frame)
    layer, share = max(found, key=lambda each: each[1], default=("", 0.0))
    if share > NOTICEABLE:
        beyond = "the range it was calibrated to" if precision == "int8" else "what float16 can hold"
        return f"saturation: {share:.1%} of the numbers of layer {layer} lie beyond {beyond}"
    return "rounding itself, spread over all layers: none saturates"


def _clipped(model: bytes, frame: Tensor) -> Iterator[tuple[str, float]]:
    """Of every quantised activation: the node that gives it, and the share of its numbers beyond its range."""
    graph = onnx.load_model_from_string(model)
    constants = {each.name: each for each in graph.graph.initializer}
    giver = {name: node.name for node in graph.graph.node for name in node.output}
    ranges = {
        node.input[0]: _range(*(numpy_helper.to_array(constants[name]) for name in node.input[1:3]))
        for node in graph.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] in giver and set(node.input[1:3]) <= constants.keys()
    }
    for name, values in _values(graph, list(ranges), frame):
        low, high = ranges[name]
        step = (high - low) / 255
        below = (values < low - step) & (low < 0)  # a range from 0 up does what a Relu did: nothing is lost
        yield giver[name], float((below | (values > high + step)).mean())


def _range(scale: NDArray[Any], zero: NDArray[Any]) -> tuple[float, float]:
    edges = np.iinfo(zero.dtype)
    return (edges.min - float(zero)) * float(scale), (edges.max - float(zero)) * float(scale)


def _overflown(model: bytes, frame: Tensor) -> Iterator[tuple[str, float]]:
    """Of every layer: the share of its float32 numbers beyond float16."""
    graph = tidied(model)
    name_nodes(graph)
    giver = {name: node.name for node in graph.graph.node for name in node.output if name}
    for name, values in _values(graph, list(giver), frame):
        if np.issubdtype(values.dtype, np.floating):
            yield giver[name], float((np.abs(values) > MOST_FLOAT16).mean())


def _values(model: Any, names: Sequence[str], frame: Tensor) -> Iterator[tuple[str, NDArray[Any]]]:
    """What the model holds under `names` while it looks at `frame`, a few layers at a time."""
    known = {each.name: each for each in list(model.graph.output)}
    for start in range(0, len(names), MOST_LAYERS):
        asked = names[start : start + MOST_LAYERS]
        del model.graph.output[:]
        model.graph.output.extend(known.get(name) or onnx.ValueInfoProto(name=name) for name in asked)
        yield from zip(asked, cpu_session(model.SerializeToString()).run(asked, {"frames": frame[None]}), strict=True)
