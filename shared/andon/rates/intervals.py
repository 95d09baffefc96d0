"""How sure a counted share is."""

from dataclasses import dataclass

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
    """The share of `of`, at least 1, with its exact interval."""
    return Rate(count, of, *exact(count, of))


def exact(count: float, of: float) -> tuple[float, float]:
    """Where a share lies with CONFIDENCE when `count` of `of` were seen: (low, high); of nothing, (0, 1).

    C. J. Clopper, E. S. Pearson: The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26, 1934, 404-413, by quantiles of the beta distribution: with x of n, low is the alpha/2 quantile of
    Beta(x, n - x + 1), high the 1 - alpha/2 quantile of Beta(x + 1, n - x). It holds the truth at least so often as it
    says. `of` need not be whole.
    """
    from scipy.special import betaincinv  # alerting counts without it

    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(count, of - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return low, high
