"""The whole inspection as one ONNX graph: choose the reference, register it, relight the frame, tell what differs."""

import onnx
from onnx import TensorProto, helper

from andon_training.golden_sample import pixels
from andon_training.golden_sample.choose import choose
from andon_training.golden_sample.difference import MAP_CELL, blobs, difference
from andon_training.golden_sample.lighting import evened, relit
from andon_training.golden_sample.pixels import References, Shape
from andon_training.golden_sample.register import HALF, QUARTER, drawn_small, pair, register
from andon_training.golden_sample.settings import Settings
from andon_training.golden_sample.warp import places, sample, seen
from andon_training.graph import Graph

REFERENCE = "reference"


def reference_model(shape: Shape, references: References, settings: Settings) -> bytes:
    """ONNX: `frames` uint8 [N, *shape] gives raw `score` [N], `map` [N, H/4, W/4] and `reference` int64 [N].

    `references` are uint8 [K, *shape], `reference` counts them from 0. `map` is in grey levels: how much, on average
    over a blob, the frame lies outside what its reference allows. Height and width are multiples of 8, at least 64.
    """
    graph, size = Graph(), shape[:2]
    frame = pixels.levels(graph, "frames")
    brightness = pixels.luma(graph, frame, shape[2])
    chosen = choose(graph, frame, brightness, references, settings.reach)
    reference = pixels.levels(graph, graph.add("Gather", graph.constant(references), chosen.reference))
    known = pixels.luma(graph, reference, shape[2])
    pairs = {scale: pair(graph, brightness, known, size, scale) for scale in (HALF, QUARTER)}
    field = register(graph, pairs, chosen.shift, size, settings.stretch)
    lit = relit(graph, frame, pairs[HALF].frame, drawn_small(graph, pairs[HALF], field))
    at = places(graph, field, size)
    drawn = sample(graph, reference, at)
    found = difference(graph, evened(graph, lit, drawn, size), drawn, settings.tolerance)
    whole = blobs(graph, graph.add("Mul", found, seen(graph, at, field)), settings.blob)
    grid = size[0] // MAP_CELL, size[1] // MAP_CELL
    anomaly_map = graph.add("Reshape", whole, graph.constant([-1, *grid]))
    score = graph.add("ReduceMax", anomaly_map, graph.constant([1, 2]), keepdims=0)
    data = graph.model(shape, {"score": (score, ("N",)), "map": (anomaly_map, ("N", *grid))})
    return _telling(data, chosen.reference)


def _telling(data: bytes, value: str) -> bytes:
    """The model with one output more: `reference` int64 [N], which `value` is."""
    model = onnx.load_from_string(data)
    model.graph.node.append(helper.make_node("Identity", [value], [REFERENCE], name=REFERENCE))
    model.graph.output.append(helper.make_tensor_value_info(REFERENCE, TensorProto.INT64, ["N"]))
    onnx.checker.check_model(model)
    told: bytes = model.SerializeToString(deterministic=True)
    return told
