"""What is away is tried again, ever more rarely, and given up after a while."""

import time
from collections.abc import Callable

import structlog

from andon.errors import Broken
from andon.stage import Idle

SHORTEST_S = 0.1
LONGEST_S = 2.0
SLICE_S = 0.1
STEADY_S = 10.0
"""What breaks off again sooner was never back: it lets us in, and refuses what we bring."""


class Unreachable(Exception):
    """The other side does not answer, or broke off. It may come back."""


class Stopping(Exception):
    """We were told to stop while the other side was away. Nothing is committed; the next process goes on."""


class Away:
    """How long one broker or server has been away, and when to try again.

    Raises Broken when that is longer than `limit_s`. `connected` hears of every change.
    """

    def __init__(
        self,
        what: str,
        limit_s: float,
        stop: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        connected: Callable[[bool], object] = bool,
    ) -> None:
        self._what = what
        self._limit_s = limit_s
        self._stop = stop
        self._clock = clock
        self._sleep = sleep
        self._connected = connected
        self._since: float | None = None
        self._back_at: float | None = None
        self._pause_s = SHORTEST_S
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to try."""
        return self._clock() >= self._next

    def failed(self, error: str) -> None:
        """It did not answer. Logged once; then it is tried again, after twice the pause."""
        now = self._clock()
        self._connected(False)
        if self._back_at is not None and now - self._back_at > STEADY_S:
            self._since, self._pause_s = None, SHORTEST_S
        self._back_at = None
        if self._since is None:
            self._since = now
            structlog.get_logger().warning("machine_away", sink=self._what, error=error[:300])
        if now - self._since > self._limit_s:
            raise Broken(f"{self._what} has been away for {self._limit_s:.0f} s: {error[:300]}")
        self._next = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_S)

    def back(self) -> None:
        """It answers."""
        self._connected(True)
        if self._since is not None and self._back_at is None:
            structlog.get_logger().info("machine_back", sink=self._what, away_s=round(self._clock() - self._since, 1))
        self._back_at, self._next = self._clock(), 0.0

    def wait(self, idle: Idle) -> None:
        """A moment, until the next try is nearer. Raises Stopping when we are to stop."""
        if self._stop():
            raise Stopping(self._what)
        idle()
        self._sleep(SLICE_S)
