"""Base blocks become blocks, and what was last."""

from dataclasses import dataclass

import numpy as np

from andon.charts.fixed import Fixed
from andon.charts.sample import BASE, Bools, Doubles

RECENT = 5
"""Base blocks that `means` looks back on."""


@dataclass(slots=True)
class Gathering:
    """The block of each of F numbers that is under way, of `gathered` base blocks, and the `last` mean: float64 [F].

    `sums` and `counts` [RECENT, F] are those of the last base blocks, the newest first.
    """

    fixed: Fixed
    total: Doubles
    known: Doubles
    gathered: Doubles
    last: Doubles
    sums: Doubles
    counts: Doubles

    @classmethod
    def new(cls, fixed: Fixed) -> "Gathering":
        """Nothing yet."""
        numbers = len(fixed.names)
        none = [np.zeros(numbers) for _ in range(4)]
        return cls(fixed, none[0], none[1], none[2], none[3], np.zeros((RECENT, numbers)), np.zeros((RECENT, numbers)))

    def advance(self, sums: Doubles, counts: Doubles) -> tuple[Doubles, Bools]:
        """Takes a base block's sums and counts of normal scores; answers block means in spreads, and where there is
        one: the block is full, and half of its frames are known. A mean of fewer frames counts for less: it spreads
        more."""
        self._remember(sums, counts)
        self.total += sums
        self.known += counts
        self.gathered += 1
        fixed = self.fixed
        full = self.gathered >= fixed.size
        there = full & (self.known * 2 >= fixed.size * BASE)
        share = np.minimum(self.known / (fixed.size * BASE), 1)
        mean = self.total / np.maximum(self.known, 1)
        self.last = np.where(there, mean, self.last)
        for part in (self.total, self.known, self.gathered):
            part[full] = 0
        return np.where(there, (mean - fixed.centre) / fixed.spread * np.sqrt(share), 0.0), there

    def _remember(self, sums: Doubles, counts: Doubles) -> None:
        for ring, newest in ((self.sums, sums), (self.counts, counts)):
            ring[1:] = ring[:-1].copy()
            ring[0] = newest

    def means(self) -> dict[str, float]:
        """The mean normal score of the last 50 frames; of the last block, where that is longer. 0 where unknown."""
        recent = self.sums.sum(axis=0) / np.maximum(self.counts.sum(axis=0), 1)
        found = np.where(self.fixed.size > RECENT, self.last, recent)
        return dict(zip(self.fixed.names, found.tolist(), strict=True))
