"""The janitor: looks the store through every few minutes, and removes what goes, a little each turn."""

from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

import structlog

from andon.metrics import Metrics
from andon_alerting.evidence.reviewed_count import ReviewedCount
from andon_alerting.evidence.shelf import Shelf, StoreAway
from andon_alerting.evidence.tidy import Bounds, Choice, Kept, Leaves, choose

AT_ONCE = 64
"""Incidents that are read in one turn."""


class Janitor:
    """One round after another, each in steps that take moments. What it knows of an incident that is over is kept from
    round to round; the rest is read again. Reviewed frames are counted, and stay."""

    def __init__(
        self,
        shelf: Shelf,
        bounds: Bounds,
        labelled: Callable[[], Set[UUID]],
        pool: ThreadPoolExecutor,
        metrics: Metrics,
        clock: Callable[[], datetime],
        every_s: float,
        reviewed: ReviewedCount,
    ) -> None:
        self._reviewed = reviewed
        self._shelf = shelf
        self._bounds = bounds
        self._labelled = labelled
        self._pool = pool
        self._metrics = metrics
        self._clock = clock
        self._every_s = every_s
        self._known: dict[str, Kept] = {}
        self._round: Iterator[None] | None = None
        self._ended: datetime | None = None
        self.removed = 0

    def step(self) -> None:
        """Does a little. A store that is away is left alone until the next round."""
        if self._round is None and self._due():
            self._round = self.round()
        if self._round is None:
            return
        try:
            ended = next(self._round, self) is self
        except StoreAway as error:
            structlog.get_logger().warning("tidying_failed", error=str(error), next="tried again later")
            ended = True
        if ended:
            self._round, self._ended = None, self._clock()

    def finish(self) -> None:
        """A whole round at once. Raises StoreAway."""
        for _ in self.round():
            pass

    def round(self) -> Iterator[None]:
        """One round, in steps. Raises StoreAway."""
        there = self._shelf.incidents()
        self._known = {name: each for name in there if (each := self._known.get(name)) is not None and each.over}
        unread = [name for name in there if name not in self._known]
        for first in range(0, len(unread), AT_ONCE):
            yield
            read = self._pool.map(self._kept, unread[first : first + AT_ONCE])
            self._known.update({each.incident: each for each in read})
        yield
        choice = choose(self._known.values(), self._labelled(), self._bounds, self._clock())
        for kept, why in choice.leaving:
            self._remove(kept, why)
            yield
        self._tell(choice)
        yield from self._reviewed.steps()

    @property
    def size(self) -> int:
        """Bytes in the store, as of the last round."""
        return sum(each.size for each in self._known.values())

    @property
    def incidents(self) -> int:
        """Incidents in the store, as of the last round."""
        return len(self._known)

    def _due(self) -> bool:
        return self._ended is None or (self._clock() - self._ended).total_seconds() >= self._every_s

    def _kept(self, incident: str) -> Kept:
        dossier = self._shelf.dossier(incident)
        if dossier is not None:
            return Kept.of(dossier, dossier.size)
        files = self._shelf.listed(incident)
        written = max((each.at for each in files if each.at is not None), default=None)
        return Kept(incident, sum(each.size for each in files), written, over=False, abandoned=True)

    def _remove(self, kept: Kept, why: Leaves) -> None:
        self._shelf.remove(kept.incident)
        self._known.pop(kept.incident, None)
        self._metrics.evidence_removed.labels(why.value).inc()
        self.removed += 1
        structlog.get_logger().info("evidence_removed", incident=kept.incident, why=why.value, bytes=kept.size)

    def _tell(self, choice: Choice) -> None:
        self._metrics.evidence_bytes.set(choice.stays)
        self._metrics.evidence_held_bytes.set(choice.held)
        self._metrics.evidence_incidents.set(len(self._known))
        if choice.stays > self._bounds.max_bytes:
            structlog.get_logger().warning(
                "evidence_beyond_its_bound",
                bytes=choice.stays,
                bound=self._bounds.max_bytes,
                may_not_go=choice.held,
                next="evidence of open incidents and of frames people answered stays: raise ANDON_EVIDENCE__MAX_BYTES",
            )
