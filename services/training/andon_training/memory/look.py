"""A frame through a bundle's model, with what the model sees on the way: its cells, and how anomalous each place is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.bundle import Bundle
from andon_training.memory.banks import Head, Singles
from andon_training.memory.graph import Wiring
from andon_training.session import cpu_session


@dataclass(frozen=True)
class Looked:
    """What the model makes of a frame: its raw `score`; for each memory its `cells`, float32 [places, d], and how
    anomalous each of these places is, `levels`, float32 [places], on the scale of the score.
    """

    score: float
    cells: tuple[Singles, ...]
    levels: tuple[Singles, ...]


class Onlooker:
    """Opens a bundle's model so that it tells what it sees. On this machine's CPU."""

    def __init__(self, bundle: Bundle, wiring: Wiring, head: Head) -> None:
        self._head = head
        self._values = ["score", "map", head.levels, *(bank.given for bank in head.banks)]
        self._model = cpu_session(wiring.show(*self._values))
        self._backbone: Any = None if bundle.backbone is None else cpu_session(bundle.backbone)

    def look(self, tensor: NDArray[np.uint8]) -> Looked:
        """What the model makes of a prepared frame, uint8 [h, w, c]."""
        given = {"frames": tensor[np.newaxis]}
        if self._backbone is not None:
            names = [output.name for output in self._backbone.get_outputs()]
            given = dict(zip(names, self._backbone.run(names, given), strict=True))
        score, shown, levels, *cells = self._model.run(self._values, given)
        found = float(score[0])
        grid = levels[0].reshape(_grid(shown.shape[1:], levels.size))
        if self._head.reweighted:
            grid = grid * np.float32(found / max(float(grid.max()), 1e-12))
        return Looked(found, tuple(cells), tuple(_at_places(grid, len(each)) for each in cells))


def _grid(shape: tuple[int, int], places: int) -> tuple[int, int]:
    """Rows and columns of `places` cells that lie as a map of that `shape` does."""
    rows = max(1, round((places * shape[0] / shape[1]) ** 0.5))
    while places % rows:
        rows -= 1
    return rows, places // rows


def _at_places(grid: Singles, places: int) -> Singles:
    """The highest level at each of `places` cells, as large or larger, float32 [places]."""
    rows, columns = _grid((grid.shape[0], grid.shape[1]), places)
    found: Singles = grid if grid.shape == (rows, columns) else _highest(grid, rows, columns)
    return found.ravel()


def _highest(grid: Singles, rows: int, columns: int) -> Singles:
    """The highest value of each block; where blocks are not whole, of what is nearest."""
    down = np.arange(rows + 1) * grid.shape[0] // rows
    right = np.arange(columns + 1) * grid.shape[1] // columns
    blocks = np.maximum.reduceat(np.maximum.reduceat(grid, down[:-1], axis=0), right[:-1], axis=1)
    found: Singles = blocks.astype(np.float32)
    return found
