"""The gate that pagers ask whether somebody may be called about something: it follows `silences`.

Pagers run in threads of their own beside the stages; whoever asks takes in what `silences` says by then, so that a
silence counts from the moment it is written, however long a turn takes.
"""

from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from typing import Protocol

import structlog

from andon.line import Plans
from andon.records import IncidentEvent, Notice
from andon.silences import quiet_until, table
from andon.stage import Record


class Reader(Protocol):
    """`andon.kafka.table.TopicReader` is one."""

    def read_to_end(self) -> Iterable[Record]:
        """Everything that was there when it began."""

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        """What has come since."""

    def close(self) -> None:
        """Stops reading."""


class Silencing:
    """The gate that a pager asks. Any thread may; each sees one table that does not change under it."""

    def __init__(self, reader: Reader, plans: Plans) -> None:
        self._reader = reader
        self._plans = plans
        self._one_reads = Lock()
        self._table = table(reader.read_to_end())

    def refresh(self) -> None:
        """Takes in what is new in `silences`, without waiting. Raises Broken."""
        with self._one_reads:
            new = table(self._reader.changes())
            if new:
                self._table = {**self._table, **new}
        for each in new.values():
            structlog.get_logger().info("silence", station=each.target, until=f"{each.until:%FT%TZ}", by=each.by)

    def until(self, about: IncidentEvent | Notice, now: datetime) -> datetime | None:
        """Until when nobody is called about it; None: they may be called. Raises Broken."""
        self.refresh()
        return quiet_until(about, self._table, self._plans, now)

    def close(self) -> None:
        """Gives back the connection."""
        self._reader.close()
