"""How sure a counted share is."""

from dataclasses import dataclass

from scipy.stats import binomtest

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """`count` of `of` frames, and where the true share lies with CONFIDENCE."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share counted."""
        return self.count / self.of

    def overlaps(self, low: float, high: float) -> bool:
        """Whether the true share may lie within `low` to `high`, as far as these frames tell."""
        return self.low <= high and low <= self.high


def rate(count: int, of: int) -> Rate:
    """The share of `of`, at least 1, with its exact interval (Clopper and Pearson 1934)."""
    interval = binomtest(count, of).proportion_ci(CONFIDENCE, "exact")
    return Rate(count, of, float(interval.low), float(interval.high))
