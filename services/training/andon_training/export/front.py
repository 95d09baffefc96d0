"""Frames become a module's input inside the graph: uint8 [N, H, W, C] to float32 [N, 3, H, W]."""

import numpy as np
import onnx

from andon_training.anomalib_models.trained import Front, Singles
from andon_training.graph import Graph

INPUT, PIXELS = "frames", "pixels"


def add_front(graph: Graph, front: Front) -> str:
    """The nodes of `front` on the graph's frames, and PIXELS, the value they give.

    It is one factor a channel where that will do, else a 1x1 convolution. It is left beside the first convolution, not
    folded into it: that one pads with zeros after the front, so its borders would change; and the front measures
    0.02 ms of a 256x256 frame as a factor, 0.15 ms as a convolution.
    """
    leading = graph.add("Transpose", INPUT, perm=[0, 3, 1, 2])
    pixels = graph.add("Cast", leading, to=onnx.TensorProto.FLOAT)
    weight = (front.weight.astype(np.float64) / 255).astype(np.float32)
    gain = _gain(weight)
    if gain is None:
        given = graph.add("Conv", pixels, graph.constant(weight[:, :, None, None]), graph.constant(front.bias))
    else:
        scaled = graph.add("Mul", pixels, graph.constant(gain.reshape(1, 3, 1, 1)))
        given = graph.add("Add", scaled, graph.constant(front.bias.reshape(1, 3, 1, 1)))
    graph.nodes.append(onnx.helper.make_node("Identity", [given], [PIXELS], name=PIXELS))
    return PIXELS


def _gain(weight: Singles) -> Singles | None:
    """float32 [3] where each output follows from one channel, its own or the only one; else None."""
    if weight.shape[1] == 1:
        return weight[:, 0]
    if weight.shape[1] == 3 and np.array_equal(weight, np.diag(np.diag(weight))):
        return np.diag(weight).copy()
    return None
