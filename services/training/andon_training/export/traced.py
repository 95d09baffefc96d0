"""A torch module as an ONNX graph, by torch's own exporter: constants folded, batch normalisation in the weights."""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import onnx
import torch
from onnx import inliner
from torch import nn

from andon.errors import Mistake
from andon_training.graph import IR_VERSION, OPSET
from andon_training.session import cpu_session

INPUT = "input"
Forward = Callable[[Any, Any], tuple[Any, ...]]
"""Of a module and its input, float32 [N, 3, H, W]: the tensors of N rows that are wanted."""

_OPERATOR = re.compile(r"aten[.:]+\w+(?:\.\w+)?|torchvision[.:]+\w+")
_LINE = 300
PROVEN = "padim, patchcore, efficient_ad, stfpm, reverse_distillation, fastflow, supersimplenet and dinomaly"


class _Forward(nn.Module):  # type: ignore[misc]
    """`forward` of `module`, as a module."""

    def __init__(self, module: Any, forward: Forward) -> None:
        super().__init__()
        self.module = module
        self._forward = forward

    def forward(self, given: Any) -> tuple[Any, ...]:
        return self._forward(self.module, given)


def traced(name: str, module: Any, forward: Forward, size: tuple[int, int], outputs: Sequence[str]) -> Any:
    """The onnx.ModelProto of `forward` on `module`: `input`, float32 [N, 3, *size], gives `outputs`.

    N stays free. Raises Mistake, which calls the model `name` and gives the operator, when it cannot be exported.
    """
    example = torch.zeros(2, 3, *size)
    try:
        with torch.no_grad(), _quiet():
            program = torch.onnx.export(
                _Forward(module, forward).eval(),
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=list(outputs),
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
                verbose=False,
            )
    except (RuntimeError, TypeError, ValueError) as error:  # what torch and its exporter raise
        raise Mistake(_refusal(name, error)) from error
    return _folded(inliner.inline_local_functions(program.model_proto))


def _folded(model: Any) -> Any:
    """`model` with everything that follows from constants alone computed now (a position embedding, resized)."""
    known, kept, constant = {tensor.name for tensor in model.graph.initializer}, list[Any](), list[Any]()
    for node in model.graph.node:
        follows = all(name in known for name in node.input if name)
        known |= set(node.output) if follows else set()
        (constant if follows else kept).append(node)
    if not constant:
        return model
    names = [name for node in constant for name in node.output if name]
    outputs = [onnx.ValueInfoProto(name=name) for name in names]
    graph = onnx.helper.make_graph(constant, "constants", [], outputs, model.graph.initializer)
    part = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=IR_VERSION)
    values = cpu_session(part.SerializeToString()).run(names, {})
    del model.graph.node[:]
    model.graph.node.extend(kept)
    made = [onnx.numpy_helper.from_array(value, name) for name, value in zip(names, values, strict=True)]
    model.graph.initializer.extend(made)
    return model


def _refusal(name: str, error: Exception) -> str:
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(str(cause))
        cause = cause.__cause__
    text = "\n".join(causes)
    operators = _OPERATOR.findall(causes[-1]) or _OPERATOR.findall(text)
    why = f"operator {operators[0]}" if operators else next(iter(causes[-1].strip().splitlines()), "")[:_LINE]
    return (
        f"{name}: PyTorch cannot export this model to ONNX: {why or type(error).__name__}; choose another model: "
        f"{PROVEN} are proven"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """torch's exporter tells of its progress on every channel there is."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
