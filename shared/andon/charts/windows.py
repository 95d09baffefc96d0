"""Two of three tumbling windows above the limit are an alarm, three in a row below it the end of one.

Only the last three windows are remembered, so the share of stable windows above a limit may be about the square root
of the share of alarms, and needs no far tail to be known.
"""

from dataclasses import dataclass, fields

import numpy as np

from andon.charts.fixed import Turned
from andon.charts.sample import Bools, Doubles

CALM = 3


def alarms(share: Doubles) -> Doubles:
    """Alarms per window, from a calm beginning, where `share` of independent windows are above the limit.

    By the chain of whether the last two were above; about 2 share^2.
    """
    share = np.maximum(share, 1e-12)
    below = 1 - share
    return np.asarray((1 - below**2) / (1 / share + 1 + below))


@dataclass(slots=True)
class TwoOfThree:
    """Of F charts: float64 [F] each. `before` and `earlier` are 1 where the last window and the one before were above;
    `since` counts windows from the first of three above to the last; `calm` counts windows below; `statistic` is the
    last window's."""

    before: Doubles
    earlier: Doubles
    since: Doubles
    alarmed: Doubles
    calm: Doubles
    statistic: Doubles

    @classmethod
    def new(cls, charts: int) -> "TwoOfThree":
        """From zero."""
        return cls(*(np.zeros(charts) for _ in fields(cls)))

    def advance(self, statistic: Doubles, limit: Doubles, there: Bools) -> Turned:
        """Takes a window's statistic where `there` is one."""
        above = there & (statistic > limit)
        alarmed = above & (self.before + self.earlier > 0) & (self.alarmed == 0)
        self.statistic = np.where(there, statistic, self.statistic)
        self.calm = np.where(there, np.where(above, 0, np.minimum(self.calm + 1, CALM)), self.calm)
        self.since = np.where(above, np.where(self.earlier > 0, 3, np.where(self.before > 0, 2, 1)), self.since)
        self.earlier = np.where(there, self.before, self.earlier)
        self.before = np.where(there, above, self.before)
        recovered = (self.alarmed > 0) & (self.calm >= CALM)
        self.alarmed = np.where(alarmed, 1.0, np.where(recovered, 0.0, self.alarmed))
        return np.asarray(alarmed), np.asarray(recovered)
