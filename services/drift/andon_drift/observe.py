"""What drift counts, shows and logs, from outside: wrapped around the handler, and once in a while between turns."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import structlog
from prometheus_client import Gauge

from andon.drift_state import PlaceState
from andon.kafka.source import Place as Partition
from andon.metrics import Metrics
from andon.records import FindingKind
from andon.records.baseline import SIGNALS, Baseline
from andon.stage import Handler, Record, Result
from andon.topics import SCORES
from andon_drift.detect import Decision
from andon_drift.drift import Board, Card
from andon_drift.limits import Limits
from andon_drift.look import Look, Shift
from andon_drift.watch.place import Place
from andon_drift.watch.rules import KnownOf, Rules, Told
from andon_drift.watch.status import charts_shown, state_of
from andon_drift.watch.telling import false_alarm_days

EVERY_S, TIMES = 1.0, 20.0
"""Gauges are set so often, or after so many times as long as that took: a twentieth of the time, however many."""
MOST_CHARTS = 50
"""Charts of a station that are shown, three series each: a machine with very many sensors shows its first ones. All its
metrics together may be 300 series (docs/monitoring.md)."""
Series = tuple[Gauge, tuple[str, ...]]
"""A gauge, and its labels."""
Values = Iterator[tuple[Series, float]]


class StationSeries:
    """The series of one station: those that are not set any more go."""

    __slots__ = ("_children",)

    def __init__(self) -> None:
        self._children: dict[Series, Gauge] = {}

    def set(self, values: Values) -> None:
        """These, and no others."""
        before, self._children = self._children, {}
        for series, value in values:
            gauge, labels = series
            child = before.pop(series, None) or gauge.labels(*labels)
            child.set(value)
            self._children[series] = child
        self._remove(before)

    def clear(self) -> None:
        """The station is somebody else's now."""
        self._remove(self._children)
        self._children = {}

    def _remove(self, series: Iterable[Series]) -> None:
        for gauge, labels in series:
            gauge.remove(*labels)


class Shown:
    """The gauges of each station: the last picture's numbers with their limits, and how its charts stand. A station's
    series go when its partition does, so that no process shows what another knows better.
    """

    def __init__(
        self,
        metrics: Metrics,
        assignment: Callable[[], list[Partition]],
        board: Board,
        word_of: KnownOf | None = None,
        rules: Rules | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._assignment = assignment
        self._board = board
        self._word_of = word_of
        self._rules = rules or Rules()
        self._clock = clock
        self._due = clock()
        self._stations: dict[str, StationSeries] = {}

    def tidy(self) -> None:
        """Now and then: shows the stations on the board, and removes the series of those that are not ours."""
        if self._clock() < self._due:
            return
        began = self._clock()
        ours = {partition for topic, partition in self._assignment() if topic == SCORES}
        cards = {card.station: card for card in self._board.cards.values() if card.partition in ours}
        for station in self._stations.keys() - cards.keys():
            self._stations.pop(station).clear()
        for station, card in cards.items():
            self._stations.setdefault(station, StationSeries()).set(self._values(card))
        self._due = self._clock() + max(EVERY_S, TIMES * (self._clock() - began))

    def _values(self, card: Card) -> Values:
        if card.seen is not None:
            yield from self._picture(card.station, *card.seen)
        for cause, watch in card.state.watches.items():
            if watch.open is not None:
                yield (self._metrics.image_fault, (card.station, cause.value)), 1.0
        if self._word_of is not None:
            yield from self._drift(card, self._word_of)

    def _picture(self, station: str, look: Look, limits: Limits) -> Values:
        metrics, one = self._metrics, (station,)
        yield (metrics.image_luminance, one), look.health.luminance
        yield (metrics.image_luminance_limit, (station, "low")), limits.dark
        yield (metrics.image_luminance_limit, (station, "high")), limits.bright
        yield (metrics.image_sharpness, one), look.health.sharpness
        yield (metrics.image_sharpness_limit, one), limits.blurred
        yield from self._shift(station, "right", look.right)
        yield from self._shift(station, "down", look.down)

    def _shift(self, station: str, way: str, shift: Shift | None) -> Values:
        if shift is not None:
            yield (self._metrics.image_shift, (station, way)), shift.pixels
            if shift.bounded:
                yield (self._metrics.image_shift_limit, (station, way)), shift.allowed

    def _drift(self, card: Card, word_of: KnownOf) -> Values:
        """The place of frames that was seen last, and the sensors beside it."""
        places = list(card.watched.places.values())
        frames = next((each for each in reversed(places) if each.bundle != SIGNALS), None)
        sensors = next((each for each in places if each.bundle == SIGNALS), None)
        first = frames or sensors
        baseline = word_of(card.station, first.product, first.bundle).baseline if first else None
        yield from self._standing(card.station, first, baseline)
        rows = [row for place in (frames, sensors) if place is not None for row in charts_shown(place)]
        for name, chart, statistic, limit, active in rows[:MOST_CHARTS]:
            labels = card.station, name, chart.value
            yield (self._metrics.drift_statistic, labels), statistic
            yield (self._metrics.drift_limit, labels), limit
            yield (self._metrics.drift_active, labels), float(active)

    def _standing(self, station: str, place: Place | None, baseline: Baseline | None) -> Values:
        metrics, one = self._metrics, (station,)
        state = state_of(place, baseline, self._rules)[0] if place else PlaceState.NO_REFERENCE
        for each in PlaceState:
            yield (metrics.drift_state, (station, each.value)), float(each is state)
        if place is not None:
            ratio = 1.0 if baseline else place.collected.ratio(self._rules.enough)
            yield (metrics.drift_learning_ratio, one), ratio
        if baseline is not None:
            yield (metrics.drift_reference_timestamp, one), baseline.until.timestamp()
            yield (metrics.drift_reference_frames, one), baseline.frames
            yield (metrics.drift_false_alarm, one), 86_400.0 * false_alarm_days(baseline)


def counted(handle: Handler, board: Board, metrics: Metrics) -> Handler:
    """`handle`, with its findings counted and logged."""

    def counting(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        results = list(handle(records, now))
        for station, decision in board.decided:
            _count_fault(metrics, station, decision)
        for told in board.told:
            _count_drift(metrics, told)
        for (station, why), count in board.readings.items():
            metrics.readings.labels(station, why.value).inc(count)
        return results

    return counting


def _count_fault(metrics: Metrics, station: str, decision: Decision) -> None:
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


def _count_drift(metrics: Metrics, told: Told) -> None:
    finding = told.finding
    if finding.kind is FindingKind.BEGAN:
        metrics.findings.labels(finding.station, finding.cause.value).inc()
    for name, chart in told.charts:
        metrics.drift_detections.labels(finding.station, name, chart).inc()
    structlog.get_logger().info(
        f"finding_{finding.kind}",
        station=finding.station,
        cause=finding.cause.value,
        named=finding.drift.named.value if finding.drift else None,
        why=told.why.value,
        finding=str(finding.finding_id),
        sentence=finding.sentence,
    )
