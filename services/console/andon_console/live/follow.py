"""Threads that follow topics: each hands what comes to what keeps it, and says how it fares.

They belong to no group and commit nothing: every console reads everything for itself, from so far back as it shows. A
thread that Kafka has left begins again from there; what keeps the records takes each only once.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Protocol

import structlog

from andon.errors import Broken
from andon.stage import Record

WAIT_S = 0.25
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 15.0


class Reader(Protocol):
    """`andon.kafka.table.TopicReader` is one."""

    def read_to_end(self) -> Iterable[Record]:
        """Everything that was there when it began."""

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        """What has come since."""

    def close(self) -> None:
        """Stops reading."""


class Keeps(Protocol):
    """What keeps records. Threads of the pages look at it meanwhile."""

    def take(self, records: Sequence[Record]) -> None:
        """Takes them in; what cannot be read is passed over."""


class Follow:
    """One topic on a thread of its own."""

    def __init__(self, topic: str, open_reader: Callable[[], Reader], keeps: Keeps) -> None:
        self.topic = topic
        self.caught_up = False
        self.trouble: str | None = None
        self.heard_at: datetime | None = None
        self._open = open_reader
        self._keeps = keeps
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"follow-{topic}", daemon=True)

    def start(self) -> None:
        """Begins, and returns."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, soon."""
        self._stop.set()

    def join(self, within_s: float) -> None:
        """Waits until it has ended."""
        self._thread.join(within_s)

    @property
    def begun(self) -> bool:
        """Whether it was started."""
        return self._thread.ident is not None

    @property
    def alive(self) -> bool:
        """Whether the thread runs; one that has ended by itself met a mistake of ours."""
        return self._thread.is_alive()

    def _run(self) -> None:
        pause_s = FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                with closing(self._open()) as reader:
                    self._read(reader)
            except Broken as error:
                self.trouble = str(error)
                structlog.get_logger().warning("topic_away", topic=self.topic, error=str(error))
                self._stop.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_RETRY_S)

    def _read(self, reader: Reader) -> None:
        batch: list[Record] = []
        for record in reader.read_to_end():
            batch.append(record)
            if len(batch) >= 1000:
                self._take(batch)
                batch = []
            if self._stop.is_set():
                return
        self._take(batch)
        self.caught_up = True
        while not self._stop.is_set():
            self._take(reader.changes(WAIT_S))

    def _take(self, records: list[Record]) -> None:
        self.trouble = None
        if records:
            self._keeps.take(records)
            self.heard_at = datetime.now(UTC)
