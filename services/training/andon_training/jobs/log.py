"""A pod's log, read bit by bit: each line once, however much of it comes again or is missing. No I/O.

The kubelet is asked for the lines of the last seconds, a few more than have gone by since the last answer, so that
neither clock matters; each comes with its time to the nanosecond, by which a line that comes again is known.
"""

import re
from collections import OrderedDict

OVERLAP_S = 10
REMEMBERED = 20_000
STAMPED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:\d\d) ?")


class LogReading:
    """`since` is what to ask for next, `take` what came of it. `now` is of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._read_at: float | None = None
        self._seen: OrderedDict[str, None] = OrderedDict()

    def since(self, now: float) -> int | None:
        """How many seconds back to ask for; None: from its beginning."""
        return None if self._read_at is None else int(now - self._read_at) + OVERLAP_S

    def take(self, text: str, asked_at: float, *, last: bool) -> list[str]:
        """The lines that are new, without their times. The end of a line that is being written is left for the next
        time, but for the `last`."""
        self._read_at = asked_at
        whole = text.split("\n")
        rest = whole.pop()
        if last and rest:
            whole.append(rest)
        return [STAMPED.sub("", line, count=1) for line in whole if line and self._new(line)]

    def _new(self, line: str) -> bool:
        if line in self._seen:
            return False
        self._seen[line] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True
