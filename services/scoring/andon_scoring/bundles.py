"""The bundles in this process: loaded and proven in the background, chosen frame by frame between batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from andon.assignments import Assignments, Serving
from andon.bundle import BundleError
from andon.metrics import Metrics
from andon.records import PreparedFrame, Swap, Unscorable
from andon.run import utc_now
from andon.stage import Message
from andon_scoring.loading import Load, Loading
from andon_scoring.news import News
from andon_scoring.score import Choice, Loaded, Wait
from andon_scoring.shelf import Shelf

Inspection = tuple[str, str | None]
"""A station and the product that its assignment names."""


@dataclass(frozen=True)
class Role:
    """Which bundles of the table are scored with: of all, and of what is assigned to one station, the best first.

    `every` fitting one scores a frame, or the first.
    """

    wanted: Callable[[Assignments], set[str]]
    of: Callable[[Serving], tuple[str, ...]]
    every: bool


LIVE = Role(lambda table: table.bundles(), lambda serving: serving.bundles, every=False)
SHADOWS = Role(lambda table: table.shadows(), lambda serving: serving.active.shadows, every=True)


class Bundles:
    """`choose` answers from what is loaded. Loading one bundle never delays the frames of another; only frames that
    nothing else can score wait for theirs.
    """

    def __init__(
        self,
        table: Assignments,
        follow: Callable[[], bool],
        load: Load,
        metrics: Metrics,
        *,
        role: Role = LIVE,
        load_timeout_s: float = 60.0,
        memory_budget: int | None = None,
        runtime: str = "",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`follow` brings `table` up to date and answers whether anything in it changed. `memory_budget` is in bytes.
        `runtime` is what others are told that a bundle was refused by.
        """
        self._table = table
        self._follow = follow
        self._metrics = metrics
        self._role = role
        self._runtime = runtime
        self._clock = clock
        self._loading = Loading(load, load_timeout_s)
        self._shelf = Shelf(memory_budget, metrics)
        self._news = News(table)
        self._away: dict[str, str | None] = {}  # may score, but is not in memory: its preparation, where known
        self._serving: dict[Inspection, tuple[str, datetime]] = {}  # by which bundle, and by whose word

    def refresh(self) -> None:
        """Between turns: look at the table, take in what is loaded, keep within the memory budget. Costs the same
        however many bundles there are. Raises Broken when the device or the store failed while loading.
        """
        changed = self._follow()
        if changed:
            self._take_table()
        ready = self._loading.ready()
        self._take_in(ready)
        if changed or ready:
            self._tell_proven()
        self._shrink()

    def load_all(self, wait_s: float = 1.0, beat: Callable[[], None] = lambda: None) -> None:
        """At start: loads the bundles of the table before the first frame, as many as the budget has room for.

        What nobody has proven yet is loaded in any case: frames are prepared for it only then.
        """
        self._follow()
        unproven = {given.bundle for given in self._table.unproven()}
        for digest in sorted(self._role.wanted(self._table)):
            if self._shelf.is_full and digest not in unproven:
                self._away[digest] = None
            else:
                self._load_now(digest, wait_s, beat)
        self._tell_proven()

    def choose(self, prepared: PreparedFrame) -> Choice:
        """The active bundle when the frame was prepared for it; else the last proven one, or the one before: while the
        active one loads, after it was refused, and for frames prepared before the swap. Never a mixture. Of shadows,
        all that the frame was prepared for.
        """
        chosen = self._look(prepared)
        if not isinstance(chosen, tuple):
            self.refresh()  # the table may have moved on, or a bundle have come
            chosen = self._look(prepared)
        if chosen is Wait.LOADING:
            self._loading.check()
            self._metrics.records_held.inc()
        elif isinstance(chosen, tuple) and not self._role.every:
            self._note(prepared, chosen[0])
        return chosen

    def news(self) -> Sequence[Message]:
        """What is to be told with this turn's results."""
        return self._news.take()

    def close(self) -> None:
        """Waits for nothing."""
        self._loading.close()

    def _take_table(self) -> None:
        """Begins loading what the table names, lets go of the rest. What was refused is tried again: it may have
        been put into the store since, and whoever assigns it once more expects that.
        """
        wanted = self._role.wanted(self._table)
        self._shelf.drop(self._shelf.digests - wanted)
        self._loading.forget(self._loading.asked - wanted)
        self._away = {digest: known for digest, known in self._away.items() if digest in wanted}
        for digest in sorted(wanted - self._shelf.digests - self._away.keys()):
            self._loading.begin(digest)

    def _load_now(self, digest: str, wait_s: float, beat: Callable[[], None]) -> None:
        self._loading.begin(digest)
        while digest in self._loading:
            self._take_in(self._loading.ready(wait_s))
            self._loading.check()
            beat()
        self._shrink()

    def _shrink(self) -> None:
        self._away |= {gone.digest: gone.preparation for gone in self._shelf.shrink()}

    def _look(self, prepared: PreparedFrame) -> Choice:
        serving = self._table.lookup(prepared.frame.station, prepared.frame.product)
        digests = self._role.of(serving) if serving else ()
        fitting: list[Loaded] = []
        known = waiting = False
        for digest in digests:
            bundle = self._shelf.get(digest)
            if bundle is not None:
                known = True
                fitting += [bundle] if bundle.preparation == prepared.preparation else []
            elif self._is_away_for(digest, prepared):
                self._fetch(digest)
                return Wait.LOADING
            else:
                waiting = waiting or digest in self._loading
            if fitting and not self._role.every:
                return (fitting[0],)
        if waiting:
            return Wait.LOADING
        if self._role.every:
            return tuple(fitting)
        return Unscorable.WRONG_PREPARATION if known else Unscorable.NO_BUNDLE

    def _is_away_for(self, digest: str, prepared: PreparedFrame) -> bool:
        return digest in self._away and self._away[digest] in (None, prepared.preparation)

    def _fetch(self, digest: str) -> None:
        """Where one must go for another to come, one at a time, each after the last one's frames were scored."""
        if not self._shelf.is_full or not (self._loading.asked or self._shelf.has_unused):
            self._loading.begin(digest, first=True)

    def _take_in(self, ready: Sequence[tuple[str, Loaded | Exception]]) -> None:
        for digest, made in ready:
            self._away.pop(digest, None)
            if isinstance(made, BundleError):
                self._refuse(digest, made)
            elif isinstance(made, Exception):
                raise made
            else:
                self._shelf.put(made)
                structlog.get_logger().info("bundle_loaded", bundle=digest, bytes=made.size, runtime=made.runtime)

    def _refuse(self, digest: str, error: BundleError) -> None:
        self._metrics.bundles_refused.inc()
        if self._role.every:
            structlog.get_logger().error("shadow_refused", bundle=digest, why=str(error), next="it scores nothing")
            self._news.shadow_refused(digest, str(error), self._clock())
            return
        structlog.get_logger().error("bundle_refused", bundle=digest, why=str(error), next="the one before serves on")
        self._news.refused(digest, str(error), self._runtime, self._clock())

    def _tell_proven(self) -> None:
        if not self._role.every:
            self._news.proven(self._shelf.digests, self._clock())

    def _note(self, prepared: PreparedFrame, chosen: Loaded) -> None:
        """Which bundle scores: told when it is another than until now, or the assignment is."""
        serving = self._table.lookup(prepared.frame.station, prepared.frame.product)
        if serving is None:
            return
        inspection = prepared.frame.station, serving.active.product
        if self._serving.get(inspection) == (chosen.digest, serving.active.at):
            return
        before = self._before(inspection)
        self._serving[inspection] = chosen.digest, serving.active.at
        if before != chosen.digest:
            self._note_swap(inspection, prepared, chosen, before)
        if chosen.digest == serving.active.bundle and (before != chosen.digest or serving.last_refusal):
            self._news.serves(serving, self._clock())

    def _before(self, inspection: Inspection) -> str | None:
        """What served until now: here, or in the process before this one."""
        known, last = self._serving.get(inspection), self._table.swap_of(*inspection)
        return known[0] if known else last.bundle if last else None

    def _note_swap(self, inspection: Inspection, prepared: PreparedFrame, chosen: Loaded, before: str | None) -> None:
        station, product = inspection
        swap = Swap(
            station=station,
            product=product,
            bundle=chosen.digest,
            before=before,
            frame=prepared.place,
            at=self._clock(),
        )
        self._news.swapped(swap)
        self._metrics.bundle_swaps.labels(station).inc()
        structlog.get_logger().info(
            "bundle_serves",
            station=station,
            product=product,
            bundle=chosen.digest,
            before=before,
            from_topic=swap.frame.topic,
            from_partition=swap.frame.partition,
            from_offset=swap.frame.offset,
        )
