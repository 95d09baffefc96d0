"""What a frame costs: preparation and score together, the file already read."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

THREADS = 1  # a figure that compares from machine to machine, and what a frame costs a shared one


@dataclass(frozen=True)
class Speed:
    """Milliseconds a frame over `frames` frames in batches of `batch`: wall clock, and of one processor."""

    batch: int
    frames: int
    ms_median: float
    ms_p99: float
    cpu_ms: float


class Stopwatch:
    """Times batches on the calling thread, which does all the work as long as the model has THREADS threads."""

    __slots__ = ("_batch", "_cpu_ms", "_ms")

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._ms: list[float] = []
        self._cpu_ms: list[float] = []

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Counts what runs within as one batch; nothing where it raises."""
        began, cpu_began = time.perf_counter_ns(), time.thread_time_ns()
        yield
        self._cpu_ms.append((time.thread_time_ns() - cpu_began) / 1e6 / self._batch)
        self._ms.append((time.perf_counter_ns() - began) / 1e6 / self._batch)

    def speed(self) -> Speed | None:
        """The figures; None when nothing was timed."""
        if not self._ms:
            return None
        frames, median, p99 = len(self._ms) * self._batch, np.median(self._ms), np.quantile(self._ms, 0.99)
        return Speed(self._batch, frames, float(median), float(p99), float(np.median(self._cpu_ms)))
