"""Whether a loop makes progress: its own turns, never somebody else's reachability."""

import time
from collections.abc import Callable


class Heart:
    """Beaten once a turn. `ready` says whether the service can take work; `word` what it does meanwhile, where there is
    more to say."""

    def __init__(self, stalled_after_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stalled_after_s = stalled_after_s
        self._last = clock()
        self.ready = False
        self.word = ""

    def beat(self) -> None:
        """A turn was made."""
        self._last = self._clock()

    @property
    def age_s(self) -> float:
        """Seconds since the last beat."""
        return self._clock() - self._last

    @property
    def alive(self) -> bool:
        """Whether the last beat is young enough."""
        return self.age_s < self._stalled_after_s
