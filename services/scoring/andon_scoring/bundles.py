"""The bundles in this process: loaded and proven in the background, chosen frame by frame between batches."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow

import structlog

from andon.assignments import Assignments
from andon.bundle import BundleError
from andon.errors import Broken
from andon.metrics import Metrics
from andon.records import Assignment, PreparedFrame, Unscorable
from andon_scoring.score import Loaded

Load = Callable[[str], Loaded]
"""Reads, opens and proves a bundle. Raises BundleError when it may not serve, Broken when we cannot."""


class Bundles:
    """`choose` answers from what is loaded. One thread loads, so that loading one never delays the frames of another;
    only frames that nothing else can score wait for theirs.
    """

    def __init__(
        self,
        table: Assignments,
        follow: Callable[[], bool],
        load: Load,
        metrics: Metrics,
        prove: Callable[[Assignment], None],
        load_timeout_s: float = 60.0,
    ) -> None:
        """`follow` brings `table` up to date and answers whether anything in it changed. `prove` tells everybody that
        an assignment's bundle is loaded here and passed its gate: from then on frames are prepared for it.
        """
        self._table = table
        self._follow = follow
        self._load = load
        self._metrics = metrics
        self._prove = prove
        self._timeout_s = load_timeout_s
        self._loader = ThreadPoolExecutor(1, "bundles")
        self._loaded: dict[str, Loaded] = {}
        self._loading: dict[str, Future[Loaded]] = {}
        self._told: dict[bytes, str] = {}
        self._serving: dict[tuple[str, str | None], str] = {}

    def refresh(self) -> None:
        """Between turns: look at the table and take in what is loaded. Costs the same however many bundles there are.

        Raises Broken when the device or the store failed while loading.
        """
        changed = self._follow()
        if changed:
            self._take_table()
        ready = [digest for digest, future in self._loading.items() if future.done()]
        for digest in ready:
            self._settle(digest)
        if changed or ready:
            self._tell_proven()

    def load_all(self) -> None:
        """At start: loads every bundle of the table before the first frame."""
        self._follow()
        self._take_table()
        for digest in list(self._loading):
            self._settle(digest)
        self._tell_proven()

    def choose(self, prepared: PreparedFrame) -> Loaded | Unscorable:
        """The active bundle when the frame was prepared for it; else the last proven one, or the one before: while the
        active one loads, after it was refused, and for frames prepared before the swap. Never a mixture.
        """
        chosen = self._fitting(prepared) or self._awaited(prepared)
        if chosen is not None:
            self._note_swap(prepared, chosen)
            return chosen
        known = any(digest in self._loaded for digest in self._digests(prepared))
        return Unscorable.WRONG_PREPARATION if known else Unscorable.NO_BUNDLE

    def close(self) -> None:
        """Waits for nothing."""
        self._loader.shutdown(wait=False, cancel_futures=True)

    def _take_table(self) -> None:
        """Begins loading what the table names, lets go of the rest. What was refused is tried again: it may have
        been put into the store since, and whoever assigns it once more expects that.
        """
        wanted = self._table.bundles()
        for digest in self._loaded.keys() - wanted:
            del self._loaded[digest]
        for digest in self._loading.keys() - wanted:
            self._loading.pop(digest).cancel()
        for digest in wanted - self._loaded.keys() - self._loading.keys():
            self._loading[digest] = self._loader.submit(self._load, digest)
        self._metrics.bundles_loaded.set(len(self._loaded))

    def _digests(self, prepared: PreparedFrame) -> tuple[str, ...]:
        """The bundles that may score this frame, the active one first."""
        serving = self._table.lookup(prepared.frame.station, prepared.frame.product)
        if serving is None:
            return ()
        return serving.bundles

    def _fitting(self, prepared: PreparedFrame) -> Loaded | None:
        for digest in self._digests(prepared):
            bundle = self._loaded.get(digest)
            if bundle is not None and bundle.preparation == prepared.preparation:
                return bundle
        return None

    def _awaited(self, prepared: PreparedFrame) -> Loaded | None:
        """Nothing loaded fits: look whether the table moved on, and wait for what is still loading."""
        self.refresh()
        for digest in self._digests(prepared):
            if digest in self._loading and self._fitting(prepared) is None:
                self._settle(digest)
        return self._fitting(prepared)

    def _settle(self, digest: str) -> None:
        """Waits for a bundle that is loading: from then on it serves, or was refused."""
        try:
            self._loaded[digest] = self._loading.pop(digest).result(self._timeout_s)
            self._metrics.bundles_loaded.set(len(self._loaded))
            structlog.get_logger().info("bundle_loaded", bundle=digest)
        except BundleError as error:
            self._metrics.bundles_refused.inc()
            structlog.get_logger().error(
                "bundle_refused", bundle=digest, why=str(error), next="the one before serves on"
            )
        except TooSlow:
            raise Broken(f"bundle {digest[:12]} was not loaded within {self._timeout_s:.0f} s") from None

    def _tell_proven(self) -> None:
        for assignment in self._table.unproven():
            if assignment.bundle in self._loaded and self._told.get(assignment.key) != assignment.bundle:
                self._prove(assignment)
                self._told[assignment.key] = assignment.bundle

    def _note_swap(self, prepared: PreparedFrame, chosen: Loaded) -> None:
        station = prepared.frame.station
        serving = self._table.lookup(station, prepared.frame.product)
        inspection = station, serving.active.product if serving else None
        before = self._serving.get(inspection)
        if before == chosen.digest:
            return
        self._serving[inspection] = chosen.digest
        self._metrics.bundle_swaps.labels(station).inc()
        place = prepared.place
        structlog.get_logger().info(
            "bundle_serves",
            station=station,
            product=inspection[1],
            bundle=chosen.digest,
            before=before,
            from_topic=place.topic,
            from_partition=place.partition,
            from_offset=place.offset,
        )
