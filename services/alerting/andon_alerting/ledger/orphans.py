"""Findings of stations that nobody knows any more: Redis was lost, and they send nothing. Somebody must end them.

The process that reads the first partition does, once such a finding has been seen for as long as any other would last.
"""

from collections.abc import Callable, Container
from datetime import datetime

from andon.records import Finding
from andon_alerting.ledger.opened import Opened
from andon_alerting.ledger.telling import Patience, ended
from andon_alerting.ledger.words import given_up_sentence


class Orphans:
    """`leads` says whether this process does it; `knows` asks Redis for a station."""

    def __init__(
        self, opened: Opened, patience: Patience, leads: Callable[[], bool], knows: Callable[[str], bool]
    ) -> None:
        self._opened = opened
        self._patience = patience
        self._leads = leads
        self._knows = knows
        self._since: dict[str, datetime] = {}

    def __call__(self, ours: Container[str], now: datetime) -> list[Finding]:
        """The ends that are to be told now. `ours` are the stations that are looked after already."""
        if not self._leads():
            self._since.clear()
            return []
        alone = [name for name in self._opened.stations() if name not in ours]
        self._since = {name: self._since.get(name, now) for name in alone}
        return [each for name in alone if self._is_due(name, now) for each in self._end(name, now)]

    def _is_due(self, name: str, now: datetime) -> bool:
        """Asked once; one that Redis knows is another's, for as long again."""
        if (now - self._since[name]).total_seconds() < self._patience.forget_s:
            return False
        self._since[name] = now
        return not self._knows(name)

    def _end(self, name: str, now: datetime) -> list[Finding]:
        told = self._opened.told(name, int(now.timestamp() * 1000))
        return [ended(told, name, given_up_sentence(name, 0, self._patience.forget_s), now)] if told else []
