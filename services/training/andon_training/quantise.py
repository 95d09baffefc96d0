"""Static int8 of what sees: convolutions and what stands between them, calibrated on the frames themselves.

Activations are uint8 and weights int8 by channel. ResNet-18 at 256x256 on an AMD EPYC with VNNI ran three times as fast
as float32 so, in ONNX Runtime and in OpenVINO; slower than float32 in ONNX Runtime before an exporter's identities were
folded away (`rounding.tidy`). Weights of seven bits, which cannot saturate on CPUs without VNNI, were no faster, and
moved scores by up to 10.1 % of the threshold on magnetic tiles (eight: 9.9 %); int8 activations were 10 % slower.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from enum import StrEnum
from io import StringIO
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from andon_training.graph import IR_VERSION
from andon_training.sample import Tensor
from andon_training.scratch import scratch_folder
from andon_training.views import Eyes

CALIBRATION_FRAMES = 32
TEMPORARY = 6  # times the model: what quantising writes to disk on its way
QUANTISED = ["Conv", "ConvTranspose", "Add", "Relu", "Clip", "MaxPool"]


class Ranges(StrEnum):
    """How the range of an activation follows from what it was on the calibration frames."""

    MINMAX = "minmax"  # from the least to the greatest
    ENTROPY = "entropy"  # the range whose histogram loses least (Migacz 2017)


_METHODS = {Ranges.MINMAX: CalibrationMethod.MinMax, Ranges.ENTROPY: CalibrationMethod.Entropy}


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    """Frames, uint8 [n, h, w, c], one at a time: every activation of a batch is held."""

    def __init__(self, frames: Tensor) -> None:
        self._frames = frames
        self.set_range(0, len(frames))

    def __len__(self) -> int:
        return len(self._frames)

    def set_range(self, start_index: int, end_index: int) -> None:
        """What is given next: as onnxruntime.quantization asks."""
        self._batches: Iterator[Tensor] = (self._frames[i : i + 1] for i in range(start_index, end_index))

    def get_next(self) -> dict[str, Tensor] | None:
        """The next batch, None at the end: the interface of onnxruntime.quantization."""
        batch = next(self._batches, None)
        return None if batch is None else {"frames": batch}


def quantised(eyes: Eyes, frames: Tensor) -> Eyes:
    """`eyes` with its backbone in int8, calibrated on `frames`, uint8 [n, h, w, c]. Same frames, same bytes."""
    model = onnx.load_model_from_string(eyes.model)
    inside = [node.name for node in model.graph.node if node.name.partition("/")[0] in ("near", "far")]
    return replace(eyes, model=int8_model(model, inside, frames))


def int8_model(model: Any, nodes: Sequence[str], frames: Tensor, ranges: Ranges = Ranges.MINMAX) -> bytes:
    """`model`, an onnx.ModelProto of uint8 `frames` whose nodes have names, with `nodes` in int8, as bytes.

    Calibrated on at most CALIBRATION_FRAMES of `frames`, uint8 [n, h, w, c], one after the other.
    """
    loud = logging.getLogger()  # onnxruntime.quantization writes to the root logger
    level = loud.level
    with scratch_folder(TEMPORARY * len(model.SerializeToString())) as folder, redirect_stdout(StringIO()):
        loud.setLevel(logging.ERROR)  # it asks for a pre-processing that folded graphs do not need
        try:
            quantize_static(
                model,
                str(folder / "int8.onnx"),
                _Frames(_spread(frames)),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=QUANTISED,
                nodes_to_quantize=list(nodes),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=_METHODS[ranges],
                extra_options={"CalibStridedMinMax": 1},  # a frame's activations at a time, by either method
            )
        finally:
            loud.setLevel(level)
        made = onnx.load(folder / "int8.onnx")
    del made.metadata_props[:]
    made.ir_version = IR_VERSION
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def _spread(frames: Tensor) -> Tensor:
    """At most CALIBRATION_FRAMES of them, from the first to the last: a line changes in the course of its frames."""
    most = min(len(frames), CALIBRATION_FRAMES)
    return frames[np.arange(most) * len(frames) // most]
