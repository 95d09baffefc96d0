"""The two-sided CUSUM on block means (Page 1954): a lasting step, soon.

A chart that has alarmed ends by the same evidence by which it began: a second sum asks whether the change is gone. It
grows by `half - direction * step`, half being half of the change as estimated when it alarmed (at most the slack), and
ends the alarm at limit * slack / half. While a change of twice the slack lasts, a false end is about as rare as a false
alarm. Measured on lasting steps, one false alarm in 20,000 frames (in a million): of 0.5 sd one false end in 12,000 to
14,000 frames (none in a million), of 1 sd none, of 0.25 sd one in 1,300 to 1,700 (4,100). Back, it ends within 75 to
300 frames (100 to 470), median.
"""

from dataclasses import dataclass

import numpy as np

from andon.charts.fixed import Fixed, Tick, Turned
from andon.charts.run_length import RunLength
from andon.charts.sample import BASE, Bools, Doubles
from andon.charts.uncertainty import Truths, least_limit
from andon.records.drift import Chart

STEP = 0.5  # the step that it is tuned to, in normal scores
SLACKS = (0.25, 0.75)
LIMITS = np.linspace(1.0, 60.0, 400)
LEAST_HALF = 0.3  # of the slack


def slack(spread: float) -> float:
    """Half the step, in spreads of block means."""
    return float(np.clip(STEP / 2 / spread, *SLACKS))


def limit(shapes: tuple[RunLength, RunLength], allowance: float, unsure: Truths, asked: float) -> float:
    """The limit with `asked` false alarms per block, in spreads."""
    return least_limit(LIMITS, rates(shapes, allowance, unsure), asked)


def rates(shapes: tuple[RunLength, RunLength], allowance: float, unsure: Truths) -> Doubles:
    """False alarms per block of both sides together, at each of LIMITS."""
    heights = LIMITS[:, None] / unsure.scale
    up = shapes[0].log(heights, (allowance - unsure.shift) / unsure.scale)
    down = shapes[1].log(heights, (allowance + unsure.shift) / unsure.scale)
    return (np.exp(-np.maximum(up, 0)) + np.exp(-np.maximum(down, 0))) @ unsure.weight


@dataclass(slots=True)
class Cusum:
    """The charts of F numbers, vectorised: float64 [F] each. `half` is 0 where no alarm is active.

    `since_up` and `since_down` count blocks since a side was last 0; `direction` is +1 or -1 while active, `back` the
    sum that ends it.
    """

    fixed: Fixed
    up: Doubles
    down: Doubles
    since_up: Doubles
    since_down: Doubles
    direction: Doubles
    half: Doubles
    back: Doubles

    @classmethod
    def new(cls, fixed: Fixed) -> "Cusum":
        """From zero."""
        return cls(fixed, *(np.zeros(len(fixed.names)) for _ in range(7)))

    @property
    def chart(self) -> Chart:
        """Its kind."""
        return Chart.CUSUM

    @property
    def names(self) -> tuple[str, ...]:
        """Its numbers."""
        return self.fixed.names

    def advance(self, tick: Tick) -> Turned:
        """Takes the block means that there are."""
        slack, there = self.fixed.slack, tick.there
        self.up = np.where(there, np.maximum(self.up + tick.step - slack, 0), self.up)
        self.down = np.where(there, np.maximum(self.down - tick.step - slack, 0), self.down)
        self.since_up = np.where(self.up > 0, self.since_up + there, 0)
        self.since_down = np.where(self.down > 0, self.since_down + there, 0)
        recovered = self._recover(tick)
        alarmed = (self.statistic() > self.fixed.cusum) & (self.half == 0)
        if alarmed.any():
            self._alarm(alarmed)
        return alarmed, recovered

    def _alarm(self, alarmed: Bools) -> None:
        slack = self.fixed.slack
        change = slack + self.statistic() / np.maximum(self._blocks(), 1)
        self.direction = np.where(alarmed, self._side(), self.direction)
        self.half = np.where(alarmed, np.clip(change / 2, LEAST_HALF * slack, slack), self.half)

    def _recover(self, tick: Tick) -> Bools:
        active = self.half > 0
        if not active.any():
            return active
        grown = np.maximum(self.back + self.half - self.direction * tick.step, 0)
        self.back = np.where(active & tick.there, grown, self.back)
        recovered = active & (self.back * self.half > self.fixed.cusum * self.fixed.slack)
        for part in (self.up, self.down, self.since_up, self.since_down, self.direction, self.half, self.back):
            part[recovered] = 0
        return np.asarray(recovered)

    def _side(self) -> Doubles:
        return np.where(self.up >= self.down, 1.0, -1.0)

    def _blocks(self) -> Doubles:
        return np.where(self.up >= self.down, self.since_up, self.since_down)

    def statistic(self) -> Doubles:
        """The higher of both sides, in spreads."""
        return np.maximum(self.up, self.down)

    def limit(self) -> Doubles:
        """In spreads."""
        return self.fixed.cusum

    def active(self) -> Bools:
        """Alarmed and not recovered."""
        return np.asarray(self.half > 0)

    def rises(self) -> Doubles:
        """The higher side."""
        return np.where(self.half > 0, self.direction, self._side())

    def frames(self) -> Doubles:
        """Since the higher side was last zero."""
        return self._blocks() * self.fixed.size * BASE
