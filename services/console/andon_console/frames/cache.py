"""Pictures that were made a moment ago; and turns, so that only so much is done at once."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from andon_console.frames.readers import Busy

ROOM_BYTES = 64 * 1024**2


class Shelf:
    """Bytes by key, at most `room` of them in all; the one that nobody wanted longest goes first."""

    def __init__(self, room: int = ROOM_BYTES) -> None:
        self.size = 0
        self._room = room
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable) -> bytes | None:
        """What lies under `key`."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, data: bytes) -> None:
        """Keeps `data`, unless it alone would fill an eighth of the room."""
        if len(data) > self._room // 8:
            return
        with self._lock:
            self.size += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self.size > self._room:
                self.size -= len(self._kept.popitem(last=False)[1])


class Turns:
    """Lets so many work `at_once`, and so many more wait, each so long. Raises Busy for the rest; `what` is in its
    sentence."""

    def __init__(
        self, at_once: int = 2, waiting: int = 22, wait_s: float = 5.0, what: str = "pictures are asked for"
    ) -> None:
        self._busy = f"too many {what} at once"
        self._inside = BoundedSemaphore(at_once + waiting)
        self._working = BoundedSemaphore(at_once)
        self._wait_s = wait_s

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place among those who came."""
        if not self._inside.acquire(blocking=False):
            raise Busy(self._busy)
        try:
            yield
        finally:
            self._inside.release()

    @contextmanager
    def work(self) -> Iterator[None]:
        """A turn at work."""
        if not self._working.acquire(timeout=self._wait_s):
            raise Busy(self._busy)
        try:
            yield
        finally:
            self._working.release()

    @contextmanager
    def both(self) -> Iterator[None]:
        """A place, and a turn at work."""
        with self.one(), self.work():
            yield
