"""Export: a student becomes one ONNX file in its teacher's units; batch norms and units are folded into the weights."""

import argparse
import copy
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import torch
from torch import nn

from .learner import Learner
from .loss import Metric
from .student import Student

OPSET, IR_VERSION = 18, 9
FREE = {"input": {0: "n", 2: "h", 3: "w"}, "s8": {0: "n", 2: "h8", 3: "w8"}, "s16": {0: "n", 2: "h16", 3: "w16"}}


def in_own_units(student: Student, s8: Metric, s16: Metric) -> Student:
    """A copy of the student that speaks its teacher's units instead of standardised ones."""
    copied = copy.deepcopy(student).eval().to(memory_format=torch.contiguous_format)
    _rescale(copied.h8, s8)
    _rescale(copied.h16, s16)
    return copied


@torch.no_grad()
def _rescale(head: nn.Conv2d, metric: Metric) -> None:
    head.weight.mul_(metric.spread[:, None, None, None])
    if head.bias is not None:
        head.bias.mul_(metric.spread).add_(metric.mean)


def onnx_model(student: Student) -> Any:
    """The student, as it is, as an onnx.ModelProto: `input` [n, 3, h, w] in -1..1 to `s8` and `s16`; n, h, w free."""
    with TemporaryDirectory(prefix="andon-distil-") as folder:
        path = f"{folder}/student.onnx"
        torch.onnx.export(
            student,
            (torch.zeros(1, 3, 64, 64),),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["s8", "s16"],
            dynamic_axes=FREE,
        )
        model = onnx.load(path)
    model.ir_version, model.producer_name = IR_VERSION, "andon"
    onnx.helper.set_model_props(model, {"andon.pixels": "symmetric"})
    onnx.checker.check_model(model)
    return model


def export(learner: Learner, path: Path) -> None:
    """Writes the learner's mean student to `path`: the old file stays whole until the new one is."""
    model = onnx_model(in_own_units(learner.mean_student, *learner.metrics))
    fresh = path.with_suffix(".part")
    fresh.write_bytes(model.SerializeToString(deterministic=True))
    os.replace(fresh, path)


def main() -> None:
    """Exports a checkpoint: python -m distil.export CHECKPOINT ONNX."""
    parser = argparse.ArgumentParser(description="Write the student of a checkpoint as ONNX.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("onnx", type=Path)
    given = parser.parse_args()
    export(Learner.resumed(torch.load(given.checkpoint, weights_only=True)["learner"]), given.onnx)


if __name__ == "__main__":
    main()
