"""Lines of JSON from a pipe, each a reading or a list of some. One that is neither is told, and the next is read."""

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import IO

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records.reading import Reading
from andon_ingest.clock import Clock
from andon_ingest.signals.lenient import parse, parse_json
from andon_ingest.signals.table import Seen

AHEAD = 1000  # lines that are read before the ones before them are sent
MOST_BYTES = 1024 * 1024  # of one line
WAIT_S = 0.1
Line = tuple[int, bytes]


class Lines:
    """The readings of a pipe. `refused` is told the number of a line and what is wrong with it."""

    def __init__(
        self, station: str, source: str, seen: Seen, refused: Callable[[int, str], None], clock: Clock
    ) -> None:
        self._station = station
        self._source = source
        self._seen = seen
        self._refused = refused
        self._clock = clock

    def readings(self, pipe: IO[bytes], idle: Callable[[], None]) -> Iterator[Reading]:
        """Until the pipe ends. `idle` is called while it is silent."""
        for count, line in _arriving(pipe, idle):
            if line.strip():
                yield from self._of(count, line)

    def _of(self, count: int, line: bytes) -> Iterator[Reading]:
        try:
            if len(line) > MOST_BYTES:
                raise Invalid(Reason.TOO_LARGE, f"longer than {MOST_BYTES} bytes")
            parsed = [parse(each, self._station, self._source, self._clock.utc()) for each in parse_json(line)]
        except Invalid as invalid:
            self._refused(count, invalid.detail)
            return
        for each in parsed:
            self._seen.rows += 1
            self._seen.left_out += each.left_out
            yield each.reading


def _arriving(pipe: IO[bytes], idle: Callable[[], None]) -> Iterator[Line]:
    """Lines with their numbers, read ahead in a thread, so that what has come is sent while nothing more does."""
    queue: Queue[Line | None] = Queue(AHEAD)

    def read() -> None:
        for count, line in enumerate(iter(lambda: pipe.readline(MOST_BYTES + 1), b""), 1):
            queue.put((count, line))
        queue.put(None)

    threading.Thread(target=read, name="lines", daemon=True).start()
    while True:
        try:
            line = queue.get(timeout=WAIT_S)
        except Empty:
            idle()
            continue
        if line is None:
            return
        yield line
