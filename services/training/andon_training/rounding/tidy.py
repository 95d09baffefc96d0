"""A graph without what only an exporter needs: identities, sums of constants, batch normalisation."""

from typing import Any

import onnx
import onnxruntime

from andon_training.graph import IR_VERSION
from andon_training.scratch import scratch_folder


def tidied(data: bytes) -> Any:
    """The ONNX model `data` as an onnx.ModelProto after ONNX Runtime's basic optimisations, which change no result."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with scratch_folder(2 * len(data)) as folder:
        options.optimized_model_filepath = str(folder / "tidy.onnx")
        onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        model = onnx.load(folder / "tidy.onnx")
    model.ir_version = IR_VERSION
    _drop_domains(model)
    return model


def _drop_domains(model: Any) -> None:
    """Leaves only the operator sets that a node is of: ONNX Runtime lists all it knows."""
    used = {node.domain for node in model.graph.node}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
