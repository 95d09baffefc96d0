"""Loading in the background: one thread, at lowered priority, so that loading one bundle never delays another's frames.

What frames wait for is loaded first. A load that takes too long while frames wait is `Broken` rather than a verdict
`unscorable`: a verdict is final, while a process that stops has committed nothing of these frames, and the next one
begins its load anew. A stuck load would hold up all that come after it, too.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from andon.errors import Broken
from andon_scoring.score import Loaded

Load = Callable[[str], Loaded]
"""Reads, opens and proves a bundle. Raises BundleError when it may not serve, Broken when we cannot."""

NICENESS = 5
"""Of the loading thread. Far more would make it hold Python's lock for long where the CPU is scarce."""


class Loading:
    """Loads what it is asked for, each once; `ready` hands out what is loaded, or the error that came instead."""

    def __init__(self, load: Load, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._timeout_s = timeout_s
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, "bundles", initializer=lower_priority)
        self._lock = threading.Lock()
        self._order: deque[str] = deque()
        self._asked: set[str] = set()
        self._under_way: tuple[str, float] | None = None
        self._done: SimpleQueue[tuple[str, Loaded | Exception]] = SimpleQueue()

    def __contains__(self, digest: str) -> bool:
        return digest in self._asked

    @property
    def asked(self) -> frozenset[str]:
        """What was asked for and not handed out yet."""
        return frozenset(self._asked)

    def begin(self, digest: str, *, first: bool = False) -> None:
        """Asks for a bundle; `first` before all others."""
        with self._lock:
            waiting = digest in self._order
            if waiting and first:
                self._order.remove(digest)
                self._order.appendleft(digest)
            if digest in self._asked:
                return
            self._asked.add(digest)
            (self._order.appendleft if first else self._order.append)(digest)
        self._pool.submit(self._work)

    def forget(self, digests: Iterable[str]) -> None:
        """These are not wanted any more."""
        with self._lock:
            for digest in set(digests) & self._asked:
                self._asked.discard(digest)
                if digest in self._order:
                    self._order.remove(digest)

    def ready(self, wait_s: float = 0.0) -> list[tuple[str, Loaded | Exception]]:
        """What is done; where nothing is, after at most `wait_s`."""
        found: list[tuple[str, Loaded | Exception]] = []
        try:
            while True:
                found.append(self._done.get(timeout=wait_s) if wait_s and not found else self._done.get_nowait())
        except Empty:
            return [(digest, made) for digest, made in found if self._hand_out(digest)]

    def check(self) -> None:
        """Frames wait: raises Broken when the load that is under way takes too long."""
        under_way = self._under_way
        if under_way is not None and self._clock() - under_way[1] > self._timeout_s:
            raise Broken(
                f"bundle {under_way[0][:12]} was not loaded within {self._timeout_s:.0f} s; frames wait for it"
            )

    def close(self) -> None:
        """Waits for nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        with self._lock:
            if not self._order:
                return
            digest = self._order.popleft()
        self._under_way = digest, self._clock()
        self._done.put((digest, self._made(digest)))
        self._under_way = None

    def _made(self, digest: str) -> Loaded | Exception:
        try:
            return self._load(digest)
        except Exception as error:  # noqa: BLE001  it is raised again by the thread that owns the stage
            return error

    def _hand_out(self, digest: str) -> bool:
        with self._lock:
            wanted = digest in self._asked
            self._asked.discard(digest)
        return wanted


def lower_priority() -> None:
    """Of this thread, where threads have their own: on Linux."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS))
