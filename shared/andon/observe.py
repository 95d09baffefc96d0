"""Observation, written once: counts, time and log context wrap a stage from outside; handlers never touch them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog

from andon.kafka.source import Place
from andon.metrics import Metrics
from andon.stage import DeadLetters, Held, Idle, Message, Record, Rejected, Result, Sink, Stage, held_back


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

    def handle(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        started = time.perf_counter()
        results = list(stage.handle(records, now))
        metrics.last_turn.labels(name).set(now.timestamp())
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


def lag_exported(
    sources: Sequence[Lagging], metrics: Metrics, every_s: float = 5.0, clock: Callable[[], float] = time.monotonic
) -> Callable[[], None]:
    """Exports how far behind the sources are, every few seconds; a partition's series goes when the partition does."""
    due = clock()
    shown: set[Place] = set()

    def export() -> None:
        nonlocal due, shown
        if clock() < due:
            return
        due = clock() + every_s
        lags = {place: count for source in sources for place, count in source.lag().items()}
        for topic, partition in shown - lags.keys():
            metrics.consumer_lag.remove(topic, str(partition))
        for (topic, partition), count in lags.items():
            metrics.consumer_lag.labels(topic, str(partition)).set(count)
        shown = set(lags)

    return export


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
        self._stage = stage
        self._count = metrics.dead_letters

    def judge(self, polled: int, rejected: Sequence[Rejected]) -> None:
        self._dead_letters.judge(polled, rejected)

    def send(self, rejected: Sequence[Rejected], idle: Idle) -> None:
        self._dead_letters.send(rejected, idle)
        for each in rejected:
            self._count.labels(self._stage, each.reason.value).inc()
            record = each.record
            structlog.get_logger().warning(
                "dead_letter",
                reason=each.reason.value,
                detail=each.detail,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )

    def close(self) -> None:
        self._dead_letters.close()
