"""Readings on their way to Kafka, some at a time, with a count for the one who sent them."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from andon.records import write_event
from andon.records.reading import Reading
from andon.stage import Message, Sink
from andon.topics import SIGNALS

MOST, WAIT_S = 500, 0.2  # a batch goes at so many readings, or when its first has waited so long


@dataclass(slots=True)
class Sent:
    """What Kafka has."""

    readings: int = 0
    last: datetime | None = None


def message(reading: Reading) -> Message:
    """The record of a reading: its key is its station."""
    return Message(SIGNALS, reading.station.encode(), write_event(reading))


class Sending:
    """Collects readings and sends them. `told` is called with the count after each batch that Kafka has."""

    def __init__(self, sink: Sink, told: Callable[[Sent], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.sent = Sent()
        self._sink = sink
        self._told = told
        self._clock = clock
        self._waiting: list[Reading] = []
        self._since = 0.0

    def add(self, reading: Reading) -> None:
        """One more; raises Broken when Kafka does not take it."""
        if not self._waiting:
            self._since = self._clock()
        self._waiting.append(reading)
        if len(self._waiting) >= MOST:
            self.flush()
        self.turn()

    def turn(self) -> None:
        """Sends what has waited long enough."""
        if self._waiting and self._clock() - self._since >= WAIT_S:
            self.flush()

    def flush(self) -> None:
        """Sends what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        self._sink.send([message(each) for each in waiting], lambda: None)
        self.sent.readings += len(waiting)
        self.sent.last = waiting[-1].at
        self._told(self.sent)


def send_all(readings: Iterable[Reading], sending: Sending) -> None:
    """All of them; what was collected when they end, or are interrupted, is sent."""
    try:
        for reading in readings:
            sending.add(reading)
    finally:
        sending.flush()
