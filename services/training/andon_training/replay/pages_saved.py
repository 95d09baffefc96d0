"""What pages would have become: calls close together count as one page, since alerting would not page twice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon.comparing.table import Floats

APART_S = 300.0  # calls further apart than this are two pages

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Pages:
    """Approximate: pages by the first judge, how many of them the second would not have sent, and its own new ones."""

    first: int
    not_needed: int
    new: int


def pages(captured: Floats, first: Bools, second: Bools) -> Pages:
    """Over the same frames: when they were captured, in Unix seconds, and which each judge calls anomalous."""
    runs, others = _runs(captured[first]), _runs(captured[second])
    return Pages(len(runs), _alone(runs, captured[second]), _alone(others, captured[first]))


def _runs(times: Floats) -> list[tuple[float, float]]:
    """First and last moment of each run of calls."""
    if not len(times):
        return []
    ordered = np.sort(times)
    begins = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > APART_S)
    ends = np.append(begins[1:], len(ordered)) - 1
    return list(zip(ordered[begins].tolist(), ordered[ends].tolist(), strict=True))


def _alone(runs: list[tuple[float, float]], calls: Floats) -> int:
    """The runs during which the other judge called nothing."""
    ordered = np.sort(calls)
    return sum(int(np.searchsorted(ordered, end, "right") == np.searchsorted(ordered, begin)) for begin, end in runs)
