"""Models on this machine's CPU while fitting: ONNX Runtime within the limit the process has, without its chatter."""

from typing import Any

import onnxruntime

from andon.cpu import cpu_limit


def cpu_session(model: bytes) -> Any:
    """The ONNX `model`, ready to run. Raises what ONNX Runtime raises."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cpu_limit()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
