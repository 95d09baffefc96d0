"""What OpenTelemetry says of itself, as lines of our log: each kind once a minute, since a receiver that is away says
the same every few seconds."""

import logging
import time
from collections.abc import Callable

import structlog

EVERY_S = 60.0
NAME = "opentelemetry"


class Said(logging.Handler):
    """Turns its warnings into ours."""

    def __init__(self, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._every_s = every_s
        self._clock = clock
        self._next: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Once in a while for each kind."""
        now = self._clock()
        if now >= self._next.get(str(record.msg), now):
            self._next[str(record.msg)] = now + self._every_s
            structlog.get_logger().warning("tracing", said=record.getMessage()[:500])


def told_by_us() -> Callable[[], None]:
    """From now on; the answer ends it."""
    said = Said()
    logging.getLogger(NAME).addHandler(said)
    return lambda: logging.getLogger(NAME).removeHandler(said)
