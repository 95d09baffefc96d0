"""ONNX Runtime: on the CPU and on CUDA."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from onnxruntime.datasets import get_example

from andon.bundle import BundleError
from andon.errors import Broken
from andon.inference.device import Device
from andon.inference.session import Arrays, Port, piece, rows_of

_ERRORS = tuple(
    getattr(ort_errors, name)
    for name in (
        "EPFail",
        "EngineError",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NotImplemented",
        "RuntimeException",
    )
)
_KINDS = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int64)": "int64"}


class OrtSession:
    """A Session of ONNX Runtime; `raw` is its own. With `batch` every call takes that many rows, padded if need be."""

    __slots__ = ("_batch", "inputs", "outputs", "provider", "raw", "runtime")

    def __init__(
        self, data: bytes, device: Device, *, threads: int, gpu_mem_limit: int | None = None, batch: int | None = None
    ) -> None:
        """Raises BundleError when ONNX Runtime cannot open `data`."""
        try:
            self.raw = onnxruntime.InferenceSession(
                data, _options(threads, batch), providers=_providers(device, gpu_mem_limit)
            )
        except _ERRORS as error:
            raise BundleError(f"model: ONNX Runtime cannot open it: {error}") from error
        self.raw.disable_fallback()  # a GPU that fails must not become a slow CPU in silence
        self.raw._model_bytes = None  # kept for the fallback alone: as much again as the weights
        self._batch = batch
        self.inputs = _ports(self.raw.get_inputs(), batch)
        self.outputs = _ports(self.raw.get_outputs(), batch)
        self.provider: str = self.raw.get_providers()[0]
        self.runtime = f"onnxruntime {onnxruntime.__version__} {self.provider}"

    def run(self, names: Sequence[str], given: Arrays) -> list[NDArray[Any]]:
        """As Session."""
        if self._batch is None:
            return self._run(names, given)
        count, size = rows_of(given), self._batch
        parts = [self._run(names, piece(given, start, size)) for start in range(0, count, size)]
        return [np.concatenate(rows)[:count] for rows in zip(*parts, strict=True)]

    def _run(self, names: Sequence[str], given: Arrays) -> list[NDArray[Any]]:
        try:
            found: list[NDArray[Any]] = self.raw.run(names, given)
        except _ERRORS as error:
            raise Broken(f"{self.provider} failed: {error}") from error
        return found


def example_provider(device: Device) -> str:
    """What a model of three numbers runs on, when `device` is asked for."""
    session = onnxruntime.InferenceSession(
        get_example("mul_1.onnx"), _options(1, None), providers=_providers(device, None)
    )
    provider: str = session.get_providers()[0]
    return provider


def _options(threads: int, batch: int | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if batch is not None:
        options.add_free_dimension_override_by_name("N", batch)
    return options


def _providers(device: Device, gpu_mem_limit: int | None) -> Sequence[Any]:
    if device is Device.CPU or "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return ["CPUExecutionProvider"]
    load_cuda()
    # TF32 off: it moves scores beyond the gate's tolerance. HEURISTIC: no minutes of search at start.
    cuda = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    limit = {"gpu_mem_limit": str(gpu_mem_limit)} if gpu_mem_limit else {}
    return [("CUDAExecutionProvider", cuda | limit), "CPUExecutionProvider"]


@cache
def load_cuda() -> None:
    """Load CUDA and cuDNN from NVIDIA's Python packages, where they are. ONNX Runtime itself asks the system alone."""
    if find_spec("nvidia") is None:
        return
    with redirect_stdout(sys.stderr):  # it prints what it misses, and stdout may be a command's answer
        onnxruntime.preload_dlls()


def _ports(found: Sequence[Any], batch: int | None) -> tuple[Port, ...]:
    return tuple(Port(each.name, _KINDS.get(each.type, each.type), _shape(each.shape, batch)) for each in found)


def _shape(sides: Sequence[Any], batch: int | None) -> tuple[int | None, ...]:
    """With `batch` the side that it fixed is told as free: it is, to whoever calls."""
    shape = [side if isinstance(side, int) else None for side in sides]
    if batch is not None and shape and shape[0] == batch:
        shape[0] = None
    return tuple(shape)
