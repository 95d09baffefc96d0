"""How full and how busy the GPUs are, asked of NVIDIA's driver (NVML) by the package nvidia-ml-py, where it is there.

Nothing depends on it: without the package, the driver or a GPU there are no series, and what the driver will not say
of a GPU (how busy a slice of one is, under MIG) has none either. Each is told once, and stops nobody.
"""

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import structlog
from prometheus_client import Gauge

from andon.metrics import Metrics

EVERY_S = 5.0
Nvml = Any
"""The module `pynvml`, which has no types."""


def nvml(name: str = "pynvml") -> Nvml | None:
    """The driver's library, begun; None, with a line in the log, where there is none."""
    try:
        library: Nvml = import_module(name)
    except ImportError:
        _log("the package nvidia-ml-py is not here", "install andon-scoring[gpu] to see how full the GPUs are")
        return None
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        _log(str(error), "the driver answers nobody here; try nvidia-smi")
        return None
    return library


class GpuGauges:
    """Sets them every few seconds; what cannot be had any more is removed. Call it between turns."""

    __slots__ = ("_clock", "_due", "_gauges", "_library", "_told")

    def __init__(self, metrics: Metrics, library: Nvml, clock: Callable[[], float] = time.monotonic) -> None:
        self._library = library
        self._clock = clock
        self._due = clock()
        self._told: set[str] = set()
        self._gauges = metrics.gpu_memory, metrics.gpu_memory_used, metrics.gpu_utilization

    def __call__(self) -> None:
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        found = list(self._found())
        for gauge in self._gauges:
            gauge.clear()
        for gauge, gpu, value in found:
            gauge.labels(gpu).set(value)

    def _found(self) -> Iterator[tuple[Gauge, str, float]]:
        """Gauge, GPU (as NVML counts them) and value, of what can be had."""
        for index in range(self._asked("GPUs", "nvmlDeviceGetCount") or 0):
            gpu = self._asked(f"GPU {index}", "nvmlDeviceGetHandleByIndex", index)
            if gpu is not None:
                yield from ((gauge, str(index), value) for gauge, value in self._of(index, gpu))

    def _of(self, index: int, gpu: Any) -> Iterator[tuple[Gauge, float]]:
        memory, used, utilization = self._gauges
        bytes_ = self._asked(f"memory of GPU {index}", "nvmlDeviceGetMemoryInfo", gpu)
        if bytes_ is not None:
            yield memory, bytes_.total
            yield used, bytes_.used
        percent = self._asked(f"utilization of GPU {index}", "nvmlDeviceGetUtilizationRates", gpu)
        if percent is not None:
            yield utilization, percent.gpu / 100

    def _asked(self, what: str, call: str, *given: Any) -> Any:
        """The driver's answer; None, told once, where it gives none."""
        try:
            return getattr(self._library, call)(*given)
        except self._library.NVMLError as error:
            if what not in self._told:
                self._told.add(what)
                _log(f"{what}: {error}", "it has no series until the driver answers")
            return None


def _log(why: str, then: str) -> None:
    structlog.get_logger().info("gpu_not_watched", why=why, next=then)
