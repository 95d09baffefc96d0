"""A ledger to book in by hand: what hops say, what becomes of frames, and time that passes when it is told to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from andon.passing import Which
from andon.records import Finding
from andon_alerting.ledger.account import Totals
from andon_alerting.ledger.station import Station, hop_index
from andon_alerting.ledger.telling import Loss, Patience, Proof, look
from andon_alerting.ledger.words import where

BEGAN = 1_772_000_000_000
"""When the ledger began, Unix time in milliseconds."""
SETTLE_S, FORGET_S = 300.0, 3600.0
EPOCH = BEGAN + 3_600_000


@dataclass
class Room:
    """One station. `now` in seconds since `EPOCH`; what Kafka has was read, unless `look` is told otherwise."""

    which: Which = field(default_factory=lambda: Which("press-1", EPOCH))
    now: float = 0.0
    station: Station = field(default_factory=lambda: Station("press-1", 0, Totals(BEGAN)))
    losses: list[Loss] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def ms(self) -> int:
        return EPOCH + int(self.now * 1000)

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.ms / 1000, UTC)

    def passed(self, hop: str, *runs: tuple[int, int], which: Which | None = None, ago_s: float = 0) -> None:
        at = self.ms - int(ago_s * 1000)
        self.station.passed(which or self.which, hop_index(hop), runs, at, self.ms, BEGAN)

    def scored(self, *seqs: int | range, which: Which | None = None) -> None:
        for seq in flat(seqs):
            self.station.final(which or self.which, seq, None, self.ms, self.ms, BEGAN)

    def refused(self, *seqs: int | range, why: str = "truncated", which: Which | None = None) -> None:
        for seq in flat(seqs):
            self.station.final(which or self.which, seq, why, self.ms, self.ms, BEGAN)

    def look(self, after_s: float = 0, *, through: bool = True, swept: bool = False) -> list[Finding]:
        """Time passes; a look. Answers what is to be told now."""
        self.now += after_s
        proof = Proof(self.ms if through else 0, self.ms if swept else 0)
        losses, findings = look(self.station, proof, Patience(SETTLE_S, FORGET_S), self.time)
        self.losses += losses
        self.findings += findings
        return findings

    @property
    def missing(self) -> list[tuple[int, int, str]]:
        """First, last, and where."""
        return [(first, last, where(gone).value) for _, (first, last, gone) in self.station.vanished()]

    @property
    def waiting(self) -> list[tuple[int, int]]:
        return [run[:2] for _, run in self.station.pending()]


def flat(seqs: Iterable[int | range]) -> Iterable[int]:
    for each in seqs:
        yield from [each] if isinstance(each, int) else each
