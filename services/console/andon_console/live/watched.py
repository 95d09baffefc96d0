"""What drift shows of each station, asked of Redis when somebody looks."""

import time
from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from andon.drift_state import StationDrift, drift_key, read_station_drift
from andon.redis_client import Client

RETRY_S = 10.0
AWAY = "Redis does not answer, so nobody can tell how far it has learned, nor how near a limit is."

Ask = Callable[[str], StationDrift | None]
"""What drift shows of a station; None for nothing. May raise RedisError."""


class Watched:
    """Any thread may ask. While Redis is away nobody waits for it more than once in RETRY_S."""

    def __init__(self, ask: Ask = lambda _: None, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._again = float("-inf")

    @classmethod
    def of_redis(cls, redis: Client, key_prefix: str) -> "Watched":
        """Over the real one."""
        return cls(lambda station: read_station_drift(redis.get(drift_key(key_prefix, station))))

    def at(self, station: str) -> tuple[StationDrift | None, str]:
        """What drift shows of a station, and why nobody knows, '' where somebody does."""
        if self._clock() < self._again:
            return None, AWAY
        try:
            return self._ask(station), ""
        except RedisError as error:
            self._again = self._clock() + RETRY_S
            structlog.get_logger().warning("drift_state_away", error=type(error).__name__, detail=str(error)[:200])
            return None, AWAY
