"""How often somebody may show a wrong token."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

MOST = 10
WITHIN_S = 60.0
MOST_ADDRESSES = 10_000


class Tries:
    """Wrong tokens by network address; after MOST within WITHIN_S none is looked at."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def may(self, address: str) -> bool:
        """Whether they may try now."""
        with self._lock:
            times = self._wrong.get(address, deque())
            while times and self._clock() - times[0] > WITHIN_S:
                times.popleft()
            return len(times) < MOST

    def wrong(self, address: str) -> None:
        """One more."""
        with self._lock:
            self._wrong.setdefault(address, deque(maxlen=MOST)).append(self._clock())
            self._wrong.move_to_end(address)
            if len(self._wrong) > MOST_ADDRESSES:
                self._wrong.popitem(last=False)
