"""Reaching Redis: short timeouts, few retries, and patience while it is away."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as TooSlow
from redis.retry import Retry

from andon.errors import Broken
from andon.settings import RedisSettings
from andon.stage import Idle

PASSING = (Unreachable, TooSlow, OutOfMemoryError, ReadOnlyError)
"""These pass: Redis restarts, fails over, or is given room again. Anything else is our own mistake."""

T = TypeVar("T")
Client = Any
"""A redis.Redis; its own annotations do not tell sync from async."""


def connect(settings: RedisSettings, *, text: bool = True) -> Client:
    """A client for all threads of a process; connects when first used. It answers bytes where not `text`."""
    return Redis.from_url(
        settings.url,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        decode_responses=text,
        socket_timeout=settings.timeout_s,
        socket_connect_timeout=settings.timeout_s,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(cap=0.2, base=0.02), 2),
    )


class Patience:
    """Waits for Redis to come back: keeps the stage's place and its heart beating, and gives up after `limit_s`."""

    def __init__(
        self, idle: Idle, limit_s: float, clock: Callable[[], float] = time.monotonic, pause_s: float = 0.2
    ) -> None:
        self._idle = idle
        self._limit_s = limit_s
        self._clock = clock
        self._pause_s = pause_s

    def __call__(self, ask: Callable[[], T]) -> T:
        """What `ask` answers. Raises Broken when Redis stays away too long."""
        since: float | None = None
        while True:
            try:
                answer = ask()
            except PASSING as error:
                if since is None:
                    since = self._clock()
                    structlog.get_logger().warning("redis_away", error=type(error).__name__, detail=str(error)[:200])
                if self._clock() - since > self._limit_s:
                    raise Broken(f"Redis has not answered for {self._limit_s:.0f} s: {type(error).__name__}") from None
                self._idle()
                time.sleep(self._pause_s)
            else:
                if since is not None:
                    structlog.get_logger().info("redis_back", away_s=round(self._clock() - since, 1))
                return answer


class Script:
    """One Lua script: one step for everybody else, whoever they are."""

    __slots__ = ("_sha", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._sha: str | None = None

    def load(self, redis: Client) -> str:
        """Its sha1, under which Redis knows it from now on (until it restarts)."""
        self._sha = str(redis.script_load(self._text))
        return self._sha

    def sha(self, redis: Client) -> str:
        """Its sha1."""
        return self._sha or self.load(redis)
