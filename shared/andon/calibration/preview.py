"""What another false-call budget would make of a bundle's own scores: a threshold, before any bundle is made."""

from dataclasses import replace

from andon.calibration.threshold import Threshold, calibrate
from andon.errors import Mistake
from andon.manifest import BundleManifest, Calibration, CalibrationSample


def threshold_for(sample: CalibrationSample | None, manifest: BundleManifest, budget: float) -> Threshold:
    """The threshold that `budget`, a share of good frames, asks for, from the scores that the bundle keeps.

    `sample` is the bundle's `calibration_sample`. Raises Mistake when it is None (a bundle from before they were kept),
    or too few to calibrate with.
    """
    if sample is None:
        raise Mistake("it keeps no scores of good frames to find a threshold with: it is from before bundles did")
    before = manifest.calibration
    found = calibrate(sample.scores, budget, before.folds, before.source)
    return replace(found, calibration=as_upper_bound(found.calibration)) if before.upper_bound else found


def as_upper_bound(calibration: Calibration) -> Calibration:
    """The same of scores that are at least as high as the bundle's own: from nothing up to where the rate would lie."""
    interval = calibration.interval.model_copy(update={"low": 0.0})
    return calibration.model_copy(update={"interval": interval, "upper_bound": True})
