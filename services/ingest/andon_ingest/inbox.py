"""The inbox: where what is pushed waits for the stage, and its senders for Kafka."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

from andon.errors import Broken
from andon.stage import Record
from andon_ingest.batch import Batch, BatchLimits
from andon_ingest.capture import Capture, Shot
from andon_ingest.clock import POLL_S, Clock


class Stopping(Exception):  # not an error: the sender tries again, elsewhere or later
    """This process takes no more; what was offered was not taken, or its delivery is not known."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A frame that Kafka has acknowledged."""

    frame_id: str
    station: str
    epoch: int
    seq: int


T = TypeVar("T")
D = TypeVar("D")


class Tray(Generic[T, D]):
    """A source whose records come from other threads. It holds no more than its senders are allowed to bring.

    `take` makes records of what is offered, `delivered` the sender's answer once Kafka has them. A poll waits `wait_s`
    for the first: 0 where the stage takes turns with a more urgent one.
    """

    def __init__(
        self,
        take: Callable[[T], Sequence[Record]],
        delivered: Callable[[Sequence[Record]], D],
        limits: BatchLimits,
        clock: Clock,
        wait_s: float = POLL_S,
    ) -> None:
        self._take = take
        self._delivered = delivered
        self._limits = limits
        self._clock = clock
        self._wait_s = wait_s
        self._queue: SimpleQueue[tuple[T, Future[D]]] = SimpleQueue()
        self._in_hand: list[tuple[Sequence[Record], Future[D]]] = []
        self._lock = Lock()
        self._closed = False

    @property
    def ended(self) -> bool:
        """Somebody may always push another."""
        return False

    def offer(self, thing: T) -> "Future[D]":
        """From any thread: the future is answered when Kafka has it, or fails with Stopping.

        One that is cancelled before the stage takes it never becomes a record. Raises Stopping.
        """
        answer: Future[D] = Future()
        with self._lock:
            if self._closed:
                raise Stopping
            self._queue.put((thing, answer))
        return answer

    def poll(self) -> Sequence[Record]:
        """What has come, after at most a short wait for the first."""
        batch = Batch(self._limits, self._clock)
        waiting = self._next(self._wait_s)
        while waiting is not None:
            thing, answer = waiting
            if answer.set_running_or_notify_cancel():
                records = self._take(thing)
                self._in_hand.append((records, answer))
                for record in records:
                    batch.add(record)
            waiting = None if batch.full else self._next(0)
        return batch.records

    def commit(self) -> None:
        """Kafka has them: tells the senders."""
        delivered, self._in_hand = self._in_hand, []
        for records, answer in delivered:
            answer.set_result(self._delivered(records))

    def hold(self, records: Sequence[Record]) -> None:
        """Never asked for: ingest can answer for every record at once."""
        raise Broken(f"ingest was told to hold {len(records)} records, and cannot")

    def idle(self) -> None:
        """Nothing is lost by waiting."""

    def close(self) -> None:
        """Tells everybody who still waits that we stop."""
        with self._lock:
            self._closed = True
        lost, self._in_hand = self._in_hand, []
        for _, answer in lost:
            answer.set_exception(Stopping())
        while (waiting := self._next(0)) is not None:
            if waiting[1].set_running_or_notify_cancel():
                waiting[1].set_exception(Stopping())

    def _next(self, wait_s: float) -> "tuple[T, Future[D]] | None":
        try:
            return self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait()
        except Empty:
            return None


class Inbox(Tray[Shot, Delivered]):
    """Where pushed images wait."""

    def __init__(self, capture: Capture, limits: BatchLimits, clock: Clock) -> None:
        super().__init__(lambda shot: (capture.take(shot),), self._told, limits, clock)
        self.capture = capture

    def _told(self, records: Sequence[Record]) -> Delivered:
        (record,) = records
        frame_id, station = record.header("ce_id") or b"", record.key or b""
        return Delivered(frame_id.decode(), station.decode(), self.capture.epoch, record.offset)
