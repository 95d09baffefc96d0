"""When the rows of a table are sent, and which time they are given."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon_ingest.clock import Clock
from andon_ingest.signals.table import Row


@dataclass(frozen=True, slots=True)
class Replay:
    """`rate` rows a second, or as fast as they were measured (`as_now`): then they get the time at which they are sent.
    Neither: at once, with the times of the table, and only those after `after`."""

    rate: float | None = None
    as_now: bool = False
    after: datetime | None = None

    @property
    def paced(self) -> bool:
        """Whether rows wait for their time."""
        return self.rate is not None or self.as_now


def paced(rows: Iterable[Row], replay: Replay, clock: Clock, idle: Callable[[], None]) -> Iterator[Row]:
    """The rows when their time has come; `idle` is called while it has not."""
    start = clock.utc()
    first: datetime | None = None
    for count, row in enumerate(row for row in rows if replay.after is None or row.at > replay.after):
        first = first or row.at
        due = start + (timedelta(seconds=count / replay.rate) if replay.rate else row.at - first)
        if replay.paced:
            _wait(due, clock, idle)
            yield Row(due, row.values)
        else:
            yield row


def _wait(due: datetime, clock: Clock, idle: Callable[[], None]) -> None:
    while (left := (due - clock.utc()).total_seconds()) > 0:
        clock.nap(left)
        idle()
