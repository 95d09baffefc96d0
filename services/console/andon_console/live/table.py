"""A topic as a table, for many threads."""

from collections.abc import Sequence
from threading import Lock
from typing import Generic, Protocol, TypeVar

import structlog

from andon.errors import Invalid
from andon.stage import Record


class Table(Protocol):
    """What records add up to."""

    def apply(self, record: Record) -> object:
        """Takes in one record. Raises Invalid for one that is none of the topic's."""


T = TypeVar("T", bound=Table)


class Shared(Generic[T]):
    """One table behind a lock. `version` grows with what is taken in; `refused` is the log's word for what is not."""

    def __init__(self, table: T, refused: str) -> None:
        self.version = 0
        self._lock = Lock()
        self._table = table
        self._refused = refused

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of its topic; what cannot be read is passed over."""
        with self._lock:
            for record in records:
                try:
                    self._table.apply(record)
                except Invalid as error:
                    structlog.get_logger().warning(self._refused, offset=record.offset, reason=str(error))
            self.version += 1
