"""What the ledger knows of one station: its captures, its totals, and what people were told. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from andon.passing import Which
from andon_alerting.ledger.account import HOPS, Account, Gone, Totals, Waiting, begun
from andon_alerting.ledger.spans import Run

MOST_CAPTURES = 64
"""Captures of a station that are remembered; then those go that are settled, longest silent first."""
KEEP_MS = 30 * 86_400_000
"""A station is remembered for so long after it was last heard of; a capture that began before then is an older one."""
FOREIGN_KEEP_MS = 2 * 86_400_000
"""One that only others write of, so that whoever makes up stations fills no memory: as long as the topic `ledger`."""


@dataclass(frozen=True, slots=True)
class Told:
    """What people were told: the finding that is open, since when, and when the last loss was (Unix time in
    milliseconds). `adopted`: another told it, and what it told of is not known here."""

    finding: UUID
    since: datetime
    sentence: str
    last: int
    adopted: bool = False


@dataclass(slots=True)
class Station:
    """One station. `closed` is the epoch up to which captures were put away; `changed` are those to be saved."""

    name: str
    partition: int
    totals: Totals
    accounts: dict[Which, Account] = field(default_factory=dict)
    closed: int = 0
    told: Told | None = None
    changed: set[Which] = field(default_factory=set)
    dirty: bool = False

    @property
    def waiting(self) -> int:
        """Frames that are known, and not accounted for yet."""
        return sum(each.waiting.count for each in self.accounts.values())

    @property
    def missing(self) -> int:
        """Frames that vanished."""
        return sum(each.missing.count for each in self.accounts.values())

    @property
    def captured(self) -> int:
        """All of which is known that they were captured."""
        totals = self.totals
        return totals.scored + sum(totals.dead.values()) + totals.lost + self.missing + self.waiting

    @property
    def open(self) -> bool:
        """Whether anything may still have to be told."""
        return self.told is not None or any(not each.settled for each in self.accounts.values())

    @property
    def ours(self) -> bool:
        """Whether any of its captures is ours."""
        return any(which.origin is None for which in self.accounts)

    @property
    def heard(self) -> int:
        """When any of its captures was last heard of."""
        return max((each.heard for each in self.accounts.values()), default=self.totals.since)

    def vanished(self) -> Iterator[tuple[Account, Run[Gone]]]:
        """What is missing, by capture."""
        return ((each, run) for each in self.accounts.values() for run in each.missing)

    def pending(self) -> Iterator[tuple[Account, Run[Waiting]]]:
        """What waits, by capture."""
        return ((each, run) for each in self.accounts.values() for run in each.waiting)

    def account(self, which: Which, at: int, sure_from: int) -> Account:
        """The account of a capture, opened where there is none. `at` is when it was heard of, `sure_from` the time
        from which on nothing escaped the ledger (Unix time in milliseconds)."""
        found = self.accounts.get(which)
        if found is None:
            began = at if which.origin is not None else which.epoch
            new = began >= sure_from and (which.origin is not None or which.epoch > max(self.closed, at - KEEP_MS))
            found = self.accounts[which] = begun(which, at, new=new)
            self._put_away(which)
        self.changed.add(which)
        return found

    def passed(
        self, which: Which, hop: int, runs: tuple[tuple[int, int], ...], at: int, now: int, sure_from: int
    ) -> None:
        """A hop (its place in HOPS) saw these numbers of a capture."""
        account = self.account(which, at, sure_from)
        for first, last in runs:
            account.passed(hop, first, last, at, now, whole=at >= sure_from)

    def final(self, which: Which, seq: int, dead: str | None, at: int, now: int, sure_from: int) -> None:
        """A frame was accounted for."""
        account = self.accounts.get(which)
        if account is None:
            account = self.account(which, at, sure_from)
        else:
            self.changed.add(which)
        account.final(seq, dead, self.totals, now)

    def _put_away(self, new: Which) -> None:
        if len(self.accounts) <= MOST_CAPTURES:
            return
        others = [each for each in self.accounts.values() if each.which != new]
        oldest = min(others, key=lambda each: (not each.settled, each.heard))
        del self.accounts[oldest.which]
        self.closed = max(self.closed, oldest.which.epoch)
        self.changed.add(oldest.which)


def hop_index(hop: str) -> int:
    """The place of a hop in HOPS."""
    return _INDEX[hop]


_INDEX = {hop.value: place for place, hop in enumerate(HOPS) if hop is not None}
