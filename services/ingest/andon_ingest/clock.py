"""Time, and how sources keep to it: a clock that tests can turn, and two ways to be on time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush

POLL_S = 0.2  # a source's poll waits no longer
CATCH_UP_S = 1.0  # who falls behind by more than this does not make up for it


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` and `sleep` in seconds; `utc` for what people read."""

    monotonic: Callable[[], float] = time.monotonic
    utc: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep

    def unix_ms(self) -> int:
        """Unix time in milliseconds."""
        return int(self.utc().timestamp() * 1000)

    def nap(self, seconds: float) -> None:
        """Sleeps, but no longer than a poll may."""
        self.sleep(min(max(seconds, 0.0), POLL_S))


class Rota:
    """Whose turn it is, of stations that each give `rate` frames a second; 0 means as fast as they are taken.

    Stations are spread over the period, as cameras are that nobody synchronised.
    """

    __slots__ = ("_clock", "_gap_s", "_heap", "_last", "_turn")

    def __init__(self, stations: Sequence[str], rate: float, clock: Clock) -> None:
        self._clock = clock
        self._gap_s = 1 / rate if rate else 0.0
        self._turn = 0
        self._last: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []
        start = clock.monotonic()
        for place, station in enumerate(stations):
            self._push(start + self._gap_s * place / len(stations), station)

    def next(self) -> str | None:
        """The station whose time has come, taken off the rota; None when nobody is due."""
        if not self._heap or self._heap[0][0] > self._clock.monotonic():
            return None
        due_s, _, station = heappop(self._heap)
        self._last[station] = due_s
        return station

    def again(self, station: str) -> None:
        """Puts the station back, for its next time."""
        earliest = self._clock.monotonic() - CATCH_UP_S
        last = self._last.get(station)
        self._push(earliest if last is None else max(last + self._gap_s, earliest), station)

    def wait_s(self) -> float:
        """Seconds until somebody is due; a poll's length when nobody is on the rota."""
        return self._heap[0][0] - self._clock.monotonic() if self._heap else POLL_S

    def _push(self, due_s: float, station: str) -> None:
        self._turn += 1
        heappush(self._heap, (due_s if self._gap_s else 0.0, self._turn, station))


class Ticks:
    """A camera's clock: it ticks `rate` times a second, and ticks that nobody takes pile up."""

    __slots__ = ("_clock", "_rate", "_start", "_taken")

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._start: float | None = None
        self._taken = 0

    def due(self) -> int:
        """Ticks not yet taken. The first call starts the clock with its first tick."""
        now = self._clock.monotonic()
        if self._start is None:
            self._start = now
        return int((now - self._start) * self._rate + 1e-6) + 1 - self._taken

    def take(self, count: int = 1) -> None:
        """`count` ticks are dealt with."""
        self._taken += count

    def wait_s(self) -> float:
        """Seconds until the next tick."""
        return (self._start or 0.0) + self._taken / self._rate - self._clock.monotonic()
