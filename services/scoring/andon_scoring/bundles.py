"""The bundles in this process: loaded and proven in the background, chosen frame by frame between batches."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass

import structlog

from andon.assignments import Assignments
from andon.bundle import BundleError
from andon.errors import Broken
from andon.metrics import Metrics
from andon.records import PreparedFrame, Unscorable
from andon_scoring.score import Loaded

Load = Callable[[str], Loaded]
"""Reads, opens and proves a bundle. Raises BundleError when it may not serve, Broken when we cannot."""


@dataclass(frozen=True)
class Refused:
    """A bundle that may not serve, and why."""

    why: str


class Bundles:
    """`choose` answers from what is loaded. One thread loads, so that loading one never delays the frames of another;
    only frames that nothing else can score wait for theirs.
    """

    def __init__(
        self,
        table: Assignments,
        follow: Callable[[], object],
        load: Load,
        metrics: Metrics,
        load_timeout_s: float = 60.0,
    ) -> None:
        self._table = table
        self._follow = follow
        self._load = load
        self._metrics = metrics
        self._timeout_s = load_timeout_s
        self._loader = ThreadPoolExecutor(1, "bundles")
        self._states: dict[str, Loaded | Refused | Future[Loaded]] = {}
        self._serving: dict[str, str] = {}

    def refresh(self) -> None:
        """Between turns: look at the table, begin loading what it names, take in what is loaded, let go of the rest.

        Raises Broken when the device or the store failed while loading.
        """
        self._follow()
        wanted = self._table.bundles()
        for digest in wanted - self._states.keys():
            self._states[digest] = self._loader.submit(self._load, digest)
        for digest in self._states.keys() - wanted:
            self._drop(digest)
        for digest, state in list(self._states.items()):
            if isinstance(state, Future) and state.done():
                self._settle(digest, state)
        self._metrics.bundles_loaded.set(sum(isinstance(state, Loaded) for state in self._states.values()))

    def load_all(self) -> None:
        """At start: loads every bundle of the table before the first frame."""
        self.refresh()
        for digest, state in list(self._states.items()):
            if isinstance(state, Future):
                self._settle(digest, state)

    def choose(self, prepared: PreparedFrame) -> Loaded | Unscorable:
        """The active bundle when the frame was prepared for it; the one before it while the active one loads or
        was refused, or for frames prepared before the swap. Never a mixture.
        """
        chosen = self._fitting(self._digests(prepared), prepared) or self._awaited(prepared)
        if chosen is not None:
            self._note_swap(prepared, chosen)
            return chosen
        known = any(isinstance(self._states.get(digest), Loaded) for digest in self._digests(prepared))
        return Unscorable.WRONG_PREPARATION if known else Unscorable.NO_BUNDLE

    def close(self) -> None:
        """Waits for nothing."""
        self._loader.shutdown(wait=False, cancel_futures=True)

    def _digests(self, prepared: PreparedFrame) -> tuple[str, ...]:
        """The bundles that may score this frame, the active one first."""
        serving = self._table.lookup(prepared.frame.station, prepared.frame.product)
        if serving is None:
            return ()
        return (serving.active.bundle, *((serving.before.bundle,) if serving.before else ()))

    def _fitting(self, digests: tuple[str, ...], prepared: PreparedFrame) -> Loaded | None:
        for digest in digests:
            state = self._states.get(digest)
            if isinstance(state, Loaded) and state.preparation == prepared.preparation:
                return state
        return None

    def _awaited(self, prepared: PreparedFrame) -> Loaded | None:
        """Nothing loaded fits: look whether the table moved on, and wait for what is still loading."""
        self.refresh()
        digests = self._digests(prepared)
        for digest in digests:
            state = self._states.get(digest)
            if isinstance(state, Future):
                self._settle(digest, state)
        return self._fitting(digests, prepared)

    def _settle(self, digest: str, future: "Future[Loaded]") -> None:
        try:
            self._states[digest] = future.result(self._timeout_s)
            structlog.get_logger().info("bundle_loaded", bundle=digest)
        except BundleError as error:
            self._states[digest] = Refused(str(error))
            self._metrics.bundles_refused.inc()
            structlog.get_logger().error(
                "bundle_refused", bundle=digest, why=str(error), next="the one before serves on"
            )
        except TooSlow:
            raise Broken(f"bundle {digest[:12]} was not loaded within {self._timeout_s:.0f} s") from None

    def _drop(self, digest: str) -> None:
        state = self._states.pop(digest)
        if isinstance(state, Future):
            state.cancel()

    def _note_swap(self, prepared: PreparedFrame, chosen: Loaded) -> None:
        station = prepared.frame.station
        before = self._serving.get(station)
        if before == chosen.digest:
            return
        self._serving[station] = chosen.digest
        self._metrics.bundle_swaps.labels(station).inc()
        place = prepared.place
        structlog.get_logger().info(
            "bundle_serves",
            station=station,
            bundle=chosen.digest,
            before=before,
            from_topic=place.topic,
            from_partition=place.partition,
            from_offset=place.offset,
        )
