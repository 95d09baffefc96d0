"""From the distances of each view to one anomaly map and one score: in numpy for fitting, in the graph for serving."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from andon_training.graph import Graph
from andon_training.register import moved
from andon_training.views import View

BLUR_SIGMA = 1.5  # cells of the map
BLUR_REACH = 4  # cells
TOP_SHARE = 0.02  # of the map: a score is the mean of its highest cells, so that one noisy cell does not decide

Singles = NDArray[np.float32]


def gains(views: Sequence[View], levels: Sequence[float]) -> list[float]:
    """What each view's distances are multiplied by: good frames then come out near 1, whatever the views."""
    whole = sum(view.weight for view in views)
    return [view.weight / whole / max(level, 1e-9) for view, level in zip(views, levels, strict=True)]


def grid(views: Sequence[View]) -> tuple[int, int]:
    """Rows and columns of the anomaly map: those of the finest view."""
    finest = max(views, key=lambda view: view.rows * view.columns)
    return finest.rows, finest.columns


def anomaly_maps(distances: Sequence[Singles], views: Sequence[View], levels: Sequence[float]) -> Singles:
    """float32 [n, *grid] of each view's distances, float32 [n, rows, columns]."""
    rows, columns = grid(views)
    whole = np.zeros((len(distances[0]), rows, columns), np.float32)
    for gain, maps in zip(gains(views, levels), distances, strict=True):
        whole += np.stack([cv2.resize(one * np.float32(gain), (columns, rows)) for one in maps]).reshape(whole.shape)
    return np.stack([_blurred(one) for one in whole])


def scores(maps: Singles) -> Singles:
    """The mean of each map's highest cells, float32 [n], of `maps` [n, rows, columns]."""
    flat = maps.reshape(len(maps), -1)
    top = _top(flat.shape[1])
    highest: Singles = np.partition(flat, -top, axis=1)[:, -top:].mean(axis=1, dtype=np.float32)
    return highest


def add_score(
    graph: Graph, distances: Sequence[str], views: Sequence[View], levels: Sequence[float], shift: str | None = None
) -> dict[str, str]:
    """`map` [N, *grid] and `score` [N] of each view's distances, [N, 1, rows, columns].

    Where frames were moved by `shift` onto a template, the map is moved back.
    """
    rows, columns = grid(views)
    parts = [
        _spread(graph, graph.add("Mul", value, graph.scalar(gain)), view, (rows, columns))
        for value, view, gain in zip(distances, views, gains(views, levels), strict=True)
    ]
    whole = graph.add("Sum", *parts)
    kernel = graph.constant(np.outer(blur_taps(), blur_taps())[np.newaxis, np.newaxis])
    blurred = graph.add("Conv", graph.pad(whole, BLUR_REACH, "edge"), kernel)
    flat = graph.add("Reshape", blurred, graph.constant([-1, rows * columns]))
    highest = graph.top(flat, _top(rows * columns))
    score = graph.add("ReduceMean", highest, graph.constant([1]), keepdims=0)
    shown = moved(graph, blurred, (rows, columns), shift, back=True) if shift else blurred
    return {"score": score, "map": graph.add("Reshape", shown, graph.constant([-1, rows, columns]))}


def blur_taps() -> Singles:
    """The one-dimensional Gaussian of the blur, float32 [2 BLUR_REACH + 1], sum 1."""
    offsets = np.arange(-BLUR_REACH, BLUR_REACH + 1)
    taps = np.exp(-(offsets**2) / (2 * BLUR_SIGMA**2))
    whole: Singles = (taps / taps.sum()).astype(np.float32)
    return whole


def _blurred(one: Singles) -> Singles:
    taps = blur_taps()
    blurred: Singles = cv2.sepFilter2D(one, -1, taps, taps, borderType=cv2.BORDER_REPLICATE)
    return blurred


def _top(cells: int) -> int:
    return max(1, round(TOP_SHARE * cells))


def _spread(graph: Graph, value: str, view: View, to: tuple[int, int]) -> str:
    """`value` at the map's size, bilinear, as cv2.resize does it."""
    if (view.rows, view.columns) == to:
        return value
    scales = np.array([1, 1, to[0] / view.rows, to[1] / view.columns], np.float32)
    return graph.add(
        "Resize", value, "", graph.constant(scales), mode="linear", coordinate_transformation_mode="half_pixel"
    )
