"""Sessions that somebody ended, until they would have ended by themselves."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

MOST = 100_000  # about 150 bytes each; the oldest go first


class Ended:
    """Known to this process: behind several of them, or after a restart with the same key, only the browser's having
    forgotten its cookie ends a session before its time."""

    def __init__(self, lasts_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts_s = lasts_s
        self._clock = clock
        self._lock = Lock()
        self._until: OrderedDict[str, float] = OrderedDict()

    def end(self, session: str) -> None:
        """It lets nobody in any more."""
        with self._lock:
            self._until[session] = self._clock() + self._lasts_s
            while self._until and (len(self._until) > MOST or next(iter(self._until.values())) < self._clock()):
                self._until.popitem(last=False)

    def __contains__(self, session: str) -> bool:
        return session in self._until

    def __len__(self) -> int:
        return len(self._until)
