"""Streams of one number: a normal process of the first order, brought to a marginal, and what may happen to it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import beta, gamma, norm

Doubles = NDArray[np.float64]

WARM = 1000
ANYWHERE = 500
"""Stable frames before a change; up to ANYWHERE more, so that it begins anywhere in a block or a window."""
AT = np.linspace(-6, 6, 24_001)


@dataclass(frozen=True)
class Marginal:
    """A table from normal scores to values, and the mean and standard deviation of the values."""

    values: Doubles
    mean: float
    sd: float

    @classmethod
    def of(cls, values: Doubles) -> "Marginal":
        """Of values at the normal scores AT."""
        weight = norm.pdf(AT) / norm.pdf(AT).sum()
        mean = float(values @ weight)
        return cls(values, mean, float(((values - mean) ** 2 @ weight) ** 0.5))


def _two_modes() -> Doubles:
    """Half around -2, half around 2, sd 0.5 each."""
    grid = np.linspace(-6, 6, 24_001)
    below = (norm.cdf(grid, -2, 0.5) + norm.cdf(grid, 2, 0.5)) / 2
    return np.interp(norm.cdf(AT), below, grid)


MARGINALS: dict[str, Callable[[], Doubles]] = {
    "normal": AT.copy,
    "beta(2,20)": lambda: np.asarray(beta(2, 20).ppf(norm.cdf(AT))),
    "gamma(2)": lambda: np.asarray(gamma(2).isf(norm.sf(AT))),
    "bimodal": _two_modes,
}
CORRELATIONS = (0.0, 0.5, 0.9)


@dataclass(frozen=True)
class Source:
    """Stable streams of one cell."""

    marginal: Marginal
    correlation: float
    random: np.random.Generator

    def stable(self, frames: int, streams: int) -> Doubles:
        """float64 [frames, streams]."""
        phi = self.correlation
        noise = self.random.standard_normal((frames, streams))
        noise[1:] *= (1 - phi * phi) ** 0.5
        return np.interp(lfilter([1.0], [1.0, -phi], noise, axis=0), AT, self.marginal.values)


Change = Callable[[Doubles, NDArray[np.int64], Marginal, np.random.Generator], Doubles]
"""Of stable frames [n, streams], and how many frames ago the change was [n, streams]."""


def step(sigmas: float) -> Change:
    """The mean moves at once."""
    return lambda x, _, of, __: x + sigmas * of.sd


def ramp(sigmas: float, frames: int) -> Change:
    """The mean moves steadily, then stays."""
    return lambda x, ago, of, _: x + sigmas * of.sd * np.clip(ago / frames, 0.0, 1.0)


def wider(times: float) -> Change:
    """The spread grows."""
    return lambda x, _, of, __: of.mean + times * (x - of.mean)


def contaminated(x: Doubles, _: NDArray[np.int64], of: Marginal, random: np.random.Generator) -> Doubles:
    """One value in a hundred is off by eight standard deviations."""
    return np.where(random.random(x.shape) < 0.01, x + 8 * of.sd, x)


def dropped(x: Doubles, _: NDArray[np.int64], __: Marginal, random: np.random.Generator) -> Doubles:
    """A third of the values is missing."""
    return np.where(random.random(x.shape) < 1 / 3, np.nan, x)


def sine(x: Doubles, of: Marginal, period: int) -> Doubles:
    """A day of `period` frames: half a standard deviation up and down."""
    at = np.arange(len(x))[:, None]
    return np.asarray(x + 0.5 * of.sd * np.sin(2 * np.pi * at / period))


CHANGES: dict[str, tuple[Change, int]] = {
    "step 0.25 sd": (step(0.25), 4000),
    "step 0.5 sd": (step(0.5), 4000),
    "step 1 sd": (step(1.0), 4000),
    "step 2 sd": (step(2.0), 4000),
    "ramp to 0.5 sd": (ramp(0.5, 5000), 7000),
    "sd x 1.5": (wider(1.5), 4000),
    "1 % wild": (contaminated, 4000),
}
"""What should be seen, and how many frames there are to see it in."""
DAY = 2500


def changed(source: Source, change: Change, frames: int, streams: int) -> tuple[Doubles, NDArray[np.int64]]:
    """Stable frames, then at least `frames` changed ones; and where each stream changed, int64 [streams]."""
    begin = WARM + source.random.integers(0, ANYWHERE, streams)
    stable = source.stable(WARM + ANYWHERE + frames, streams)
    ago = np.arange(len(stable))[:, None] - begin
    return np.where(ago < 0, stable, change(stable, ago, source.marginal, source.random)), begin
