"""Weights of a timm network out of an ONNX file of the same network, its batch norms folded into its convolutions.

Layers are told by their order and proved by their shapes; names are the converter's and mean nothing. What a file that
ends early does not have is left out, and it is for the caller to see that it is not used.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from andon.errors import Mistake

NORMS = ("running_mean", "running_var", "bias", "weight")


def onnx_state(file: Path, model: Any) -> dict[str, Any]:
    """The state of `model`, a timm network of convolutions each followed by its batch norm, that `file` holds.

    Raises Mistake when the n-th convolution of both has not the same shape.
    """
    import torch

    state: dict[str, Any] = {}
    for (name, conv, norm_name, norm), (weight, bias) in zip(_layers(model), _convolutions(file), strict=False):
        if tuple(conv.weight.shape) != weight.shape:
            raise Mistake(
                f"--weights {file}: not the same network: its convolution beside {name} is {weight.shape}, "
                f"not {tuple(conv.weight.shape)}"
            )
        state[f"{name}.weight"] = torch.from_numpy(weight)
        folded = torch.zeros(len(weight)), torch.ones(len(weight)), torch.from_numpy(bias)
        spread = torch.full((len(weight),), float(np.sqrt(1 + norm.eps)))
        state |= {f"{norm_name}.{key}": value for key, value in zip(NORMS, (*folded, spread), strict=True)}
        state[f"{norm_name}.num_batches_tracked"] = torch.tensor(0)
    return state


def _convolutions(file: Path) -> list[tuple[Any, Any]]:
    """Weight, float32 [out, in, h, w], and bias, float32 [out], of each convolution in order."""
    try:
        graph = onnx.load(str(file)).graph
    except (DecodeError, OSError) as error:
        raise Mistake(f"--weights {file}: not an ONNX file") from error
    if any(node.op_type == "BatchNormalization" for node in graph.node):
        raise Mistake(f"--weights {file}: its batch norms are not folded into its convolutions; fold them first")
    values = {each.name: numpy_helper.to_array(each).astype(np.float32) for each in graph.initializer}
    found = []
    for node in (node for node in graph.node if node.op_type == "Conv"):
        if any(name not in values for name in node.input[1:]):
            raise Mistake(f"--weights {file}: the weights of {node.name or 'a convolution'} are computed, not stored")
        weight = values[node.input[1]]
        found.append((weight, values[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight), np.float32)))
    return found


def _layers(model: Any) -> list[tuple[str, Any, str, Any]]:
    """Each convolution with the batch norm after it, by name, in the order they were made."""
    from torch import nn

    modules = [(name, each) for name, each in model.named_modules() if isinstance(each, nn.Conv2d | nn.BatchNorm2d)]
    convs = [at for at, (_, each) in enumerate(modules) if isinstance(each, nn.Conv2d)]
    pairs = [(*modules[at], *modules[at + 1]) for at in convs if at + 1 < len(modules)]
    return [pair for pair in pairs if isinstance(pair[3], nn.BatchNorm2d)]
