"""A model's graph, read and changed in place: who makes a value, who takes it, what is constant."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


class Wiring:
    """An ONNX model that is being read, or changed. Values are known by name, as in `andon_training.graph.Graph`."""

    def __init__(self, data: bytes) -> None:
        self.model: Any = onnx.load_model_from_string(data)
        self._constants = {tensor.name: tensor for tensor in self.model.graph.initializer}
        self._added = 0

    @property
    def nodes(self) -> Any:
        """In the order they are computed."""
        return self.model.graph.node

    def constant(self, name: str) -> NDArray[Any] | None:
        """What the constant of that name holds; None where there is none."""
        tensor = self._constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def maker(self, value: str) -> Any | None:
        """The node that gives `value`; None for a constant or an input."""
        return next((node for node in self.nodes if value in node.output), None)

    def takers(self, value: str, op: str | None = None) -> list[Any]:
        """The nodes that take `value`; only those of the operator `op`, where one is named."""
        return [node for node in self.nodes if value in node.input and op in (None, node.op_type)]

    def only_taker(self, value: str, op: str) -> Any | None:
        """The node that takes `value`, where it is one alone, and of that operator."""
        takers = self.takers(value)
        return takers[0] if len(takers) == 1 and takers[0].op_type == op else None

    def set_constant(self, name: str, array: NDArray[Any]) -> None:
        """The constant `name` holds `array` from now on; made where there was none."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
        if name in self._constants:
            self._constants[name].CopyFrom(tensor)
            return
        self.model.graph.initializer.append(tensor)
        self._constants[name] = self.model.graph.initializer[-1]

    def node(self, op: str, *inputs: str, **attributes: Any) -> Any:
        """A node to be placed by `insert`; its one output is its name."""
        self._added += 1
        name = f"{REMEMBERED}{op.lower()}{self._added}"
        return helper.make_node(op, list(inputs), [name], name=name, **attributes)

    def insert(self, before: Any, nodes: Sequence[Any]) -> None:
        """`nodes` are computed just before the node `before`."""
        at = next(i for i, node in enumerate(self.nodes) if node is before or node == before)
        for node in reversed(nodes):
            self.nodes.insert(at, node)

    def show(self, *values: str) -> bytes:
        """The model as bytes, giving the float32 `values`, too."""
        shown = onnx.ModelProto()
        shown.CopyFrom(self.model)
        known = {output.name for output in shown.graph.output}
        wanted = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in values if name not in known]
        shown.graph.output.extend(wanted)
        data: bytes = shown.SerializeToString()
        return data

    def saved(self) -> bytes:
        """The model as bytes: the same for the same changes."""
        onnx.checker.check_model(self.model)
        data: bytes = self.model.SerializeToString(deterministic=True)
        return data


REMEMBERED = "remembered/"
"""How the nodes and constants begin that a remembered false call brought."""
