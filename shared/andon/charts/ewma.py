"""The EWMA on block means (Roberts 1959), slow: a trend.

Measured by bench/driftbench/streams.py, one false alarm in 20,000 frames: a ramp to half a standard deviation over
5,000 frames is told after 1,094, 1,526 and 2,505 frames at autocorrelation 0, 0.5 and 0.9 (median); the CUSUM takes
1,469, 1,869 and 2,805. Steps it tells later than the CUSUM.
"""

from dataclasses import dataclass

import numpy as np

from andon.charts.fixed import Fixed, Tick, Turned
from andon.charts.run_length import EWMA_LIMITS, EWMA_SHIFTS, ewma_run_lengths
from andon.charts.sample import BASE, Bools, Doubles
from andon.charts.uncertainty import Truths, least_limit
from andon.records.drift import Chart

MEMORY = 1000  # frames that it looks back on
MOST_WEIGHT = 0.25
ENDS = 0.5  # of the limit: back below that, the alarm ends
MOST = 1.25  # of the limit: no higher, so that an alarm ends about MEMORY frames after the trend did
FINE = np.linspace(EWMA_LIMITS[0], EWMA_LIMITS[-1], 200)


def weight(block: int) -> float:
    """Of a new mean of `block` frames."""
    return round(min(block / MEMORY, MOST_WEIGHT), 4)


def limit(allowance: float, unsure: Truths, asked: float) -> float:
    """The limit with `asked` false alarms per block, in spreads of block means; the weight is `allowance`."""
    own = float(np.sqrt(allowance / (2 - allowance)))
    return float(least_limit(FINE, _rates(allowance, unsure, own), asked) * own)


def _rates(allowance: float, unsure: Truths, own: float) -> Doubles:
    logs = ewma_run_lengths(allowance)
    shift = np.minimum(np.abs(unsure.shift) / own / unsure.scale, EWMA_SHIFTS[-1])
    by_truth = np.stack([np.interp(shift, EWMA_SHIFTS, row) for row in logs])
    height = FINE[:, None] / unsure.scale
    found = [np.interp(height[:, t], EWMA_LIMITS, by_truth[:, t]) for t in range(len(shift))]
    return np.asarray(np.exp(-np.stack(found, axis=1)) @ unsure.weight)


@dataclass(slots=True)
class Ewma:
    """The charts of F numbers: float64 [F] each; `alarmed` is 1 while active, `since` counts blocks on one side."""

    fixed: Fixed
    level: Doubles
    since: Doubles
    alarmed: Doubles

    @classmethod
    def new(cls, fixed: Fixed) -> "Ewma":
        """From zero."""
        return cls(fixed, *(np.zeros(len(fixed.names)) for _ in range(3)))

    @property
    def chart(self) -> Chart:
        """Its kind."""
        return Chart.EWMA

    @property
    def names(self) -> tuple[str, ...]:
        """Its numbers."""
        return self.fixed.names

    def advance(self, tick: Tick) -> Turned:
        """Takes the block means that there are."""
        grown = self.level + self.fixed.weight * (tick.step - self.level)
        highest = MOST * self.fixed.ewma
        level = np.clip(np.where(tick.there, grown, self.level), -highest, highest)
        self.since = np.where(level * self.level > 0, self.since + tick.there, 0)
        self.level = level
        active, height = self.active(), np.abs(level)
        recovered = active & (height < ENDS * self.fixed.ewma)
        alarmed = ~active & (height > self.fixed.ewma)
        self.level[recovered] = 0
        self.alarmed = np.where(alarmed, 1.0, np.where(recovered, 0.0, self.alarmed))
        return np.asarray(alarmed), np.asarray(recovered)

    def statistic(self) -> Doubles:
        """In spreads of block means."""
        return np.abs(self.level)

    def limit(self) -> Doubles:
        """In spreads of block means."""
        return self.fixed.ewma

    def active(self) -> Bools:
        """Alarmed and not recovered."""
        return self.alarmed > 0

    def rises(self) -> Doubles:
        """The side that it is on."""
        return np.sign(self.level)

    def frames(self) -> Doubles:
        """Since it was on the other side."""
        return self.since * self.fixed.size * BASE
