"""The filter bank: a backbone that was never trained on anything.

On four scales of brightness: the energy of six orientations (a quadrature pair of Gabor filters each) and the
greatest local range, as logarithms; then mean brightness near and wide, and the mean and range of two
opponent colours. Every number is of one cell of 8x8 pixels.
Source of the parts: D. Gabor 1946; quadrature energy, Adelson and Bergen 1985.
"""

import numpy as np
from numpy.typing import NDArray

from andon_training.graph import PIXELS_KEY, Graph
from andon_training.options import Pixels

CELL = 8
LEVELS = 4
ORIENTATIONS = 6
TAPS, WAVELENGTH, SIGMA = 7, 4.0, 1.8  # pixels of each scale
ENERGY_FLOOR = 1e-5  # of squared brightness in 0..1: about half a grey level, the camera's own noise
RANGE_FLOOR = 1e-2
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of RGB
NAME = "filter-bank"
DEPTH = LEVELS * (ORIENTATIONS + 1) + 2 + 4


def filter_bank() -> bytes:
    """The filter bank as a backbone like any other: ONNX, `input` float32 [n, 3, h, w] in 0..1 gives `s8`."""
    graph = Graph()
    luma = _mixed(graph, "input", [LUMA])
    parts = _luma_features(graph, luma) + _colour_features(graph, "input")
    outputs = {"s8": (graph.add("Concat", *parts, axis=1), ("N", DEPTH, "H8", "W8"))}
    return graph.backbone(outputs, {PIXELS_KEY: Pixels.UNIT})


def gabor_pair(angle: float) -> NDArray[np.float32]:
    """Even and odd filter of one orientation, float32 [2, TAPS, TAPS]: zero mean, unit absolute response to 0..1."""
    reach = TAPS // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    along = x * np.cos(angle) + y * np.sin(angle)
    window = np.exp(-(x * x + y * y) / (2 * SIGMA**2))
    waves = [window * np.cos(2 * np.pi * along / WAVELENGTH + phase) for phase in (0, np.pi / 2)]
    level = [wave - window * wave.sum() / window.sum() for wave in waves]
    return np.stack([wave / np.abs(wave).sum() * 2 for wave in level]).astype(np.float32)


def _mixed(graph: Graph, pixels: str, weights: list[tuple[float, ...]]) -> str:
    return graph.add("Conv", pixels, graph.constant(np.array(weights, np.float32)[:, :, None, None]))


def _luma_features(graph: Graph, luma: str) -> list[str]:
    filters = np.concatenate([gabor_pair(np.pi * i / ORIENTATIONS) for i in range(ORIENTATIONS)])[:, None]
    bank = graph.constant(filters)
    pairs = graph.constant(np.kron(np.eye(ORIENTATIONS), [1, 1]).astype(np.float32)[:, :, None, None])
    energies, ranges, level = [], [], luma
    for scale in range(LEVELS):
        if scale:
            level = graph.add("AveragePool", level, kernel_shape=[2, 2], strides=[2, 2])
        cell = CELL >> scale
        answer = graph.add("Conv", graph.pad(level, TAPS // 2, "reflect"), bank)
        energy = graph.add("Conv", graph.add("Mul", answer, answer), pairs)
        energies.append(_pooled(graph, "AveragePool", energy, cell))
        ranges.append(_pooled(graph, "MaxPool", _local_range(graph, level), cell))
    wide = graph.add("AveragePool", level, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0)
    return [_log(graph, energies, ENERGY_FLOOR), _log(graph, ranges, RANGE_FLOOR), level, wide]


def _colour_features(graph: Graph, pixels: str) -> list[str]:
    opponents = _mixed(graph, pixels, [(1.0, -1.0, 0.0), (0.5, 0.5, -1.0)])
    ranges = _pooled(graph, "MaxPool", _local_range(graph, opponents), CELL)
    return [_pooled(graph, "AveragePool", opponents, CELL), _log(graph, [ranges], RANGE_FLOOR)]


def _local_range(graph: Graph, value: str) -> str:
    """Greatest minus least of each 3x3 neighbourhood."""
    high = graph.add("MaxPool", value, kernel_shape=[3, 3], pads=[1] * 4)
    low = graph.add("MaxPool", graph.add("Neg", value), kernel_shape=[3, 3], pads=[1] * 4)
    return graph.add("Add", high, low)


def _pooled(graph: Graph, op: str, value: str, cell: int) -> str:
    return value if cell == 1 else graph.add(op, value, kernel_shape=[cell, cell], strides=[cell, cell])


def _log(graph: Graph, values: list[str], floor: float) -> str:
    joined = graph.add("Concat", *values, axis=1)
    return graph.add("Log", graph.add("Add", joined, graph.scalar(floor)))
