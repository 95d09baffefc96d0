"""The line file as a service holds it: read at start, and again when it changed, without a restart."""

from datetime import datetime
from pathlib import Path

import structlog

from andon.errors import Mistake
from andon.ids import sha256_hex
from andon.line.line import Line
from andon.line.parse import bytes_of, parse
from andon.line.plan import Burst, Plan
from andon.line.policy import Policy
from andon.metrics import Metrics

LOOK_EVERY_S = 2.0


class LineFile:
    """`Plans` out of a file. Without a path: built-in defaults, with `policy` for every station.

    A changed file is taken in whole, or not at all while anything is wrong with it: what held before holds on, and
    the log and a metric say so. It is known by its content, so that the links of a ConfigMap may be swapped under it,
    and has to be alike in two looks, so that one that is being written is not read. `refresh` is for one thread;
    everything else is for any.
    """

    __slots__ = ("_judged", "_line", "_looked", "_metrics", "_path", "_policy", "_seen")

    def __init__(self, path: Path | None, policy: Policy | None = None, metrics: Metrics | None = None) -> None:
        """Raises Mistake where the file is wrong."""
        self._path = path
        self._policy = policy or Policy()
        self._metrics = metrics
        self._looked: datetime | None = None
        self._judged = self._seen = ""
        self._line = Line(policy=self._policy)
        if path is not None:
            data = _at_start(path)
            self._line = parse(data, str(path), self._policy)
            self._judged = self._seen = sha256_hex(data)
            self._count(valid=True)

    @property
    def burst(self) -> Burst:
        return self._line.burst

    @property
    def shortest_silence_s(self) -> float | None:
        return self._line.shortest_silence_s

    @property
    def lines(self) -> dict[str, str]:
        """The stations that the file names, and the line of each."""
        return self._line.lines

    def of(self, station: str) -> Plan:
        return self._line.of(station)

    def refresh(self, now: datetime) -> None:
        """Takes in the file where it changed. Call it between turns: it looks every LOOK_EVERY_S only."""
        if self._path is None:
            return
        if self._looked is not None and abs((now - self._looked).total_seconds()) < LOOK_EVERY_S:
            return
        self._looked = now
        try:
            data = bytes_of(self._path)
        except Mistake as mistake:
            if self._is_news(str(mistake)):
                self._refuse(mistake)
            return
        if self._is_news(sha256_hex(data)):
            self._take(self._path, data)

    def _is_news(self, seen: str) -> bool:
        """Whether what was seen is as it was a look ago, and not judged yet."""
        alike, self._seen = seen == self._seen, seen
        if not alike or seen == self._judged:
            return False
        self._judged = seen
        return True

    def _take(self, path: Path, data: bytes) -> None:
        try:
            self._line = parse(data, str(path), self._policy)
        except Mistake as mistake:
            self._refuse(mistake)
            return
        self._count(valid=True)
        structlog.get_logger().info("line_file_reloaded", file=str(path), stations=len(self._line.names))

    def _refuse(self, mistake: Mistake) -> None:
        self._count(valid=False)
        structlog.get_logger().error(
            "line_file_refused",
            mistakes=str(mistake).splitlines(),
            next=f"what it said before holds on; mend it, and see: andon check {self._path}",
        )

    def _count(self, *, valid: bool) -> None:
        if self._metrics is None:
            return
        self._metrics.line_file_valid.labels(str(self._path)).set(valid)
        if valid:
            self._metrics.line_file_loaded.labels(str(self._path)).set_to_current_time()


def _at_start(path: Path) -> bytes:
    try:
        return bytes_of(path)
    except Mistake as mistake:
        raise Mistake(f"{mistake}; ANDON_LINE names the line file") from None
