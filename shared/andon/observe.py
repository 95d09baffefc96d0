"""Observation, written once: counts, time and log context wrap a stage from outside; handlers never touch them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog
from prometheus_client import Gauge

from andon.kafka.source import Place
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.stage import DeadLetters, Held, Idle, Message, Record, Rejected, Result, Sink, Stage, held_back
from andon.tracing.context import trace_id, traceparent_in


class Tap(Protocol):
    """Who else hears of what passes a stage. It only looks: nothing it does may raise, or take long."""

    def took(self, records: Sequence[Record]) -> None:
        """These were handled, and are not held."""

    def sent(self, messages: Sequence[Message]) -> None:
        """These were acknowledged."""


def observed(stage: Stage, metrics: Metrics, taps: Sequence[Tap] = ()) -> Stage:
    """`stage`, counted and timed; `taps` hear of what passes it."""
    name = stage.name
    consumed = metrics.records_consumed.labels(name)
    turn_seconds = metrics.turn_seconds.labels(name)
    batch_records = metrics.batch_records.labels(name)
    last_turn = metrics.last_turn.labels(name)

    def handle(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        started = time.perf_counter()
        results = list(stage.handle(records, now))
        last_turn.set(now.timestamp())
        if records:
            done = without(records, held_back(records, [each.record for each in results if isinstance(each, Held)]))
            consumed.inc(len(done))
            for tap in taps:
                tap.took(done)
            batch_records.observe(len(records))
            turn_seconds.observe(time.perf_counter() - started)
        return results

    return replace(
        stage,
        handle=handle,
        sink=_ObservedSink(stage.sink, name, metrics, taps),
        dead_letters=_ObservedDeadLetters(stage.dead_letters, name, metrics),
    )


def without(records: Sequence[Record], back: Sequence[Record]) -> Sequence[Record]:
    """Those of `records` that are not in `back`."""
    if not back:
        return records
    gone = {(each.topic, each.partition, each.offset) for each in back}
    return [each for each in records if (each.topic, each.partition, each.offset) not in gone]


class Lagging(Protocol):
    """What may be behind: a source, or several that read the same topics."""

    def lag(self) -> dict[Place, int]:
        """Records that are not read yet, by place."""

    def read_at(self, place: Place) -> float | None:
        """When the last record that was read there was written, in seconds since 1970; None: none was read."""


class Behind:
    """How far one source is behind, in records and in seconds.

    In seconds it is a bound: what is unread was written after the last record that was read, and after the last time
    that nothing was unread. None where neither is known yet.
    """

    __slots__ = ("_clear", "_source")

    def __init__(self, source: Lagging) -> None:
        self._source = source
        self._clear: dict[Place, float] = {}  # when nothing was unread, last

    def __call__(self, now: float) -> dict[Place, tuple[int, float | None]]:
        """By place; `now` in seconds since 1970."""
        lags = self._source.lag()
        self._clear = {place: at for place, at in self._clear.items() if place in lags}
        self._clear |= {place: now for place, count in lags.items() if count == 0}
        return {place: (count, self._age_s(place, now)) for place, count in lags.items()}

    def _age_s(self, place: Place, now: float) -> float | None:
        since = (self._source.read_at(place), self._clear.get(place))
        known = [at for at in since if at is not None and at <= now]  # a clock that is ahead says nothing
        if not known:
            return None
        return now - max(known)


class LagExport:
    """Exports how far behind the sources are, every few seconds; a partition's series go when the partition does. Of
    sources that read the same partition the one furthest behind is shown.
    """

    def __init__(
        self,
        sources: Sequence[Lagging],
        metrics: Metrics,
        every_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._sources = sources
        self._behind: dict[int, Behind] = {}
        self._gauges = metrics.consumer_lag, metrics.consumer_lag_seconds
        self._every_s = every_s
        self._clock = clock
        self._wall = wall
        self._due = clock()
        self._shown: tuple[set[Place], ...] = set(), set()

    def __call__(self) -> None:
        if self._clock() < self._due:
            return
        self._due = self._clock() + self._every_s
        records: dict[Place, float] = {}
        seconds: dict[Place, float] = {}
        for number, source in enumerate(self._sources):
            for place, (count, age_s) in self._behind.setdefault(number, Behind(source))(self._wall()).items():
                records[place] = max(count, records.get(place, 0))
                if age_s is not None:
                    seconds[place] = max(age_s, seconds.get(place, 0.0))
        self._shown = tuple(
            _only(gauge, values, shown)
            for gauge, values, shown in zip(self._gauges, (records, seconds), self._shown, strict=True)
        )


def _only(gauge: Gauge, values: dict[Place, float], shown: set[Place]) -> set[Place]:
    """Shows these, and no others."""
    for topic, partition in shown - values.keys():
        gauge.remove(topic, str(partition))
    for (topic, partition), value in values.items():
        gauge.labels(topic, str(partition)).set(value)
    return set(values)


class _ObservedSink:
    def __init__(self, sink: Sink, stage: str, metrics: Metrics, taps: Sequence[Tap]) -> None:
        self._sink = sink
        self._taps = taps
        self._stage = stage
        self._seconds = metrics.send_seconds.labels(stage)
        self._sent = metrics.messages_sent

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        with self._seconds.time():
            self._sink.send(messages, idle)
        for topic, count in Counter(message.topic for message in messages).items():
            self._sent.labels(self._stage, topic).inc(count)
        for tap in self._taps:
            tap.sent(messages)

    def close(self) -> None:
        self._sink.close()


class _ObservedDeadLetters:
    def __init__(self, dead_letters: DeadLetters, stage: str, metrics: Metrics) -> None:
        self._dead_letters = dead_letters
        self._count = {reason: metrics.dead_letters.labels(stage, reason.value) for reason in Reason}

    def judge(self, polled: int, rejected: Sequence[Rejected]) -> None:
        self._dead_letters.judge(polled, rejected)

    def send(self, rejected: Sequence[Rejected], idle: Idle) -> None:
        self._dead_letters.send(rejected, idle)
        for each in rejected:
            self._count[each.reason].inc()
            record = each.record
            structlog.get_logger().warning(
                "dead_letter",
                reason=each.reason.value,
                detail=each.detail,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                **_trace_of(record),
            )

    def close(self) -> None:
        self._dead_letters.close()


def _trace_of(record: Record) -> dict[str, str]:
    """The trace its frame belongs to, for the log."""
    trace = trace_id(traceparent_in(record.headers))
    return {"trace_id": trace} if trace else {}
