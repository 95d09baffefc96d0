"""From `frames`, uint8 NHWC, to what a backbone sees, inside the graph: channels, lighting, scale, its own values."""

import numpy as np

from andon_training.graph import Graph
from andon_training.lighting import FLOOR, MIDDLE, SPREADS
from andon_training.options import Lighting, Pixels

IMAGENET_MEAN, IMAGENET_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # R, G, B in 0..1


def grey_levels(graph: Graph, lighting: Lighting, spread: float = SPREADS[0]) -> str:
    """`frames` as float32 [N, channels, H, W] in 0..255."""
    floats = graph.add("Transpose", graph.add("Cast", "frames", to=1), perm=[0, 3, 1, 2])
    return _levelled(graph, floats, spread) if lighting is Lighting.LEVELLED else floats


def one_channel(graph: Graph, levels: str) -> str:
    """NCHW `levels` as [N, 1, H, W]: the mean of its channels."""
    return graph.add("ReduceMean", levels, graph.constant([1]))


def three_channels(graph: Graph, levels: str, channels: int) -> str:
    """NCHW `levels` as [N, 3, H, W]; a grey frame in three equal channels."""
    return graph.add("Concat", levels, levels, levels, axis=1) if channels == 1 else levels


def half(graph: Graph, value: str) -> str:
    """NCHW `value` at half its size, by the mean of each 2x2."""
    return graph.add("AveragePool", value, kernel_shape=[2, 2], strides=[2, 2])


def for_backbone(graph: Graph, levels: str, pixels: Pixels) -> str:
    """`levels`, R, G, B in 0..255, as a backbone wants them."""
    gain, offset = _gain_offset(pixels)
    if pixels is Pixels.CAFFE:
        levels = graph.add("Gather", levels, graph.constant([2, 1, 0]), axis=1)
    scaled = graph.add("Mul", levels, graph.constant(gain))
    return graph.add("Add", scaled, graph.constant(offset))


def _gain_offset(pixels: Pixels) -> tuple[np.ndarray, np.ndarray]:
    """Each float32 [1, 3, 1, 1]."""
    mean, spread = np.array(IMAGENET_MEAN), np.array(IMAGENET_SPREAD)
    gain, offset = {
        Pixels.UNIT: (np.full(3, 1 / 255), np.zeros(3)),
        Pixels.SYMMETRIC: (np.full(3, 1 / 127.5), np.full(3, -1.0)),
        Pixels.IMAGENET: (1 / 255 / spread, -mean / spread),
        Pixels.CAFFE: (np.ones(3), -255 * mean[::-1]),
    }[pixels]
    return gain.astype(np.float32)[None, :, None, None], offset.astype(np.float32)[None, :, None, None]


def _levelled(graph: Graph, levels: str, spread: float) -> str:
    """Mean `MIDDLE` and standard deviation `spread` over all pixels and channels of each frame, cut to 0..255.

    Cutting is not a nuisance: it keeps a bright frame from looking like a defect. On solar it is worth .03 of AUROC.
    """
    axes = graph.constant([1, 2, 3])
    centred = graph.add("Sub", levels, graph.add("ReduceMean", levels, axes))
    variance = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes)
    own = graph.add("Add", graph.add("Sqrt", variance), graph.scalar(FLOOR))
    gained = graph.add("Mul", centred, graph.add("Div", graph.scalar(spread), own))
    middle = graph.add("Add", gained, graph.scalar(MIDDLE))
    return graph.add("Clip", middle, graph.scalar(0.0), graph.scalar(255.0))
