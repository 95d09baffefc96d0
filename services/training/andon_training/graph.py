"""Writes ONNX graphs: a thin hand over onnx.helper that names values and keeps constants in the one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Outputs = dict[str, tuple[str, tuple[Any, ...]]]
"""Of a model: name -> (value in the graph, shape)."""

OPSET = 18
IR_VERSION = 9
PIXELS_KEY = "andon.pixels"  # in a backbone's metadata: the pixel values it wants


@dataclass
class Graph:
    """An ONNX graph being written. Values are known by name; `add` answers the name of what a node gives."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    shared: dict[Any, str] = field(default_factory=dict, repr=False)

    def constant(self, array: NDArray[Any] | list[int]) -> str:
        """A constant; a list of ints becomes int64 (shapes, pads, axes)."""
        values = np.asarray(array, dtype=np.int64) if isinstance(array, list) else array
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def scalar(self, value: float) -> str:
        """A float32 constant of no dimension."""
        return self.constant(np.array(value, np.float32))

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """A node of the standard operator `op`."""
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def pad(self, value: str, by: int, mode: str) -> str:
        """NCHW `value` padded by `by` on its four sides."""
        return self.add("Pad", value, self.constant([0, 0, by, by, 0, 0, by, by]), mode=mode)

    def top(self, value: str, most: int) -> str:
        """The `most` highest of each row of `value`, [N, m]: [N, most]."""
        name = f"topk{len(self.nodes)}"
        node = helper.make_node("TopK", [value, self.constant([most])], [name, f"{name}-at"], name=name, axis=1)
        self.nodes.append(node)
        return name

    def include(self, model: Any, given: dict[str, str], wanted: Sequence[str], prefix: str) -> tuple[str, ...]:
        """Adds the nodes of `model`, an onnx.ModelProto of this operator set, that its outputs `wanted` need.

        `given` says which value of this graph each of its inputs is. Weights included before are not kept twice.
        Answers the names that `wanted` have here.
        """
        kept = _needed(model.graph, wanted)
        weights = {tensor.name: tensor for tensor in model.graph.initializer}
        names = dict(given)
        for node in kept:
            for name in node.input:
                if name in weights and name not in names:
                    names[name] = self._shared(weights[name])
            inputs = [names.get(name, name) for name in node.input]
            outputs = [f"{prefix}/{name}" if name else "" for name in node.output]
            names |= dict(zip(node.output, outputs, strict=True))
            copy = helper.make_node(node.op_type, inputs, outputs, name=f"{prefix}/{len(self.nodes)}")
            copy.attribute.extend(node.attribute)
            self.nodes.append(copy)
        return tuple(names[name] for name in wanted)

    def _shared(self, tensor: Any) -> str:
        """The name of a constant equal to `tensor`; one for equal bytes."""
        array = numpy_helper.to_array(tensor)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.shared:
            self.shared[key] = self.constant(array)
        return self.shared[key]

    def model(self, frame_shape: tuple[int, int, int], outputs: Outputs) -> bytes:
        """The model as bytes: `frames`, uint8 [N, *frame_shape], gives float32 `outputs`."""
        return self._model([helper.make_tensor_value_info("frames", TensorProto.UINT8, ["N", *frame_shape])], outputs)

    def head(self, inputs: Mapping[str, tuple[Any, ...]], outputs: Outputs) -> bytes:
        """The model as bytes: float32 `inputs`, their shapes by name, give float32 `outputs`."""
        given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()]
        return self._model(given, outputs)

    def backbone(self, outputs: Outputs, metadata: dict[str, str]) -> bytes:
        """The model as bytes: `input`, float32 [N, 3, H, W] of any size, gives float32 `outputs`."""
        return self._model(
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, "H", "W"])], outputs, metadata
        )

    def _model(self, given: list[Any], outputs: Outputs, metadata: dict[str, str] | None = None) -> bytes:
        named = [helper.make_node("Identity", [value], [name], name=name) for name, (value, _) in outputs.items()]
        wanted = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, (_, shape) in outputs.items()
        ]
        graph = helper.make_graph([*self.nodes, *named], "andon", given, wanted, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="andon")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, metadata or {})
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def _needed(graph: Any, wanted: Sequence[str]) -> list[Any]:
    """The nodes that `wanted` follow from, in the graph's order."""
    needed, kept = set(wanted), []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    return kept[::-1]
