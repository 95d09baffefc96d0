"""The memories inside a bundle's model, found by how Andon writes them: `andon fit --method memory-bank`, PatchCore.

Both compare cells by |x - m|^2 = |x|^2 + (-2 m) . x + |m|^2: factors [d, m] and addends [m] are constants of the graph,
and the memory is read out of them again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon_training.memory.graph import REMEMBERED, Wiring

FACTORS, SQUARES, NEIGHBOURS = f"{REMEMBERED}factors", f"{REMEMBERED}squares", f"{REMEMBERED}neighbours"

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """Part of a memory: the constants of its factors and addends, and the node that compares with them."""

    factors: str
    squares: str
    node: Any


@dataclass(frozen=True)
class Bank:
    """A memory: `cells` float32 [m, d]. A frame's own cells are the value `given`, [N * places, d].

    `least` is the value that holds the least |x - m|^2 - |x|^2 of each place.
    """

    runs: tuple[Run, ...]
    cells: Singles
    given: str
    least: str


@dataclass(frozen=True)
class Head:
    """Where a model judges: its memories, and what its score is taken from.

    `levels` is the value, [N, places], whose highest ones make the score. `reweighted`: the score of the farthest place
    is multiplied by a weight of its neighbours' (PatchCore, equation 7), the value `weight`.
    """

    banks: tuple[Bank, ...]
    levels: str
    reweighted: bool = False


def find_head(wiring: Wiring) -> Head | None:
    """The memories of this model; None where it has none that Andon knows."""
    views = _views(wiring)
    if views:
        levels = _averaged(wiring)
        return None if levels is None else Head(views, levels)
    return _patchcore(wiring)


def _views(wiring: Wiring) -> tuple[Bank, ...]:
    """Those of `andon fit`: a product, an addition, the least; one a view."""
    found = []
    for node in [each for each in wiring.nodes if each.op_type == "MatMul"]:
        added = wiring.only_taker(node.output[0], "Add")
        least = None if added is None else wiring.only_taker(added.output[0], "ReduceMin")
        if added is not None and least is not None and _is_memory(wiring, node.input[1], added.input[1]):
            run = Run(node.input[1], added.input[1], node)
            found.append(Bank((run,), _cells(wiring, [run]), node.input[0], least.output[0]))
    return tuple(found)


def _averaged(wiring: Wiring) -> str | None:
    """The map whose highest cells `andon fit`'s score is the mean of."""
    score = wiring.maker("score")
    mean = wiring.maker(score.input[0]) if score is not None else None
    highest = wiring.maker(mean.input[0]) if mean is not None and mean.op_type == "ReduceMean" else None
    return highest.input[0] if highest is not None and highest.op_type == "TopK" else None


def _patchcore(wiring: Wiring) -> Head | None:
    runs = [Run(each.input[1], each.input[2], each) for each in _compared(wiring)]
    if not runs or len({run.node.input[0] for run in runs}) != 1:
        return None
    least = runs[-1].node.output[0]
    while (taker := _reduced(wiring, least)) is not None:
        least = taker.output[0]
    levels = _by_frame(wiring, least)
    if levels is None:
        return None
    weighted = any(wiring.takers(levels, "ArgMax"))
    return Head((Bank(tuple(runs), _cells(wiring, runs), runs[0].node.input[0], least),), levels, weighted)


def _compared(wiring: Wiring) -> Iterator[Any]:
    for node in wiring.nodes:
        plain = node.op_type == "Gemm" and len(node.input) == 3 and not node.attribute
        if plain and wiring.only_taker(node.output[0], "ReduceMin") is not None and _is_memory(wiring, *node.input[1:]):
            yield node


def _reduced(wiring: Wiring, value: str) -> Any | None:
    """The least of a run, and of that and the runs before."""
    taker = wiring.only_taker(value, "ReduceMin")
    if taker is not None:
        return taker
    merged = wiring.takers(value, "Min")
    return merged[0] if merged else None


def _by_frame(wiring: Wiring, least: str) -> str | None:
    """The distances of the places, frame by frame: what the greatest is taken of."""
    value = least
    for op in ("Add", "Max", "Sqrt"):
        takers = wiring.takers(value, op)
        if len(takers) != 1:
            return None
        value = takers[0].output[0]
    shaped = [node.output[0] for node in wiring.takers(value, "Reshape")]
    return next((each for each in shaped if wiring.takers(each, "ReduceMax")), None)


def _is_memory(wiring: Wiring, factors: str, squares: str) -> bool:
    """Whether these are constants of a memory in float32: factors [d, m], addends [m] that follow from them."""
    products, sums = wiring.constant(factors), wiring.constant(squares)
    if products is None or sums is None or products.dtype != np.float32 or products.ndim != 2:
        return False
    own = (products.astype(np.float64) ** 2).sum(axis=0) / 4
    return sums.shape == own.shape and bool(np.allclose(sums, own, rtol=1e-3, atol=1e-6))


def _cells(wiring: Wiring, runs: Sequence[Run]) -> Singles:
    parts = [wiring.constant(run.factors) for run in runs]
    found: Singles = np.concatenate([part.T / np.float32(-2) for part in parts if part is not None])
    return found
