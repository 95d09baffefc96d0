"""What drift counts, shows and logs, from outside: wrapped around the handler, and once in a while between turns."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog
from prometheus_client import Gauge

from andon.kafka.source import Place
from andon.metrics import Metrics
from andon.records import FindingKind
from andon.stage import Handler, Record, Result
from andon.topics import SCORES
from andon_drift.detect import Decision
from andon_drift.drift import Board, Card
from andon_drift.limits import Limits
from andon_drift.look import Look, Shift

EVERY_S = 5.0


class Shown:
    """The gauges of each station: the last picture's numbers, with their limits. A station's series go when its
    partition does, so that no process shows what another knows better.
    """

    def __init__(
        self, metrics: Metrics, assignment: Callable[[], list[Place]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._assignment = assignment
        self._clock = clock
        self._due = clock()
        self._partition: dict[str, int] = {}

    def show(self, cards: Iterable[Card]) -> None:
        """The last picture of each."""
        for card in cards:
            if card.seen is not None:
                self._partition[card.station] = card.partition
                self._set(card.station, *card.seen)

    def tidy(self) -> None:
        """Removes, every few seconds, the series of stations that are not ours any more."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        ours = {partition for topic, partition in self._assignment() if topic == SCORES}
        for station in [station for station, partition in self._partition.items() if partition not in ours]:
            del self._partition[station]
            for gauge in self._gauges:
                gauge.remove_by_labels({"station": station})

    @property
    def _gauges(self) -> tuple[Gauge, ...]:
        metrics = self._metrics
        return (
            metrics.image_luminance,
            metrics.image_luminance_limit,
            metrics.image_sharpness,
            metrics.image_sharpness_limit,
            metrics.image_shift,
            metrics.image_shift_limit,
        )

    def _set(self, station: str, look: Look, limits: Limits) -> None:
        metrics = self._metrics
        metrics.image_luminance.labels(station).set(look.health.luminance)
        metrics.image_luminance_limit.labels(station, "low").set(limits.dark)
        metrics.image_luminance_limit.labels(station, "high").set(limits.bright)
        metrics.image_sharpness.labels(station).set(look.health.sharpness)
        metrics.image_sharpness_limit.labels(station).set(limits.blurred)
        self._set_shift(station, "right", look.right)
        self._set_shift(station, "down", look.down)

    def _set_shift(self, station: str, way: str, shift: Shift | None) -> None:
        if shift is not None:
            self._metrics.image_shift.labels(station, way).set(shift.pixels)
            self._metrics.image_shift_limit.labels(station, way).set(shift.allowed)


def counted(handle: Handler, board: Board, shown: Shown, metrics: Metrics) -> Handler:
    """`handle`, with its findings counted and logged, and its stations shown."""

    def counting(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        results = list(handle(records, now))
        for station, decision in board.decided:
            _count(metrics, station, decision)
        shown.show(board.cards.values())
        return results

    return counting


def _count(metrics: Metrics, station: str, decision: Decision) -> None:
    finding = decision.finding
    if finding is None:
        return
    if finding.kind is FindingKind.BEGAN:
        metrics.findings.labels(station, finding.cause.value).inc()
    structlog.get_logger().info(
        f"finding_{finding.kind}",
        station=station,
        cause=finding.cause.value,
        why=decision.why.value,
        finding=str(finding.finding_id),
        sentence=finding.sentence,
    )
