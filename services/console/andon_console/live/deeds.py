"""The audit log, as far as it is shown: the newest deeds."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from uuid import UUID

from andon.errors import Invalid
from andon.records import Deed, read_event
from andon.stage import Record

MOST = 5000


class Deeds:
    """The last MOST of them."""

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()
        self._kept: deque[Deed] = deque(maxlen=MOST)
        self._seen: set[UUID] = set()

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `audit`, each once."""
        with self._lock:
            for record in records:
                with suppress(Invalid):
                    deed = read_event(Deed, record.value)
                    if deed.deed_id not in self._seen:
                        self._seen.add(deed.deed_id)
                        self._kept.append(deed)
            if len(self._seen) > 2 * MOST:
                self._seen = {each.deed_id for each in self._kept}
            self.version += 1

    def newest(self) -> list[Deed]:
        """The newest first."""
        with self._lock:
            return sorted(self._kept, key=lambda deed: deed.at, reverse=True)
