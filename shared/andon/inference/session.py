"""A graph, open: what ONNX Runtime and OpenVINO have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from andon.onnxfile import STANDARD_DOMAINS

DOMAINS = STANDARD_DOMAINS | {"com.microsoft"}  # int8 models keep ONNX Runtime's own operators there

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Port:
    """An input or an output. `kind` is NumPy's name of its numbers; a side that is free is None."""

    name: str
    kind: str
    shape: tuple[int | None, ...]


class Session(Protocol):
    """An open graph of rows: every input and output has one row a frame. Safe to call from several threads."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    provider: str  # what runs it, in the runtime's own words
    runtime: str  # the same with the version, as a score tells it

    def run(self, names: Sequence[str], given: Arrays) -> list[NDArray[Any]]:
        """The outputs `names` for `given`, whose arrays have N rows each, N at least 1. Raises Broken when it fails."""


def rows_of(given: Arrays) -> int:
    """N: how many frames `given` holds."""
    return len(next(iter(given.values())))


def piece(given: Arrays, start: int, size: int) -> Arrays:
    """The rows from `start` on, `size` of them; where they end sooner, the last row again and again."""
    return {name: _padded(array[start : start + size], size) for name, array in given.items()}


def _padded(rows: NDArray[Any], size: int) -> NDArray[Any]:
    missing = size - len(rows)
    return rows if not missing else np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
