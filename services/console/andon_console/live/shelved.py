"""The reviewed frames of the evidence store, listed for pages: read in the background, shown as they were last read."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock, Thread

import structlog

from andon.errors import Broken
from andon.folder import Folder
from andon.reviewed import ReviewedFrame, read_reviewed

GOOD_FOR_S = 30.0
MOST = 50_000  # about 2 kB each


class Shelved:
    """Any thread may ask. `read_at` is when the list was read, None before the first time; `trouble` why it could not
    be; `more` whether there are more than MOST."""

    def __init__(self, store: Folder, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self.read_at: datetime | None = None
        self.trouble = ""
        self.more = False
        self._clock = clock
        self._lock = Lock()
        self._reading: Thread | None = None
        self._asked = float("-inf")
        self._found: tuple[ReviewedFrame, ...] = ()

    @property
    def reading(self) -> bool:
        """Whether it is read just now."""
        thread = self._reading
        return thread is not None and thread.is_alive()

    def frames(self, within_s: float = 1.0) -> tuple[ReviewedFrame, ...]:
        """What is known, the newest answer first; waits so long for what is being read."""
        with self._lock:
            if not self.reading and self._clock() - self._asked >= GOOD_FOR_S:
                self._asked = self._clock()
                self._reading = Thread(target=self._read, name="reviewed", daemon=True)
                self._reading.start()
            thread = self._reading
        if thread is not None:
            thread.join(within_s)
        return self._found

    def look_again(self) -> None:
        """The next one who asks has it read anew."""
        self._asked = float("-inf")

    def _read(self) -> None:
        found: list[ReviewedFrame] = []
        try:
            for each in read_reviewed(self.store):
                found.append(each)
                if len(found) > MOST:
                    break
        except Broken as error:
            self.trouble = str(error)
            structlog.get_logger().warning("reviewed_frames_away", error=str(error))
            return
        self.trouble, self.more = "", len(found) > MOST
        found.sort(key=lambda each: each.answer.at, reverse=True)
        self._found, self.read_at = tuple(found[:MOST]), datetime.now(UTC)
