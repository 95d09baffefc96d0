"""Which reference a frame is meant to be, and by how many cells it is shifted: first roughly, then closely.

Roughly: every reference, some 40 cells a side, all channels. Closely: the few that came nearest, in cells of 4 pixels,
so that two boards that differ by one part are told apart. Nothing is refused here: a frame that is no board at all
gets the reference it resembles most, and differs from it everywhere.
"""

from dataclasses import dataclass

import numpy as np

from andon_training.golden_sample.correlate import shifted, shifts, unit, unit_rows
from andon_training.golden_sample.pixels import (
    FLOAT32,
    References,
    luma_references,
    shrunk,
    shrunk_references,
)
from andon_training.graph import Graph

CLOSE = 4  # pixels
CANDIDATES = 4
ROUGH_CELLS = 64  # at most, along the longer side


@dataclass(frozen=True)
class Chosen:
    """Graph values: `reference` int64 [N], and `shift` float32 [N, 2, 1, 1], (x, y) in pixels.

    What the frame shows at a place is at this place plus `shift` in the reference.
    """

    reference: str
    shift: str


def choose(graph: Graph, levels: str, brightness: str, references: References, reach: int) -> Chosen:
    """The choice for `levels` [N, C, H, W] with `brightness` [N, 1, H, W], among `references` uint8 [K, H, W, C]."""
    candidates = _candidates(graph, levels, references, reach)
    height, width = references.shape[1] // CLOSE, references.shape[2] // CLOSE
    margin = -(-reach // CLOSE)
    views = shifted(graph, shrunk(graph, brightness, CLOSE), (height, width), margin)
    known = graph.constant(_close(references, margin))
    rows = unit(graph, graph.add("Cast", graph.add("Gather", known, candidates), to=FLOAT32))
    likeness = graph.add("MatMul", views, graph.add("Transpose", rows, perm=[0, 2, 1]))
    return _best(graph, likeness, candidates, -CLOSE * shifts(margin))


def rough_cell(height: int, width: int) -> int:
    """Pixels a side of the cells of the rough look: a multiple of 8."""
    return max(8, -(-max(height, width) // ROUGH_CELLS // 8) * 8)


def _candidates(graph: Graph, levels: str, references: References, reach: int) -> str:
    """int64 [N, m]: the references that look most like the frame from afar."""
    count, height, width, _ = references.shape
    cell = rough_cell(height, width)
    margin = -(-reach // cell)
    small = shrunk_references(references, cell)
    inner = small[:, :, margin : small.shape[2] - margin, margin : small.shape[3] - margin].reshape(count, -1)
    views = shifted(graph, shrunk(graph, levels, cell), (height // cell, width // cell), margin)
    likeness = graph.add("MatMul", views, graph.constant(unit_rows(inner).T))
    best = graph.add("ReduceMax", likeness, graph.constant([1]), keepdims=0)
    return _top(graph, best, min(count, CANDIDATES))


def _top(graph: Graph, likeness: str, most: int) -> str:
    """Where the `most` highest of each row stand: what TopK gives second."""
    return f"{graph.top(likeness, most)}-at"


def _close(references: References, margin: int) -> References:
    """The references' brightness in cells of CLOSE pixels, without the margin: uint8 [K, D]."""
    small = shrunk_references(luma_references(references), CLOSE)[:, 0]
    inner = small[:, margin : small.shape[1] - margin, margin : small.shape[2] - margin]
    rounded: References = np.rint(inner).astype(np.uint8).reshape(len(references), -1)
    return rounded


def _best(graph: Graph, likeness: str, candidates: str, offsets: np.ndarray) -> Chosen:
    """The candidate and shift that are most alike, of `likeness` [N, S, m]."""
    flat = graph.add("Reshape", likeness, graph.constant([0, -1]))
    at = graph.add("ArgMax", flat, axis=1)
    candidate_count = graph.add("Gather", graph.add("Shape", candidates), graph.constant(np.array(1, np.int64)))
    which = graph.add("GatherElements", candidates, graph.add("Mod", at, candidate_count), axis=1)
    offset = graph.add("Gather", graph.constant(offsets), graph.add("Div", at, candidate_count))
    return Chosen(
        reference=graph.add("Reshape", which, graph.constant([-1])),
        shift=graph.add("Reshape", offset, graph.constant([-1, 2, 1, 1])),
    )
