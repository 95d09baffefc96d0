"""The Bernoulli CUSUM (Reynolds and Stoumbos 1999) on the share of anomalous frames: has it doubled?

Each frame adds its log likelihood ratio, p against 2 p. p is not the share that was counted but what it may be at most
(95 % sure), because a few anomalous frames tell a share only roughly. The run length comes from Brook and Evans' chain
from one anomalous frame to the next, between which lie geometrically many others. Where anomalous frames come in lots,
D together, D of them tell as much as one, and come D times as rarely: limit and time are stretched by D.
"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from andon.charts.fixed import Tick, Turned
from andon.charts.run_length import cusum
from andon.charts.sample import Bools, Doubles
from andon.records.baseline import Rejects
from andon.records.drift import Chart

REJECTS = "rejects"
SURE = 1.645
LIMITS = np.array([1.0, 2.0, 3.5, 5.5, 8.0, 11.0])
MOST = 40.0
STRETCHES = (50, 200)
SURPRISE = 3.0  # standard errors


@dataclass(frozen=True, slots=True)
class Ratio:
    """What one frame adds: `bad` > 0 if anomalous, `good` < 0 if not. `share` is p, `clumped` is D."""

    share: float
    bad: float
    good: float
    clumped: float

    @classmethod
    def of(cls, ratio: float, frames: int, clumped: float = 1.0) -> "Ratio":
        """Of the share `ratio` counted over `frames` frames."""
        share = at_most(ratio, frames / clumped)
        doubled = min(2 * share, (1 + share) / 2)
        return cls(share, log(doubled / share), log((1 - doubled) / (1 - share)), clumped)


def at_most(ratio: float, frames: float) -> float:
    """The greatest share, 95 % sure, that shows as `ratio` of `frames`: Wilson and Hilferty's approximation."""
    count = ratio * frames + 1
    upper = count * (1 - 1 / (9 * count) + SURE / (3 * sqrt(count))) ** 3
    return min(upper / frames, 0.5)


def learn(anomalous: Bools, run_length: float) -> Rejects:
    """The reference of frames, bool [n], with one false alarm in `run_length` frames."""
    frames = len(anomalous)
    share = min(max(float(anomalous.mean()), 1 / frames), 0.5)
    together = clumped(anomalous)
    return Rejects(ratio=share, clumped=together, limit=limit(Ratio.of(share, frames, together), run_length))


def clumped(anomalous: Bools) -> float:
    """The index of dispersion of anomalous frames, bool [n], in stretches; 1 where more may be chance."""
    found, ratio = 1.0, float(anomalous.mean())
    for stretches in STRETCHES:
        frames = len(anomalous) // stretches
        if ratio and frames > 1:
            counts = anomalous[: frames * stretches].reshape(stretches, frames).sum(axis=1)
            index = float(counts.var(ddof=1)) / (frames * ratio * (1 - ratio))
            found = max(found, index if index > 1 + SURPRISE * sqrt(2 / (stretches - 1)) else 1.0)
    return round(found, 2)


def limit(ratio: Ratio, run_length: float) -> float:
    """With one false alarm in `run_length` frames, when the share is `ratio.share`."""
    logs = np.array([log(frames_between(ratio.share, ratio.bad, ratio.good, height)) for height in LIMITS])
    wanted = log(run_length / ratio.clumped)
    slope = (logs[-1] - logs[-2]) / (LIMITS[-1] - LIMITS[-2])
    beyond = LIMITS[-1] + max(0.0, wanted - logs[-1]) / slope
    height = float(np.interp(wanted, logs, LIMITS)) if wanted < logs[-1] else beyond
    return ratio.clumped * min(height, MOST)


def frames_between(share: float, bad: float, good: float, height: float) -> float:
    """The mean run length in frames: anomalous frames, a `share` of all, until the sum of what they and the others add
    passes `height`, times the frames between them."""

    def below(step: Doubles) -> Doubles:
        """A step is bad + good * gap, with the gap geometric: how many frames in between."""
        gap = np.ceil((bad - step) / -good)
        return np.asarray(np.where(gap <= 0, 1.0, (1 - share) ** np.maximum(gap, 0)))

    return cusum(below, height - bad, 0.0) / share


@dataclass(frozen=True, slots=True)
class Limit:
    """float64 [1]."""

    limit: Doubles


@dataclass(slots=True)
class Bernoulli:
    """The chart: `sum`, the frames since it was last 0, whether an alarm is active, the sum that ends it: [1] each."""

    fixed: Ratio
    height: Limit
    sum: Doubles
    since: Doubles
    alarmed: Doubles
    back: Doubles

    @classmethod
    def new(cls, rejects: Rejects, frames: int) -> "Bernoulli":
        """From zero; `rejects` of a reference of `frames` frames."""
        height = Limit(np.array([rejects.limit]))
        return cls(Ratio.of(rejects.ratio, frames, rejects.clumped), height, *(np.zeros(1) for _ in range(4)))

    @property
    def chart(self) -> Chart:
        """Its kind."""
        return Chart.BERNOULLI

    @property
    def names(self) -> tuple[str, ...]:
        """What the share of anomalous frames is called."""
        return (REJECTS,)

    def advance(self, tick: Tick) -> Turned:
        """Takes which frames were anomalous."""
        highest = self._add(tick.anomalous)
        active = self.active()
        alarmed, recovered = ~active & (highest > self.limit()), active & (self.back > self.limit())
        self.back[~active | recovered] = 0
        for part in (self.sum, self.since):
            part[recovered] = 0
        self.alarmed = np.where(alarmed, 1.0, np.where(recovered, 0.0, self.alarmed))
        return alarmed, recovered

    def _add(self, anomalous: Bools) -> float:
        """The highest that the sum was on the way."""
        total, back, since = float(self.sum[0]), float(self.back[0]), float(self.since[0])
        highest = total
        for bad in anomalous.tolist():
            step = self.fixed.bad if bad else self.fixed.good
            total, back = max(total + step, 0.0), max(back - step, 0.0)
            since = since + 1 if total else 0.0
            highest = max(highest, total)
        self.sum[0], self.back[0], self.since[0] = total, back, since
        return highest

    def statistic(self) -> Doubles:
        """A log likelihood ratio."""
        return self.sum

    def limit(self) -> Doubles:
        """Of the log likelihood ratio."""
        return self.height.limit

    def active(self) -> Bools:
        """Alarmed and not recovered."""
        return self.alarmed > 0

    def rises(self) -> Doubles:
        """Only a rise is looked for."""
        return np.ones(1)

    def frames(self) -> Doubles:
        """Since the sum was last 0."""
        return self.since
