"""A model, opened safely and run on whole batches: uint8 [N, H, W, C] in, raw `score` [N] and `map` [N, h, w] out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from onnxruntime.datasets import get_example

from andon.bundle import Bundle, BundleError
from andon.cpu import cpu_limit
from andon.errors import Broken
from andon.onnxfile import STANDARD_DOMAINS, check_model
from andon.records.score import Unscorable

INPUT, SCORE, MAP = "frames", "score", "map"
DOMAINS = STANDARD_DOMAINS | {"com.microsoft"}  # int8 models keep ONNX Runtime's own operators there

_ORT_ERRORS = tuple(
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


class Device(StrEnum):
    """Where models run."""

    CPU = "cpu"
    CUDA = "cuda"
    AUTO = "auto"  # the GPU where there is one, else the CPU


@dataclass(frozen=True)
class Outputs:
    """What a model says of N frames.

    `score` is float32 [N] and `map` float32 [N, h, w], raw. `problems` has N entries: None, or why this row must
    not be read as a score; its numbers then mean nothing.
    """

    score: NDArray[np.float32]
    map: NDArray[np.float32]
    problems: tuple[Unscorable | None, ...]


Features = Mapping[str, NDArray[np.float32]]
"""What a backbone gives for N frames: arrays of N rows, by the names its outputs and the head's inputs share."""


@dataclass(frozen=True)
class Backbone:
    """An open backbone, which several models may share. `shape` is (height, width, channels) of one frame."""

    session: Any
    shape: tuple[int, int, int]
    provider: str

    def run(self, batch: NDArray[np.uint8]) -> Features:
        """The features of `batch`, uint8 [N, H, W, C] with N at least 1. Raises Broken as `Model.run`."""
        _check_batch(batch, self.shape)
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, _run(self.session, self.provider, names, {INPUT: batch}), strict=True))


@dataclass(frozen=True)
class Model:
    """An open model. `shape` is (height, width, channels) of one frame, `provider` what runs it.

    With a `backbone` the session is a head, which takes the backbone's features by their names.
    """

    session: Any
    shape: tuple[int, int, int]
    provider: str
    backbone: Backbone | None = None

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        """Scores `batch`, uint8 [N, H, W, C] with N at least 1.

        Raises Broken when the batch is not what the model takes, or when the device fails: a CUDA context that
        failed once answers nonsense until the process is restarted (pytorch issue 44624).
        """
        if self.backbone is not None:
            return self.judge(self.backbone.run(batch))
        _check_batch(batch, self.shape)
        return judge_outputs(len(batch), *_run(self.session, self.provider, [SCORE, MAP], {INPUT: batch}))

    def judge(self, features: Features) -> Outputs:
        """Scores N frames by the features that its backbone gave for them. Raises Broken when the device fails."""
        count = len(next(iter(features.values())))
        return judge_outputs(count, *_run(self.session, self.provider, [SCORE, MAP], features))


def open_bundle(
    bundle: Bundle,
    device: Device = Device.CPU,
    *,
    allow_cpu: bool = False,
    threads: int | None = None,
    gpu_mem_limit: int | None = None,
) -> Model:
    """The model of `bundle` with its own backbone, if it has one. Parameters and errors as `open_model`."""
    return open_model(
        bundle.model,
        device,
        backbone=bundle.backbone,
        allow_cpu=allow_cpu,
        threads=threads,
        gpu_mem_limit=gpu_mem_limit,
    )


def open_model(
    data: bytes,
    device: Device = Device.CPU,
    *,
    backbone: Backbone | bytes | None = None,
    allow_cpu: bool = False,
    threads: int | None = None,
    gpu_mem_limit: int | None = None,
) -> Model:
    """The model that `data` holds, ready to run. Where it is a head, `backbone` is what it goes on from.

    `allow_cpu` lets a process that asked for CUDA go on without it. `threads` None follows the CPU limit.
    Raises UnsafeModel or BundleError when it is not a model of our contract, Broken when CUDA cannot be had.
    """
    if isinstance(backbone, bytes):
        backbone = open_backbone(backbone, device, allow_cpu=allow_cpu, threads=threads, gpu_mem_limit=gpu_mem_limit)
    session = _session(data, device, allow_cpu, threads, gpu_mem_limit)
    provider = session.get_providers()[0]
    _check_outputs(session)
    if backbone is None:
        return Model(session, _frame_shape(session), provider)
    _check_head(session, backbone)
    return Model(session, backbone.shape, provider, backbone)


def open_backbone(
    data: bytes,
    device: Device = Device.CPU,
    *,
    allow_cpu: bool = False,
    threads: int | None = None,
    gpu_mem_limit: int | None = None,
) -> Backbone:
    """The backbone that `data` holds: uint8 `frames` [N, H, W, C] in, features out. Raises as `open_model`."""
    session = _session(data, device, allow_cpu, threads, gpu_mem_limit)
    return Backbone(session, _frame_shape(session), session.get_providers()[0])


def _session(data: bytes, device: Device, allow_cpu: bool, threads: int | None, gpu_mem_limit: int | None) -> Any:
    check_model(data, DOMAINS)
    try:
        session = onnxruntime.InferenceSession(
            data, _options(threads or cpu_limit()), providers=_providers(device, gpu_mem_limit)
        )
    except _ORT_ERRORS as error:
        raise BundleError(f"model: ONNX Runtime cannot open it: {error}") from error
    session.disable_fallback()  # a GPU that fails must not become a slow CPU in silence
    check_device(device, session.get_providers()[0], allow_cpu=allow_cpu)
    return session


def _run(session: Any, provider: str, names: Sequence[str], given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    try:
        found: list[NDArray[Any]] = session.run(names, given)
    except _ORT_ERRORS as error:
        raise Broken(f"{provider} failed: {error}") from error
    return found


def _check_batch(batch: NDArray[np.uint8], shape: tuple[int, int, int]) -> None:
    if batch.dtype != np.uint8 or batch.shape[1:] != shape or not len(batch):
        raise Broken(f"model takes uint8 [N, {shape}], not {batch.dtype} {batch.shape}")


def check_device(device: Device, provider: str, *, allow_cpu: bool) -> None:
    """Raises Broken when CUDA was asked for and `provider`, the session's own word, is something else."""
    if device is Device.CUDA and provider != "CUDAExecutionProvider" and not allow_cpu:
        raise Broken(
            f"device cuda was asked for, but ONNX Runtime gives {provider}: no card, driver or CUDA libraries "
            "here; install them, set the device to cpu, or allow the CPU on purpose (allow_cpu)"
        )


def prove_device(device: Device, *, allow_cpu: bool) -> None:
    """Opens a model of three numbers on `device`: what `get_available_providers` promises is not proof.

    Raises Broken when CUDA was asked for and cannot be had.
    """
    example = get_example("mul_1.onnx")
    session = onnxruntime.InferenceSession(example, _options(1), providers=_providers(device, None))
    check_device(device, session.get_providers()[0], allow_cpu=allow_cpu)


def judge_outputs(count: int, score: Any, anomaly_map: Any) -> Outputs:
    """Raw outputs for `count` frames as `Outputs`; what cannot be read as a score is named, row by row."""
    scores, maps = np.asarray(score), np.asarray(anomaly_map)
    if scores.shape != (count,) or maps.ndim != 3 or len(maps) != count or 0 in maps.shape or not _floats(scores, maps):
        nothing = np.full(count, np.nan, np.float32)
        return Outputs(nothing, nothing[:, None, None], (Unscorable.WRONG_SHAPE,) * count)
    finite = np.isfinite(scores) & np.isfinite(maps).all(axis=(1, 2))
    problems = tuple(None if ok else Unscorable.NOT_FINITE for ok in finite)
    return Outputs(scores.astype(np.float32, copy=False), maps.astype(np.float32, copy=False), problems)


def _floats(*arrays: NDArray[Any]) -> bool:
    return all(np.issubdtype(array.dtype, np.floating) for array in arrays)


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _providers(device: Device, gpu_mem_limit: int | None) -> Sequence[Any]:
    if device is Device.CPU or "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return ["CPUExecutionProvider"]
    # TF32 off: it moves scores beyond the gate's tolerance. HEURISTIC: no minutes of search at start.
    cuda = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    limit = {"gpu_mem_limit": str(gpu_mem_limit)} if gpu_mem_limit else {}
    return [("CUDAExecutionProvider", cuda | limit), "CPUExecutionProvider"]


def _frame_shape(session: Any) -> tuple[int, int, int]:
    inputs = session.get_inputs()
    if [i.name for i in inputs] != [INPUT] or inputs[0].type != "tensor(uint8)" or len(inputs[0].shape) != 4:
        got = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs)
        raise BundleError(f"model: its one input must be {INPUT}: uint8 [N, H, W, C]; it has {got}")
    batch, *shape = inputs[0].shape
    if isinstance(batch, int) or not all(isinstance(side, int) for side in shape):
        raise BundleError(
            f"model: {INPUT} must be [N, H, W, C] with N free and the rest fixed; it is {inputs[0].shape}"
        )
    return tuple(shape)


def _check_outputs(session: Any) -> None:
    outputs = {output.name: output.type for output in session.get_outputs()}
    if outputs.get(SCORE) != "tensor(float)" or outputs.get(MAP) != "tensor(float)":
        raise BundleError(f"model: it must give float32 {SCORE} [N] and {MAP} [N, h, w]; it gives {outputs}")


def _check_head(session: Any, backbone: Backbone) -> None:
    """Raises BundleError unless the head takes exactly what the backbone gives, row by row."""
    given = {each.name: (each.type, tuple(each.shape[1:])) for each in backbone.session.get_outputs()}
    taken = {each.name: (each.type, tuple(each.shape[1:])) for each in session.get_inputs()}
    if given != taken or any(kind != "tensor(float)" for kind, _ in given.values()):
        raise BundleError(f"model: it takes {taken}, its backbone gives {given}; they must be the same float32 arrays")
