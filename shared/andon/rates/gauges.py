"""Both rates as Prometheus gauges, by station, product and shift: that which is on, and "24h"."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from prometheus_client import Gauge

from andon.line import Plans
from andon.metrics import Metrics
from andon.rates.estimates import Estimate
from andon.rates.spans import Span, last_day, this_shift

Series = tuple[Gauge, tuple[str, str, str]]
"""A gauge, and its labels: station, product ('' where frames name none), shift."""


class Told(Protocol):
    """What is known of every station; `Rates` is one."""

    def stations(self) -> list[str]:
        """Those that something is known of."""

    def products(self, station: str) -> list[str | None]:
        """Their products; None: frames that name none."""

    def of(self, station: str, product: str | None, span: Span) -> tuple[Estimate | None, Estimate | None]:
        """Both rates; None where nothing is known."""


class RateGauges:
    """Sets them to what is known now. What is no longer known is removed: a station that is gone, a shift that is over,
    an estimate that nothing speaks for."""

    __slots__ = ("_metrics", "_shown")

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._shown: frozenset[Series] = frozenset()

    def __call__(self, rates: Told, plans: Plans, now: datetime) -> None:
        """Call it after every answer or tally, or now and then; for one thread."""
        known = dict(self._known(rates, plans, now))
        for (gauge, labels), value in known.items():
            gauge.labels(*labels).set(value)
        for gauge, labels in self._shown - known.keys():
            gauge.remove(*labels)
        self._shown = frozenset(known)

    def _known(self, rates: Told, plans: Plans, now: datetime) -> Iterator[tuple[Series, float]]:
        for station in rates.stations():
            plan = plans.of(station)
            for product in rates.products(station):
                for span in (this_shift(plan, now), last_day(now)):
                    labels = (station, product or "", span.name)
                    values = self._values(*rates.of(station, product, span), plan.budget_of(product))
                    yield from (((gauge, labels), value) for gauge, value in values if value is not None)

    def _values(
        self, calls: Estimate | None, escapes: Estimate | None, budget: float | None
    ) -> Iterator[tuple[Gauge, float | None]]:
        metrics = self._metrics
        if calls is not None:
            yield metrics.false_call_rate, calls.value
            yield metrics.false_call_rate_low, calls.low
            yield metrics.false_call_rate_high, calls.high
            yield metrics.false_call_budget, budget
        if escapes is not None:
            yield metrics.escape_rate, escapes.value
            yield metrics.escape_rate_low, escapes.low
            yield metrics.escape_rate_high, escapes.high
