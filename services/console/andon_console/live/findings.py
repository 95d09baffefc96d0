"""What is wrong with the inspection of each station, as `drift` says: findings that have begun and not ended."""

from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from uuid import UUID

from andon.errors import Invalid
from andon.records import Finding, FindingKind, read_event
from andon.stage import Record

MOST_OVER = 10_000  # ids of those that ended, remembered so that a repeat of their beginning opens none again


class Findings:
    """Any thread may ask."""

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()
        self._open: dict[UUID, Finding] = {}
        self._over: dict[UUID, None] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `drift`; a repeat changes nothing."""
        with self._lock:
            for record in records:
                with suppress(Invalid):
                    self._hear(read_event(Finding, record.value))
            self.version += 1

    def open_at(self, station: str) -> list[Finding]:
        """Those of a station that are not over, the newest first."""
        with self._lock:
            found = [each for each in self._open.values() if each.station == station]
        return sorted(found, key=lambda each: each.since, reverse=True)

    def _hear(self, finding: Finding) -> None:
        if finding.kind is FindingKind.ENDED:
            self._open.pop(finding.finding_id, None)
            self._over[finding.finding_id] = None
            if len(self._over) > MOST_OVER:
                del self._over[next(iter(self._over))]
        elif finding.finding_id not in self._over:
            self._open[finding.finding_id] = finding
