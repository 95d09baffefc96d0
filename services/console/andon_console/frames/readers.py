"""A few connections that read single records, lent to whoever shows one."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Protocol

from andon.errors import Broken
from andon.stage import Record


class Busy(Broken):
    """Too many ask at once: nothing is wrong, and in a moment it can be had."""


class Reader(Protocol):
    """`andon.kafka.at.RecordsAt` is one. Both raise Broken when Kafka does not answer in time."""

    def __call__(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record there; None where Kafka does not hold it any more."""

    def oldest(self, topic: str, partition: int) -> Record | None:
        """The oldest that is held there."""

    def ends(self, topic: str, partition: int) -> tuple[int, int] | None:
        """Where a partition begins and ends; None where there is none such."""

    def close(self) -> None:
        """Gives back the connection."""


class Readers:
    """Opened when they are first needed, at most `most`; one that failed is not used again."""

    def __init__(self, open_reader: Callable[[], Reader], most: int = 4, wait_s: float = 3.0) -> None:
        self._open = open_reader
        self._room = BoundedSemaphore(most)
        self._wait_s = wait_s
        self._idle: deque[Reader] = deque()

    @contextmanager
    def lent(self) -> Iterator[Reader]:
        """A reader for this thread alone. Raises Busy when none comes free in time, Broken when none can be opened."""
        if not self._room.acquire(timeout=self._wait_s):
            raise Busy("too many frames are read at once")
        try:
            reader = self._taken()
            try:
                yield reader
            except BaseException:
                reader.close()
                raise
            self._idle.append(reader)
        finally:
            self._room.release()

    def close(self) -> None:
        """Gives back those that nobody has."""
        while self._idle:
            self._idle.pop().close()

    def _taken(self) -> Reader:
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()
