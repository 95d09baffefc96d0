"""Which cells of a false call join the memory: the fewest that bring its anomalous places down, chosen greedily.

As in PatchCore's coreset (Roth et al. 2022, section 3.2; Sener and Savarese 2018) the next cell of a frame is always
the one that is farthest from the memory so far; but farthest by its own measure, how near it must come.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from andon_training.memory.banks import Singles

COVER = 0.7  # of the threshold: how high an anomalous place of a false call may still be when it is remembered
MOST_CELLS = 600  # of one memory, by all false calls together: a fifth of what `andon fit` remembers of good frames


@dataclass(frozen=True)
class Wanted:
    """Cells that are too far from a memory: `cells` float32 [n, d], each `distance` float32 [n] away, which must
    become `near` or less, float32 [n]."""

    cells: Singles
    distance: Singles
    near: Singles


def wanted(memory: Singles, cells: Singles, levels: Singles, threshold: float) -> Wanted:
    """Of a frame's `cells`, [places, d], those at anomalous places: their level is above `threshold`.

    Each must come so much nearer to `memory`, [m, d], that its place comes down to COVER of that: a level is a sum of
    distances. Cells of places that are merely near the threshold brought five times as many and changed nothing.
    """
    allowed = COVER * threshold
    high = levels > threshold
    distance = nearest(memory, cells[high])
    return Wanted(cells[high], distance, (distance * allowed / levels[high]).astype(np.float32))


def coreset(frames: Sequence[Wanted], room: int) -> tuple[Singles, bool]:
    """The cells to remember, float32 [k, d], at most `room`; and whether with them every one is near enough.

    Frame after frame, so that where the room ends some are remembered whole and others not, rather than each in part.
    A cell that one from an earlier frame stands for is not remembered again.
    """
    chosen = np.empty((0, frames[0].cells.shape[1]), np.float32)
    for each in frames:
        more, enough = _greedy(each, np.minimum(each.distance, nearest(chosen, each.cells)), room - len(chosen))
        chosen = np.concatenate([chosen, more])
        if not enough:
            return chosen, False
    return chosen, True


def _greedy(asked: Wanted, distance: Singles, room: int) -> tuple[Singles, bool]:
    chosen, near = list[int](), np.maximum(asked.near, np.float32(1e-12))
    while (distance > near).any():
        if len(chosen) == room:
            return asked.cells[chosen], False
        chosen.append(int(np.argmax(distance / near)))
        distance = np.minimum(distance, nearest(asked.cells[chosen[-1:]], asked.cells))
        distance[chosen] = 0
    return asked.cells[chosen], True


def nearest(memory: Singles, cells: Singles) -> Singles:
    """How far each of `cells`, [n, d], is from the nearest of `memory`, [m, d], float32 [n]; infinite for m 0."""
    squares = cells @ (-2 * memory.T) + (memory**2).sum(1)
    least = squares.min(axis=1, initial=np.inf) + (cells * cells).sum(1)
    found: Singles = np.sqrt(np.maximum(least, 0)).astype(np.float32)
    return found
