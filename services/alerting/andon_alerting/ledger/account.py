"""The account of one capture: which numbers are known, which were accounted for, and which are missing. Pure.

A number is known when any hop, or a final (a score or a dead letter), speaks of it. Ours have no holes: with a number
all before it are known, too. Foreign ones are offsets of a partition that other stations share, so that only those are
known that somebody spoke of. A number that is known waits until there is a final of it. Only what waits, or is
missing, takes memory: below `top` everything else was accounted for.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from andon.passing import Which
from andon.records.passed import Hop
from andon_alerting.ledger.spans import Run, Spans

MOST_RUNS = 2000
"""Runs that wait, in one account, before neighbours are joined; of foreign frames more are not watched."""
MOST_GONE = 200
"""Runs of lost numbers that are remembered by name, and of dead letters that may be replayed; the first ones go."""
MOST_AHEAD = 1_000_000
"""A number so far beyond the others is not believed to say that all between were captured."""
RECENT_MS = 60_000
"""For so long, at least, it is known of a foreign frame that it was scored: its hops are told up to then."""
MOST_RECENT = 20_000
"""...unless there are more runs of them than this."""

HOPS: tuple[Hop | None, ...] = (None, *Hop)
"""How far a number came: nowhere (nobody saw it), or up to a hop."""


class Waiting(NamedTuple):
    """What is known of a number that waits. `since` is when it became known, `overtaken` when a later one was first
    seen to be accounted for (0: none is), `at` when the furthest hop that it reached spoke of it (0: none did); Unix
    time in milliseconds. `hop` is that hop's place in HOPS."""

    since: int
    overtaken: int = 0
    hop: int = 0
    at: int = 0

    def reached(self, hop: int, at: int) -> "Waiting":
        """As known once `hop` speaks of it."""
        return self if hop <= self.hop else self._replace(hop=hop, at=at)

    def passed_by(self, now: int) -> "Waiting":
        """As known once a later one is accounted for."""
        return self if self.overtaken else self._replace(overtaken=now)

    def beside(self, other: "Waiting") -> "Waiting":
        """What may be said of both."""
        overtaken = max(self.overtaken, other.overtaken) if self.overtaken and other.overtaken else 0
        hop = min(self, other, key=lambda each: each.hop)
        return Waiting(max(self.since, other.since), overtaken, hop.hop, hop.at)


class Gone(NamedTuple):
    """What is known of a number that is missing: the last hop that saw it (its place in HOPS), when that said so (0:
    none did), and when it was found missing."""

    hop: int
    at: int
    found: int


@dataclass(slots=True)
class Totals:
    """What became of a station's frames since `since` (Unix time in milliseconds). `rescued` were dead letters and
    were scored after all, `found` were lost and came after all."""

    since: int
    scored: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    rescued: int = 0
    found: int = 0


@dataclass(slots=True)
class Account:
    """One capture. `top` is one past the highest number known, None before the first that counts; `done` the highest
    that is accounted for; `low` where the memory of finals of foreign frames begins; `heard` when it was last heard of
    (Unix time in milliseconds)."""

    which: Which
    top: int | None = None
    done: int = -1
    low: int = 0
    heard: int = 0
    waiting: Spans[Waiting] = field(default_factory=Spans)
    missing: Spans[Gone] = field(default_factory=Spans)
    lost: Spans[Gone] = field(default_factory=Spans)
    dead: Spans[str] = field(default_factory=Spans)
    skipped: dict[str, int] = field(default_factory=dict)
    recent: Spans[None] = field(default_factory=Spans)
    older: Spans[None] = field(default_factory=Spans)
    turned: int = 0

    @property
    def foreign(self) -> bool:
        """Whether somebody else made the frames."""
        return self.which.origin is not None

    @property
    def settled(self) -> bool:
        """Whether nothing waits and nothing is missing."""
        return not self.waiting and not self.missing

    def passed(self, hop: int, first: int, last: int, at: int, now: int, *, whole: bool = True) -> None:
        """A hop (its place in HOPS) saw these numbers. `whole`: it can be told what became of all of them."""
        if self.top is None:
            if not whole:
                return
            self._begin(first)
        if self.foreign:
            self._expect(first, last, Waiting(now, 0, hop, at))
        else:
            self._grow(first, last, Waiting(now, 0, hop, at))
        self.waiting.change(first, last, lambda known: known.reached(hop, at))
        self.heard = max(self.heard, at)

    def final(self, seq: int, dead: str | None, totals: Totals, now: int) -> None:
        """A number was accounted for: as a dead letter for that reason, else as scored."""
        if self.top is None:
            self._begin(seq)
        self.heard = max(self.heard, now)
        if self._first_final(seq, now):
            self._count(seq, dead, totals)
            self.done = max(self.done, seq)
        else:
            self._again(seq, dead, totals)

    def skip(self, skipped: dict[str, int], totals: Totals) -> None:
        """What ingest left out since the capture began, by reason."""
        for reason, count in skipped.items():
            more = count - self.skipped.get(reason, 0)
            if more > 0:
                self.skipped[reason] = count
                totals.skipped[reason] += more

    def overtake(self, now: int) -> bool:
        """Notes what was overtaken: a later number is accounted for, though numbers travel in order. Answers whether
        anything was that was not before."""
        return self.waiting.change(0, self.done, lambda known: known.passed_by(now))

    def judged(self, now: int, through: int, swept: int, settle_ms: int) -> list[Run[Gone]]:
        """Moves what is missing by now from `waiting` to `missing`, and answers it. Up to `through` every final that
        Kafka had was read; and every frame that was captured up to `swept` went all the way."""
        found: list[Run[Gone]] = []
        for first, last, known in list(self.waiting):
            overdue = 0 < known.overtaken <= through - settle_ms
            if overdue or known.since <= swept - settle_ms:
                self.waiting.remove(first, last)
                gone = Gone(known.hop, known.at, now)
                self.missing.add(first, last, gone)
                found.append((first, last, gone))
        return found

    def forget(self, totals: Totals) -> int:
        """What is missing is given up: it counts as lost. Answers how many."""
        count = self.missing.count
        for first, last, gone in self.missing:
            self.lost.add(first, last, gone)
        self.lost.drop_first(MOST_GONE)
        self.missing = Spans()
        totals.lost += count
        return count

    def tidy(self, now: int) -> None:
        """Keeps the bounds."""
        if not self.foreign:
            self.waiting.joined(MOST_RUNS, Waiting.beside)
        if now >= self.turned + RECENT_MS or len(self.recent) > MOST_RECENT:
            self.low = max(self.low, self.older.last + 1)
            self.older, self.recent, self.turned = self.recent, Spans(), now

    def _begin(self, first: int) -> None:
        self.top = self.low = first

    def _grow(self, first: int, last: int, known: Waiting) -> None:
        """With a number, all before it are known; but how far those came, nobody said."""
        top = self.top or 0
        if last < top:
            return
        if first > top and first - top <= MOST_AHEAD:
            self.waiting.add(top, first - 1, Waiting(known.since))
        self.waiting.add(max(first, top), last, known)
        self.top = last + 1

    def _expect(self, first: int, last: int, known: Waiting) -> None:
        """Of foreign frames, those are known that somebody spoke of, and that were not accounted for before."""
        for a, b in self._unsettled(max(first, self.low), last):
            if len(self.waiting) < MOST_RUNS:
                self.waiting.add(a, b, known)
                self.top = max(self.top or 0, b + 1)

    def _unsettled(self, first: int, last: int) -> list[tuple[int, int]]:
        open_, settled = [(first, last)] if first <= last else [], (self.recent, self.older, self.missing, self.lost)
        for spans in settled:
            if spans:
                open_ = [gap for a, b in open_ for gap in spans.gaps(a, b)]
        return open_

    def _first_final(self, seq: int, now: int) -> bool:
        top = self.top or 0
        if self.foreign:
            waited = bool(self.waiting.remove(seq, seq))
            fresh = waited or (seq >= self.low and seq not in self.recent and seq not in self.older)
            fresh = fresh and seq not in self.missing and seq not in self.lost
            if fresh:
                self.recent.add(seq, seq, None)
                self.top = max(top, seq + 1)
            return fresh
        if seq < top:
            return bool(self.waiting and self.waiting.remove(seq, seq))
        if top < seq <= top + MOST_AHEAD:
            self.waiting.add(top, seq - 1, Waiting(now))
        self.top = seq + 1
        return True

    def _count(self, seq: int, dead: str | None, totals: Totals) -> None:
        if dead is None:
            totals.scored += 1
        else:
            totals.dead[dead] += 1
            self.dead.add(seq, seq, dead)
            self.dead.drop_first(MOST_GONE)

    def _again(self, seq: int, dead: str | None, totals: Totals) -> None:
        """Missing or lost, and found after all; or a dead letter that was replayed; or only said again."""
        if self.missing.remove(seq, seq):
            self._count(seq, dead, totals)
        elif self.lost.remove(seq, seq):
            totals.lost -= 1
            totals.found += 1
            self._count(seq, dead, totals)
        elif dead is None:
            for _, _, reason in self.dead.remove(seq, seq):
                totals.dead[reason] -= 1
                totals.scored += 1
                totals.rescued += 1


def begun(which: Which, now: int, *, new: bool) -> Account:
    """An account that is opened. `new`: the capture began after the ledger, so that it is counted from its start."""
    return Account(which, top=0 if new else None, heard=now, turned=now)


def of_loaded(account: Account) -> Account:
    """As read back: of foreign frames it is no longer known which finals were read, so that nothing below is new."""
    return replace(account, low=account.top or 0) if account.foreign else account
