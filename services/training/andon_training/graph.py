"""Writes ONNX graphs: a thin hand over onnx.helper that names values and keeps constants in the one file."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 9


@dataclass
class Graph:
    """An ONNX graph being written. Values are known by name; `add` answers the name of what a node gives."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, array: NDArray[Any] | list[int]) -> str:
        """A constant; a list of ints becomes int64 (shapes, pads, axes)."""
        values = np.asarray(array, dtype=np.int64) if isinstance(array, list) else array
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
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

    def model(self, frame_shape: tuple[int, int, int], outputs: dict[str, tuple[str, tuple[Any, ...]]]) -> bytes:
        """The model as bytes: `frames`, uint8 [N, *frame_shape], gives float32 `outputs`: name -> (value, shape)."""
        given = helper.make_tensor_value_info("frames", TensorProto.UINT8, ["N", *frame_shape])
        named = [helper.make_node("Identity", [value], [name], name=name) for name, (value, _) in outputs.items()]
        wanted = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, (_, shape) in outputs.items()
        ]
        graph = helper.make_graph([*self.nodes, *named], "andon", [given], wanted, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="andon")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data
