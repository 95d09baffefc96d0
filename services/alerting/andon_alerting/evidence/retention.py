"""How long until Kafka deletes what a group has not read yet, and whether that is too short. Pure."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

MEMORY = timedelta(hours=1)
"""How far back it is remembered where a log began: topics bounded by bytes lose a whole segment at a time."""

SAFE = 2 * 0.95
"""Safe again with so many times the limit: nearly twice, since half of a retention has no twice."""

Pair = tuple[str, str]
"""A consumer group and a topic."""


@dataclass(frozen=True, slots=True)
class Keeps:
    """How a topic is kept: `retention_s` None for ever; `by_bytes` whether it may lose records sooner."""

    retention_s: float | None
    by_bytes: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """One partition at one moment: it holds the offsets `low` up to `high`, and `next` is read next. `next_at` is when
    the oldest unread record that it still holds was written; None where nothing waits."""

    at: datetime
    low: int
    high: int
    next: int
    next_at: datetime | None = None

    @property
    def waiting(self) -> int:
        """Records that wait to be read."""
        return max(0, self.high - max(self.low, self.next))

    @property
    def deleted(self) -> int:
        """Records that were deleted unread."""
        return max(0, self.low - self.next)


@dataclass(frozen=True, slots=True)
class Headroom:
    """One pair: `left_s` until the first unread record goes (inf: never, or nothing waits)."""

    group: str
    topic: str
    left_s: float
    retention_s: float | None
    waiting: int = 0
    waited_s: float = 0.0
    deleted: int = 0

    @property
    def pair(self) -> Pair:
        """Whom it is about."""
        return self.group, self.topic


class Lows:
    """Where the log of one partition began, lately."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, int]] = deque()

    def saw(self, at: datetime, low: int) -> None:
        """It begins at `low`; a log that begins earlier than before is another one."""
        if self._seen and low < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((at, low))
        while at - self._seen[0][0] > MEMORY:
            self._seen.popleft()

    def left_s(self, after: int) -> float:
        """Until the log begins past `after`, as fast as its beginning has moved; inf where it has not.

        A log loses its segments whole, so the largest step seen is counted as if it were to come at once.
        """
        if len(self._seen) < 2:
            return inf
        (since, first), (at, low) = self._seen[0], self._seen[-1]
        moved = low - first
        if moved <= 0:
            return inf
        step = max(b - a for (_, a), (_, b) in zip(self._seen, list(self._seen)[1:], strict=False))
        return max(0.0, (after - low - step) * (at - since).total_seconds() / moved)


def left_s(look: Look, keeps: Keeps, lows: Lows) -> float:
    """Until the first unread record of a partition goes.

    Kafka deletes a segment when its newest record is older than the retention, so this is the earliest moment.
    """
    if look.deleted:
        return 0.0
    if look.next_at is None:
        return inf
    by_time, by_bytes = inf, inf
    if keeps.retention_s is not None:
        by_time = max(0.0, keeps.retention_s - (look.at - look.next_at).total_seconds())
    if keeps.by_bytes:
        by_bytes = lows.left_s(look.next)
    return min(by_time, by_bytes)


def headroom(pair: Pair, keeps: Keeps, looks: Sequence[tuple[Look, Lows]]) -> Headroom:
    """Of all its partitions, the one with the least."""
    waits = [(look.at - look.next_at).total_seconds() for look, _ in looks if look.next_at is not None]
    return Headroom(
        *pair,
        left_s=min((left_s(look, keeps, lows) for look, lows in looks), default=inf),
        retention_s=keeps.retention_s,
        waiting=sum(look.waiting for look, _ in looks),
        waited_s=max(waits, default=0.0),
        deleted=sum(look.deleted for look, _ in looks),
    )


def limit_s(pair: Headroom, wanted_s: float) -> float:
    """Less than this is too little: what the operator wants, but never more than half of the retention."""
    return wanted_s if pair.retention_s is None else min(wanted_s, pair.retention_s / 2)


def at_risk(pairs: Iterable[Headroom], before: frozenset[Pair], wanted_s: float) -> dict[Pair, Headroom]:
    """Those with too little left; one that had too little before is at risk until it has about twice as much."""
    found = {}
    for each in pairs:
        limit = limit_s(each, wanted_s)
        if each.left_s < (SAFE * limit if each.pair in before else limit):
            found[each.pair] = each
    return found
