"""A model with more in its memory. No score and no place of a map is higher than before, whatever the frame.

A place's distance is that to the nearest of the memory: one more cell leaves it or makes it less. `andon fit` adds,
enlarges, blurs and averages distances with weights above zero, so its map and score follow. PatchCore's map does, too;
its score is the greatest distance times a weight of the neighbours there, which may rise: so it is the lesser of what
it was and what it is with the new cells.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon_training.memory.banks import FACTORS, NEIGHBOURS, SQUARES, Bank, Head, Singles
from andon_training.memory.graph import Wiring


def widened(wiring: Wiring, head: Head, added: Sequence[Singles]) -> bytes:
    """The model whose memories hold `added`, too: float32 [n, d] for each of them. `wiring` is changed."""
    for bank, cells in zip(head.banks, added, strict=True):
        if not len(cells):
            continue
        last = bank.runs[-1]
        if last.node.op_type == "MatMul" or last.factors == FACTORS:
            _longer(wiring, last.factors, last.squares, cells)
            _know_neighbours(wiring, bank, cells)
        else:
            _another_run(wiring, head, bank, cells)
    return wiring.saved()


def _longer(wiring: Wiring, factors: str, squares: str, cells: Singles) -> None:
    """A memory goes on in the same constants."""
    wiring.set_constant(factors, np.concatenate([_constant(wiring, factors), _factors(cells)], axis=1))
    wiring.set_constant(squares, np.concatenate([_constant(wiring, squares), _squares(cells)]))


def _another_run(wiring: Wiring, head: Head, bank: Bank, cells: Singles) -> None:
    """PatchCore's memory, in runs, gets one more; the distances of before stay beside, for the old score."""
    wiring.set_constant(FACTORS, _factors(cells))
    wiring.set_constant(SQUARES, _squares(cells))
    root = _root(wiring, bank.least)
    nodes = _nearer(wiring, bank, root)
    distance = nodes[-1].output[0]
    for shaped in wiring.takers(root.output[0], "Reshape"):
        if shaped.output[0] != head.levels:
            shaped.input[0] = distance
    by_frame = wiring.node("Reshape", distance, _made(wiring, head.levels).input[1])
    wiring.insert(_after(wiring, root), [*nodes, by_frame])
    _rescored(wiring, head, bank, by_frame.output[0], cells)


def _root(wiring: Wiring, least: str) -> Any:
    """The node that makes distances of the least squares."""
    total = wiring.takers(least, "Add")[0]
    above = wiring.takers(total.output[0], "Max")[0]
    return wiring.takers(above.output[0], "Sqrt")[0]


def _nearer(wiring: Wiring, bank: Bank, root: Any) -> list[Any]:
    """The distances to the longer memory, as `root` and what it stands on make those to the shorter."""
    above = _made(wiring, root.input[0])
    total = _made(wiring, above.input[0])
    axes = wiring.takers(bank.runs[-1].node.output[0], "ReduceMin")[0].input[1]
    compared = wiring.node("Gemm", bank.given, FACTORS, SQUARES)
    nearest = wiring.node("ReduceMin", compared.output[0], axes, keepdims=0)
    lesser = wiring.node("Min", bank.least, nearest.output[0])
    own = next(name for name in total.input if name != bank.least)
    summed = wiring.node("Add", lesser.output[0], own)
    clipped = wiring.node("Max", summed.output[0], above.input[1])
    return [compared, nearest, lesser, summed, clipped, wiring.node("Sqrt", clipped.output[0])]


def _rescored(wiring: Wiring, head: Head, bank: Bank, by_frame: str, cells: Singles) -> None:
    """The score of what is left of the distances; the lesser of it and the old one, where neighbours weigh."""
    last = _made(wiring, "score")
    greatest = wiring.takers(head.levels, "ReduceMax")[0]
    new = wiring.node("ReduceMax", by_frame, greatest.input[1], keepdims=0)
    nodes = [new]
    if head.reweighted:
        nodes += _weighed(wiring, head, bank, by_frame, cells)
        product = wiring.node("Mul", new.output[0], nodes[-1].output[0])
        nodes += [product, wiring.node("Min", last.input[0], product.output[0])]
    wiring.insert(last, nodes)
    last.input[0] = nodes[-1].output[0]


def _weighed(wiring: Wiring, head: Head, bank: Bank, by_frame: str, cells: Singles) -> list[Any]:
    """The weight at the farthest place, as the model has it, over the longer memory (equation 7)."""
    farthest = wiring.takers(head.levels, "ArgMax")[0]
    place = wiring.takers(farthest.output[0], "GatherND")[0]
    table = next(node for node in wiring.nodes if node.op_type == "Gather" and _is_table(wiring, node.input[0]))
    neighbours = _constant(wiring, table.input[0])
    wiring.set_constant(NEIGHBOURS, _neighbours(neighbours, np.concatenate([bank.cells, cells]), len(cells)))
    tail = _tail(wiring, table)
    runs = [(run.factors, run.squares) for run in bank.runs] + [(FACTORS, SQUARES)]
    at = wiring.node("ArgMax", by_frame, axis=1, keepdims=1)
    there = wiring.node("GatherND", place.input[0], at.output[0], batch_dims=1)
    squares = [wiring.node("Gemm", there.output[0], *run) for run in runs]
    squared = wiring.node("Concat", *(node.output[0] for node in squares), axis=1)
    nearest = wiring.node("ArgMin", squared.output[0], axis=1, keepdims=0)
    around = wiring.node("Gather", NEIGHBOURS, nearest.output[0], axis=0)
    own = wiring.node("ReduceSumSquare", there.output[0], tail["own"].input[1], keepdims=1)
    total = wiring.node("Add", squared.output[0], own.output[0])
    clipped = wiring.node("Max", total.output[0], tail["clipped"].input[1])
    distance = wiring.node("Sqrt", clipped.output[0])
    apart = wiring.node("GatherElements", distance.output[0], around.output[0], axis=1)
    shares = wiring.node("Softmax", apart.output[0], axis=1)
    share = wiring.node("Gather", shares.output[0], tail["share"].input[1], axis=1)
    weight = wiring.node("Sub", tail["weight"].input[0], share.output[0])
    nodes = [at, there, *squares, squared, nearest, around, own, total, clipped, distance]
    return [*nodes, apart, shares, share, weight]


def _tail(wiring: Wiring, table: Any) -> dict[str, Any]:
    """The nodes from a cell's neighbours to its weight, as `export.patchcore` writes them."""
    apart = wiring.takers(table.output[0], "GatherElements")[0]
    clipped = _made(wiring, _made(wiring, apart.input[0]).input[0])
    made = [wiring.maker(name) for name in _made(wiring, clipped.input[0]).input]
    own = next(node for node in made if node is not None and node.op_type == "ReduceSumSquare")
    shares = wiring.takers(apart.output[0], "Softmax")[0]
    share = wiring.takers(shares.output[0], "Gather")[0]
    weight = wiring.takers(share.output[0], "Sub")[0]
    return {"clipped": clipped, "own": own, "share": share, "weight": weight}


def _know_neighbours(wiring: Wiring, bank: Bank, cells: Singles) -> None:
    known = wiring.constant(NEIGHBOURS)
    if known is not None:
        wiring.set_constant(NEIGHBOURS, _neighbours(known, np.concatenate([bank.cells, cells]), len(cells)))


def _neighbours(known: NDArray[np.int64], memory: Singles, new: int) -> NDArray[np.int64]:
    """The nearest of each cell, itself first: of those that were there as before, of the `new` last ones over all."""
    fresh = memory[-new:].astype(np.float64)
    squares = (fresh**2).sum(1)[:, np.newaxis] - 2 * fresh @ memory.T + (memory.astype(np.float64) ** 2).sum(1)
    squares[np.arange(new), len(memory) - new + np.arange(new)] = -np.inf
    found: NDArray[np.int64] = np.argsort(squares, axis=1, kind="stable")[:, : known.shape[1]]
    return np.concatenate([known, found]).astype(np.int64)


def _is_table(wiring: Wiring, name: str) -> bool:
    found = wiring.constant(name)
    return found is not None and found.dtype == np.int64 and found.ndim == 2


def _made(wiring: Wiring, value: str) -> Any:
    node = wiring.maker(value)
    assert node is not None, value  # noqa: S101  the head was found by it
    return node


def _after(wiring: Wiring, node: Any) -> Any:
    names = [each.output[0] for each in wiring.nodes]
    return wiring.nodes[names.index(node.output[0]) + 1]


def _constant(wiring: Wiring, name: str) -> NDArray[Any]:
    found = wiring.constant(name)
    assert found is not None, name  # noqa: S101  it was found by its constants
    return found


def _factors(cells: Singles) -> Singles:
    return np.ascontiguousarray(-2 * cells.T, np.float32)


def _squares(cells: Singles) -> Singles:
    found: Singles = (cells.astype(np.float64) ** 2).sum(1).astype(np.float32)
    return found
