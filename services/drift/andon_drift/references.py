"""The limits of bundles, by digest: read from the store in a thread of their own, and kept.

Whoever asks never waits, but is told: a reference that is being read for the first time is worth waiting for, one that
cannot be read is not. That is logged once, and tried again after a minute.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from math import isfinite

import structlog

from andon.errors import AndonError
from andon.manifest import BundleManifest, DriftReference
from andon.records import Baseline
from andon_drift.detect import Missing
from andon_drift.limits import Limits, limits_of

RETRY_S = 60.0
PATIENCE_S = 10.0  # a store that takes longer than this to answer holds up nobody
MOST = 4096  # kept at once: 20 kB each
Read = Callable[[str], tuple[BundleManifest, DriftReference]]
"""`andon.store.BundleStore.reference`."""


class References:
    """Answers with limits, with LOADING, or with UNREADABLE."""

    def __init__(self, read: Read, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, "references")
        self._known: dict[str, Limits] = {}
        self._asked: dict[str, tuple[float, Future[Limits]]] = {}
        self._failed: dict[str, float] = {}  # when to try again

    def of(self, digest: str) -> Limits | Missing:
        """The limits of a bundle, without waiting."""
        known = self._known.get(digest)
        if known is not None:
            return known
        if digest not in self._asked:
            if self._failed.get(digest, 0.0) > self._clock():
                return Missing.UNREADABLE
            load = self._pool.submit(copy_context().run, self._load, digest)  # its log, too
            self._asked[digest] = self._clock(), load
            return self._awaited(digest)
        _, asked = self._asked[digest]
        if not asked.done():
            return self._awaited(digest)
        del self._asked[digest]
        self._take(digest, asked)
        return self._known.get(digest, Missing.UNREADABLE)

    def _awaited(self, digest: str) -> Missing:
        """Whether it is worth waiting for."""
        since, _ = self._asked[digest]
        slow = self._clock() - since > PATIENCE_S
        return Missing.UNREADABLE if slow or digest in self._failed else Missing.LOADING

    def carried(self, digest: str) -> tuple[Baseline, ...]:
        """The baselines in a bundle, without waiting; none until its reference is read."""
        known = self._known.get(digest)
        return known.baselines if known else ()

    def close(self) -> None:
        """Waits for nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _load(self, digest: str) -> Limits:
        limits = limits_of(*self._read(digest))
        shifts = any(axis is not None and isfinite(axis.allowed) for axis in (limits.right, limits.down))
        structlog.get_logger().info("reference_read", bundle=digest, tells_shifts=shifts)
        return limits

    def _take(self, digest: str, asked: Future[Limits]) -> None:
        try:
            limits = asked.result()
        except (AndonError, KeyError) as error:
            if digest not in self._failed:
                structlog.get_logger().warning("reference_unreadable", bundle=digest, error=str(error))
            self._failed[digest] = self._clock() + RETRY_S
            return
        self._failed.pop(digest, None)
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[digest] = limits
