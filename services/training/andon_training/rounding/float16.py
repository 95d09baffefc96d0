"""float16, for GPUs: weights of half the size, computed by tensor cores. Frames stay uint8, scores and maps float32."""

from collections.abc import Collection, Sequence
from typing import Any

from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from andon_training.rounding.seeing import COMPARES, name_nodes, seeing_nodes

KEPT = sorted({*DEFAULT_OP_BLOCK_LIST, *COMPARES, "InstanceNormalization", "LayerNormalization", "ReduceMean"})


def float16_everywhere(model: Any) -> bytes:
    """`model`, an onnx.ModelProto of float32, in float16, as bytes. What adds up or compares is computed in float32,
    where 65,504 is not soon reached; what it gives is float16 again.
    """
    name_nodes(model)
    return _bytes(convert_float_to_float16(model, keep_io_types=True, op_block_list=KEPT))


def float16_where_it_sees(model: Any) -> bytes:
    """`model` with the convolutions that see, and what stands between them, in float16, as bytes; the rest as is."""
    chosen = set(seeing_nodes(model))
    inside = [node for node in model.graph.node if node.name in chosen]
    outside = [node for node in model.graph.node if node.name not in chosen]
    part = convert_float_to_float16(_alone(model, inside, outside), keep_io_types=True, disable_shape_infer=True)
    used = {name for node in outside for name in node.input}
    weights = [each for each in model.graph.initializer if each.name in used]
    known = {each.name for each in weights}
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend([*outside, *part.graph.node])
    model.graph.initializer.extend([*weights, *(each for each in part.graph.initializer if each.name not in known)])
    return _bytes(model)


def _alone(model: Any, inside: Sequence[Any], outside: Sequence[Any]) -> Any:
    """A model of the nodes `inside`, what they need as its inputs, what others need of them as its outputs."""
    made = {name for node in inside for name in node.output}
    needed = {name for node in inside for name in node.input if name}
    wanted = {name for node in outside for name in node.input} | {each.name for each in model.graph.output}
    weights = [each for each in model.graph.initializer if each.name in needed]
    given = needed - made - {each.name for each in weights}
    graph = helper.make_graph(inside, "part", _floats(given), _floats(made & wanted), weights)
    return helper.make_model(graph, opset_imports=model.opset_import)


def _floats(names: Collection[str]) -> list[Any]:
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in sorted(names)]


def _bytes(model: Any) -> bytes:
    OnnxModel(model).topological_sort(is_deterministic=True)
    del model.metadata_props[:]
    data: bytes = model.SerializeToString(deterministic=True)
    return data
