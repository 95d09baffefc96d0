"""Whom nobody is called about now."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from threading import Lock

from andon.errors import Invalid
from andon.records import Silence, read_event
from andon.records.assignment import EVERY
from andon.silences import is_on
from andon.stage import Record


class Silences:
    """The last word on each target."""

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()
        self._table: dict[str, Silence] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `silences`."""
        with self._lock:
            for record in records:
                with suppress(Invalid):
                    if record.value:
                        each = read_event(Silence, record.value)
                        if each.since.tzinfo is not None and each.until.tzinfo is not None:
                            self._table[each.target] = each
            self.version += 1

    def of(self, target: str) -> Silence | None:
        """The last one set for a station, or '*', be it over or not."""
        return self._table.get(target)

    def on(self, station: str, now: datetime) -> Silence | None:
        """The one that keeps the station quiet now, if any."""
        found = [each for each in (self.of(station), self.of(EVERY)) if each and is_on(each, now)]
        return max(found, key=lambda each: each.until, default=None)
