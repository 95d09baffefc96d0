"""The contact sheet: for each ramp a frame as it was, and beside it as it was when the drift was flagged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
SIDE, TEXT, GAP = 112, 30, 6
COARSE = 6
"""Grey levels that become one: the sensor's noise would make the file four times as large."""
BLACK, GREEN, RED = (0, 0, 0), (0, 110, 0), (0, 0, 200)


@dataclass(frozen=True)
class Pair:
    """Two frames, what was done to the second, what it was called."""

    before: Image
    after: Image
    done: str
    named: str
    right: bool


def sheet(pairs: Mapping[tuple[str, str], Pair], sets: Sequence[str]) -> Image:
    """uint8 [h, w, 3] BGR: a column a set, a row a ramp."""
    ramps = list(dict.fromkeys(ramp for name, ramp in pairs if name in sets))
    columns = max(1, 4 // len(sets))
    rows = [ramps[i : i + columns] for i in range(0, len(ramps), columns)]
    return np.vstack(
        [np.hstack([tile(pairs.get((name, ramp))) for name in sets for ramp in _full(row, columns)]) for row in rows]
    )


def _full(row: Sequence[str], columns: int) -> list[str]:
    return [*row, *[""] * (columns - len(row))]


def tile(pair: Pair | None) -> Image:
    """One pair with its words; white where there is none."""
    blank = np.full((SIDE + TEXT + GAP, 2 * SIDE + 2 * GAP, 3), 255, np.uint8)
    if pair is None:
        return blank
    blank[TEXT : TEXT + SIDE, : 2 * SIDE] = np.hstack([_small(pair.before), _small(pair.after)])
    _write(blank, pair.done, 11, BLACK)
    _write(blank, f"called: {pair.named}", 25, GREEN if pair.right else RED)
    return blank


def _small(image: Image) -> Image:
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    coarse = (small // COARSE) * COARSE
    return np.asarray(coarse if coarse.ndim == 3 else cv2.cvtColor(coarse, cv2.COLOR_GRAY2BGR), np.uint8)


def _write(image: Image, text: str, y: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(image, text, (2, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
