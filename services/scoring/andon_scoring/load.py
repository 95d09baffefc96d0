"""Loading a bundle: read it, open its model on the device that will serve, and let it prove itself."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from platform import machine
from typing import TypeVar
from weakref import WeakValueDictionary

import numpy as np
import onnxruntime

from andon.bundle import Bundle, BundleError
from andon.gate import run_gate
from andon.inference import Device, Model, Runtime, open_backbone, open_bundle, prove_device
from andon.inference.opening import Options
from andon.metrics import Metrics
from andon.store import BundleStore, default_cache
from andon.tracing.spans import Spans, no_span
from andon_scoring.observe import Timed, TimedBackbone
from andon_scoring.score import Loaded
from andon_scoring.settings import ScoringSettings

T = TypeVar("T")


class Loader:
    """Answers a `Loaded` for a digest. Raises BundleError when the bundle may not serve, Broken when we cannot.

    Bundles with the same backbone share one, for as long as any of them is loaded. Models are opened in a thread of
    their own, made here: their threads run at the priority of the one that opened them, and the loading one's is low.
    """

    def __init__(self, settings: ScoringSettings, metrics: Metrics, span: Spans = no_span) -> None:
        models = settings.models
        self._metrics = metrics
        self._span = span
        self._device = Device(models.device)
        self._allow_cpu = models.allow_cpu
        self._options: Options = {
            "runtime": Runtime(models.runtime),
            "allow_cpu": models.allow_cpu,
            "threads": models.threads or None,
            "gpu_mem_limit": models.gpu_mem_limit,
        }
        self._largest = models.max_batch
        self._most = models.max_batch if models.memory_budget else 0
        self._store = BundleStore.of(settings.store, models.cache or default_cache())
        self._backbones: WeakValueDictionary[str, TimedBackbone] = WeakValueDictionary()
        self._opener = ThreadPoolExecutor(1, "open")
        self._opener.submit(int).result()  # the thread begins now, at our priority

    def prove_device(self) -> None:
        """At start, before any bundle is known. Raises Broken when the device asked for cannot be had."""
        prove_device(self._device, self._options["runtime"], allow_cpu=self._allow_cpu)

    @property
    def runtime(self) -> str:
        """What runs models here, as a refusal tells it to those who run another."""
        return f"{self._options['runtime']} on {self._device}, onnxruntime {onnxruntime.__version__}, {machine()}"

    def __call__(self, digest: str) -> Loaded:
        """Reads, opens and proves it."""
        with self._metrics.bundle_load_seconds.time():
            loaded = self._loaded(self._store.get(digest))
        self._metrics.bundle_loads.inc()
        return loaded

    def close(self) -> None:
        """Waits for nothing."""
        self._opener.shutdown(wait=False, cancel_futures=True)

    def _loaded(self, bundle: Bundle) -> Loaded:
        backbone = self._backbone(bundle)
        before = resident_bytes()
        opened = backbone.backbone if backbone else None
        model = self._opened(lambda: open_bundle(bundle, self._device, backbone=opened, **self._options))
        result = run_gate(bundle, model)
        if not result.passed:
            raise BundleError(f"bundle {bundle.digest[:12]} fails the parity gate: {result}")
        self._warm(model)
        manifest = bundle.manifest
        return Loaded(
            digest=bundle.digest,
            model=Timed(model, self._metrics, self._largest, backbone, self._span),
            threshold=manifest.threshold,
            preparation=manifest.preparation.digest,
            map_threshold=manifest.map_threshold,
            runtime=model.runtime,
            size=max(len(bundle.model), resident_bytes() - before),
            backbone_size=backbone.size if backbone else 0,
        )

    def _backbone(self, bundle: Bundle) -> TimedBackbone | None:
        data, digest = bundle.backbone, bundle.backbone_digest
        if data is None or digest is None:
            return None
        known = self._backbones.get(digest)
        if known is not None:
            return known
        before = resident_bytes()
        opened = self._opened(lambda: open_backbone(data, self._device, **self._options))
        opened.run(np.zeros((max(1, self._most), *opened.shape), np.uint8))
        made = TimedBackbone(
            opened, max(len(data), resident_bytes() - before), self._metrics, self._largest, self._span
        )
        self._backbones[digest] = made
        return made

    def _opened(self, act: Callable[[], T]) -> T:
        return self._opener.submit(act).result()

    def _warm(self, model: Model) -> None:
        """The largest batch there may be, so that what is measured is the most that it takes."""
        if self._most:
            model.run(np.zeros((self._most, *model.shape), np.uint8))


def resident_bytes() -> int:
    """What this process takes of memory, as Linux counts it; 0 elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
