"""Frames and references as float32 NCHW grey levels, and their brightness at a smaller scale."""

import numpy as np
from numpy.typing import NDArray

from andon_training.graph import Graph

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of RGB
FLOAT32 = 1

Shape = tuple[int, int, int]
References = NDArray[np.uint8]


def levels(graph: Graph, value: str) -> str:
    """uint8 [N, H, W, C] as float32 [N, C, H, W] in 0..255."""
    return graph.add("Transpose", graph.add("Cast", value, to=FLOAT32), perm=[0, 3, 1, 2])


def luma(graph: Graph, value: str, channels: int) -> str:
    """The brightness of `value`, [N, channels, H, W]: [N, 1, H, W]."""
    if channels == 1:
        return value
    weights = graph.constant(np.array(LUMA, np.float32)[np.newaxis, :, np.newaxis, np.newaxis])
    return graph.add("ReduceSum", graph.add("Mul", value, weights), graph.constant([1]))


def shrunk(graph: Graph, value: str, by: int) -> str:
    """NCHW `value`, each cell of `by` x `by` pixels its mean; what fills no cell is left out."""
    return graph.add("AveragePool", value, kernel_shape=[by, by], strides=[by, by])


def shrunk_references(references: References, by: int) -> NDArray[np.float32]:
    """As `shrunk`, outside the graph: uint8 [K, H, W, C] gives float32 [K, C, H // by, W // by]."""
    count, height, width, channels = references.shape
    rows, columns = height // by, width // by
    cells = references[:, : rows * by, : columns * by].reshape(count, rows, by, columns, by, channels)
    small: NDArray[np.float32] = cells.mean(axis=(2, 4), dtype=np.float32).transpose(0, 3, 1, 2)
    return small


def luma_references(references: References) -> References:
    """uint8 [K, H, W, C] as brightness, [K, H, W, 1], one reference at a time, since there may be hundreds."""
    if references.shape[-1] == 1:
        return references
    grey = np.empty((*references.shape[:3], 1), np.uint8)
    for one, into in zip(references, grey, strict=True):
        into[..., 0] = np.rint(one @ np.array(LUMA, np.float32))
    return grey
