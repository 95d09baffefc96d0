"""Which nodes of any model see: those that stand few bits, told from those that compare with what is remembered."""

from collections.abc import Iterator
from typing import Any

from onnx import numpy_helper

LEAST_CHANNELS = 8  # fewer come out of what smooths or shifts pictures, not out of what sees
BETWEEN = frozenset({"Add", "Relu", "Clip", "MaxPool"})
COMPARES = frozenset(
    {"ArgMax", "ArgMin", "Einsum", "Exp", "Log", "Pow", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax"}
    | {"ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Sqrt", "TopK"}
)  # after features: distances and their like, whose numbers span too much for few bits


def seeing_nodes(model: Any) -> list[str]:
    """The names of `model`'s convolutions that see, and of what stands between them. Unnamed nodes get names.

    `model` is an onnx.ModelProto. A convolution with weights sees unless it gives fewer than LEAST_CHANNELS channels,
    or comes after anything that compares features.
    """
    name_nodes(model)
    return list(_chosen(model.graph))


def name_nodes(model: Any) -> None:
    """Gives every node without a name one that no other has."""
    taken = {node.name for node in model.graph.node}
    for i, node in enumerate(model.graph.node):
        if not node.name:
            node.name = next(name for name in (f"{node.op_type}-{i}", f"andon-{i}") if name not in taken)


def _chosen(graph: Any) -> Iterator[str]:
    weights = {tensor.name: tensor for tensor in graph.initializer}
    seen: set[str] = set()  # values that come out of a chosen node
    features: set[str] = set()  # values that follow from one
    compared: set[str] = set()  # values that follow from a comparison of features
    for node in graph.node:
        given = [name for name in node.input if name and name not in weights]
        after = bool(features.intersection(given))
        if compared.intersection(given) or (after and node.op_type in COMPARES):
            compared.update(node.output)
        elif _sees(node, weights) or (node.op_type in BETWEEN and given and seen.issuperset(given)):
            seen.update(node.output)
            features.update(node.output)
            yield node.name
        elif after:
            features.update(node.output)


def _sees(node: Any, weights: dict[str, Any]) -> bool:
    if node.op_type not in ("Conv", "ConvTranspose") or node.input[1] not in weights:
        return False
    first, second = numpy_helper.to_array(weights[node.input[1]]).shape[:2]
    return bool((first if node.op_type == "Conv" else second) >= LEAST_CHANNELS)
