"""What the reference says, as arrays over its numbers; and what a base block of frames is to the charts."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from andon.charts.sample import BASE, Bools, Doubles
from andon.records.baseline import Watched
from andon.records.drift import Chart

LEAST_WINDOW = 25  # base blocks
BLOCKS = 5  # a window has at least as many blocks of the number
MOST_WINDOW = 200


def window(block: int) -> int:
    """Base blocks of a window of a number whose blocks have `block` frames."""
    return min(max(LEAST_WINDOW, BLOCKS * block // BASE), MOST_WINDOW)


@dataclass(frozen=True, slots=True)
class Fixed:
    """What the reference says of F numbers: float64 [F] each. `size` of a block and `window` are in base blocks."""

    names: tuple[str, ...]
    size: Doubles
    centre: Doubles
    spread: Doubles
    slack: Doubles
    cusum: Doubles
    weight: Doubles
    ewma: Doubles
    wasserstein: Doubles
    window: Doubles

    @classmethod
    def of(cls, watched: dict[str, Watched]) -> "Fixed":
        """Of the numbers in this order. Not watched by a chart: its limit is infinite."""
        each = tuple(watched.values())
        return cls(
            tuple(watched),
            np.array([max(1, one.block // BASE) for one in each], dtype=np.float64),
            np.array([one.centre for one in each]),
            np.array([one.spread for one in each]),
            np.array([one.slack for one in each]),
            np.array([one.cusum for one in each]),
            np.array([one.weight or 0.0 for one in each]),
            np.array([one.ewma or np.inf for one in each]),
            np.array([one.wasserstein or np.inf for one in each]),
            np.array([window(one.block) for one in each], dtype=np.float64),
        )


@dataclass(frozen=True, slots=True)
class Tick:
    """A base block: normal scores [BASE, F], their sums and counts [F], block means `step` in spreads where there is
    one (`there`) [F]; which frames were anomalous, bool [BASE]; embeddings [BASE, d] or None; where the maps were
    highest, int16 [BASE] or None."""

    scores: Doubles
    sums: Doubles
    counts: Doubles
    step: Doubles
    there: Bools
    anomalous: Bools
    embedding: Doubles | None
    peak: NDArray[np.int16] | None


Turned = tuple[Bools, Bools]
"""Which charts alarmed, and which recovered: bool [F] each."""


class Running(Protocol):
    """Charts of one kind, on F numbers. What it answers is of after the last `advance`: [F] each."""

    @property
    def chart(self) -> Chart:
        """Its kind."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its numbers."""

    def advance(self, tick: Tick) -> Turned:
        """Takes a base block."""

    def statistic(self) -> Doubles:
        """What is held against the limit."""

    def limit(self) -> Doubles:
        """Infinite where a number is not watched by this kind."""

    def active(self) -> Bools:
        """Alarmed and not recovered."""

    def rises(self) -> Doubles:
        """+1 where the number is above, -1 where it is below, 0 where the chart cannot tell."""

    def frames(self) -> Doubles:
        """How many frames ago the change began, if there is one."""
