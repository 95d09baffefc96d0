"""Telling the ledger, now and then, what passed a stage: through the stage's own sink, between its turns."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from andon.passing import Passing
from andon.stage import Idle, Stage


class Reporting:
    """Called after every turn; says every `every_s` what passed. Raises Broken when it cannot be said, as a result."""

    def __init__(self, stage: Stage, beat: Idle, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.passing = Passing(stage.name)
        self._stage = stage
        self._beat = beat
        self._every_s = every_s
        self._clock = clock
        self._due = clock() + every_s

    def __call__(self) -> None:
        """Says it when it is time."""
        if self._clock() >= self._due:
            self._due = self._clock() + self._every_s
            self.flush()

    def flush(self) -> None:
        """Says what was noted, now."""
        messages = self.passing.told(datetime.now(UTC))
        if messages:
            self._stage.sink.send(messages, self._idle)

    def _idle(self) -> None:
        self._stage.source.idle()
        self._beat()
