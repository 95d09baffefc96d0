"""The bundle to try: by file, by digest or by the beginning of one; and the threshold to try it at."""

from dataclasses import dataclass
from pathlib import Path

from andon.budget import parse_budget
from andon.bundle import Bundle, read_bundle
from andon.calibration import threshold_for
from andon.errors import Mistake
from andon.store import BundleStore


@dataclass(frozen=True)
class Candidate:
    """A bundle, the raw threshold it is judged by here, and the share of good frames that may lie above it.

    `tried` says how the threshold came about, where it is not the bundle's own.
    """

    bundle: Bundle
    threshold: float
    budget: float
    tried: str = ""

    @property
    def map_threshold(self) -> float:
        """The raw map value above which a place is anomalous; it moves with the threshold."""
        manifest = self.bundle.manifest
        if manifest.map_threshold is None:
            return self.threshold
        return manifest.map_threshold * (self.threshold / manifest.threshold if manifest.threshold else 1.0)


def find_bundle(name: str, store: BundleStore) -> Bundle:
    """The bundle of that file, digest or beginning of a digest.

    Raises Mistake when it is none of these or not unique, BundleError when it cannot be read, Broken.
    """
    path = Path(name)
    return read_bundle(path) if path.is_file() else store.get(store.find(name))


def candidate(bundle: Bundle, threshold: float | None, budget: str | None) -> Candidate:
    """`bundle` at its own threshold, at a raw one, or at what another false-call budget makes of its own good scores.

    Raises Mistake for both at once, or when the bundle holds no scores.
    """
    manifest = bundle.manifest
    if threshold is not None and budget is not None:
        raise Mistake(f"--threshold {threshold:g} and --budget {budget!r}: try one of them")
    if threshold is not None:
        own = manifest.calibration.budget
        return Candidate(bundle, threshold, own, f"threshold {threshold:g} instead of its own {manifest.threshold:.6g}")
    if budget is None:
        return Candidate(bundle, manifest.threshold, manifest.calibration.budget)
    share, sample = parse_budget(budget), bundle.calibration_sample
    if sample is None:
        raise Mistake(f"bundle {bundle.digest[:12]} keeps no scores to find a threshold with: try --threshold")
    found = threshold_for(sample, manifest, share).value
    return Candidate(bundle, found, share, f"threshold {found:.6g}, for a budget of {share:.3g} instead of its own")
