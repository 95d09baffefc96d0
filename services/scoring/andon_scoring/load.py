"""Loading a bundle: read it, open its model on the device that will serve, and let it prove itself."""

from andon.bundle import BundleError
from andon.gate import run_gate
from andon.inference import Device, open_bundle, prove_device
from andon.metrics import Metrics
from andon.store import BundleStore, default_cache
from andon_scoring.observe import Timed
from andon_scoring.score import Loaded
from andon_scoring.settings import ScoringSettings


class Loader:
    """Answers a `Loaded` for a digest. Raises BundleError when the bundle may not serve, Broken when we cannot."""

    def __init__(self, settings: ScoringSettings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._models = settings.models
        self._store = BundleStore(settings.store.bundles, settings.models.cache or default_cache())

    def prove_device(self) -> None:
        """At start, before any bundle is known. Raises Broken when the device asked for cannot be had."""
        prove_device(Device(self._models.device), allow_cpu=self._models.allow_cpu)

    def __call__(self, digest: str) -> Loaded:
        """Reads, opens and proves it."""
        bundle = self._store.get(digest)
        model = open_bundle(
            bundle,
            Device(self._models.device),
            allow_cpu=self._models.allow_cpu,
            threads=self._models.threads or None,
            gpu_mem_limit=self._models.gpu_mem_limit,
        )
        result = run_gate(bundle, model)
        if not result.passed:
            raise BundleError(f"bundle {digest[:12]} fails the parity gate: {result}")
        manifest = bundle.manifest
        return Loaded(digest, Timed(model, self._metrics), manifest.threshold, manifest.preparation.digest)
