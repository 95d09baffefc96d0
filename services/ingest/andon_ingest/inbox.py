"""The inbox: where pushed images wait for the stage, and their senders for Kafka."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock

from andon.errors import Broken
from andon.stage import Record
from andon_ingest.batch import Batch, BatchLimits
from andon_ingest.capture import Capture, Shot
from andon_ingest.clock import POLL_S, Clock


class Stopping(Exception):  # not an error: the sender tries again, elsewhere or later
    """This process takes no more images; the frame was not captured, or its delivery is not known."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A frame that Kafka has acknowledged."""

    frame_id: str
    station: str
    epoch: int
    seq: int


Waiting = tuple[Shot, "Future[Delivered]"]


class Inbox:
    """A source whose images come from other threads. It holds no more than its senders are allowed to bring."""

    def __init__(self, capture: Capture, limits: BatchLimits, clock: Clock) -> None:
        self.capture = capture
        self._limits = limits
        self._clock = clock
        self._queue: SimpleQueue[Waiting] = SimpleQueue()
        self._in_hand: list[tuple[Record, Future[Delivered]]] = []
        self._lock = Lock()
        self._closed = False

    @property
    def ended(self) -> bool:
        """Somebody may always push another."""
        return False

    def offer(self, shot: Shot) -> "Future[Delivered]":
        """From any thread: the future is answered when Kafka has the frame, or fails with Stopping.

        One that is cancelled before the stage takes it never becomes a frame. Raises Stopping.
        """
        answer: Future[Delivered] = Future()
        with self._lock:
            if self._closed:
                raise Stopping
            self._queue.put((shot, answer))
        return answer

    def poll(self) -> Sequence[Record]:
        """What has come, after at most a short wait for the first."""
        batch = Batch(self._limits, self._clock)
        waiting = self._next(POLL_S)
        while waiting is not None:
            shot, answer = waiting
            if answer.set_running_or_notify_cancel():
                record = self.capture.take(shot)
                self._in_hand.append((record, answer))
                batch.add(record)
            waiting = None if batch.full else self._next(0)
        return batch.records

    def commit(self) -> None:
        """Kafka has them: tells the senders."""
        delivered, self._in_hand = self._in_hand, []
        for record, answer in delivered:
            answer.set_result(self._delivered(record))

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

    def _next(self, wait_s: float) -> Waiting | None:
        try:
            return self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait()
        except Empty:
            return None

    def _delivered(self, record: Record) -> Delivered:
        frame_id, station = record.header("ce_id") or b"", record.key or b""
        return Delivered(frame_id.decode(), station.decode(), self.capture.epoch, record.offset)
