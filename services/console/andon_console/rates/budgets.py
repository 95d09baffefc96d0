"""The plan of each station, with its bundle's own false-call budget where the line file gives none.

A bundle's threshold was made for a budget, so there is always one to hold the live rate against. Bundles are read by a
thread that may wait for the store; pages take what it has found.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from andon.errors import AndonError
from andon.line import Burst, Plan, Plans
from andon_console.live.serving import Models

RETRY_S = 60.0
MOST_READ = 50  # a turn, so that a store that is slow holds up nothing for long
MOST_KEPT = 10_000


class Budgets:
    """`Plans` for any thread; `learn` is for one."""

    def __init__(
        self,
        line: Plans,
        models: Models,
        read: Callable[[str], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` answers the budget of a bundle by its digest, or raises AndonError."""
        self._line = line
        self._models = models
        self._read = read
        self._clock = clock
        self._known: dict[str, float] = {}
        self._failed: dict[str, float] = {}  # when to ask again
        self._made: dict[str, tuple[Plan, float, Plan]] = {}

    @property
    def burst(self) -> Burst:
        """As the line file says."""
        return self._line.burst

    @property
    def shortest_silence_s(self) -> float | None:
        """As the line file says."""
        return self._line.shortest_silence_s

    def of(self, station: str) -> Plan:
        """The plan; its budget is its bundle's where nobody said another."""
        plan = self._line.of(station)
        if plan.budget is not None:
            return plan
        serving = self._models.lookup(station)
        budget = self._known.get(serving.last) if serving else None
        return plan if budget is None else self._with(plan, budget)

    def learn(self) -> None:
        """Reads the budgets of bundles that serve and are not known yet."""
        serving = {each.last for each in self._models.all()}
        self._known = {digest: budget for digest, budget in self._known.items() if digest in serving}
        for digest in sorted(serving - self._known.keys())[:MOST_READ]:
            if self._clock() >= self._failed.get(digest, 0.0):
                self._ask(digest)

    def _ask(self, digest: str) -> None:
        try:
            self._known[digest] = self._read(digest)
        except AndonError as error:
            self._failed[digest] = self._clock() + RETRY_S
            structlog.get_logger().info("budget_unknown", bundle=digest, why=str(error))

    def _with(self, plan: Plan, budget: float) -> Plan:
        made = self._made.get(plan.station)
        if made is None or made[0] is not plan or made[1] != budget:
            if len(self._made) >= MOST_KEPT:
                self._made.clear()
            made = self._made[plan.station] = (plan, budget, replace(plan, budget=budget))
        return made[2]
