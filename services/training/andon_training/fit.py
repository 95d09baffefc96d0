"""Good frames in, bundle out: extract, learn, hold out, calibrate, prove. No clock; no disk but the frames given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from andon.bundle import Bundle, bundle_bytes, make_bundle, parse_bundle
from andon.errors import Broken, Mistake
from andon.gate import run_gate
from andon.health import ImageHealth
from andon.inference import Model, open_model
from andon.manifest import BundleManifest, Distribution, DriftReference, Provenance, Tolerance, Training
from andon.preparation import Preparation
from andon_training import features, gaussian
from andon_training.calibrate import Threshold, calibrate
from andon_training.golden import golden_frames, golden_images
from andon_training.head import inspection_model
from andon_training.sample import Progress, Sample, Singles, Source, looks_grey, read_sample, silent

FOLDS = 5
QUANTILES = 200


@dataclass(frozen=True)
class FitSettings:
    """What the operator asks for. `grey` None lets the frames decide. `budget` is a share of good frames."""

    budget: float
    size: int = 256
    grey: bool | None = None
    product: str | None = None


def fit_bundle(
    sources: Sequence[Source],
    settings: FitSettings,
    *,
    andon_version: str,
    created_at: datetime | None = None,
    progress: Progress = silent,
) -> Bundle:
    """The bundle that `sources`, images of good parts, ask for. The same images in the same order give the same digest.

    Raises Mistake when there are too few frames, too many unreadable ones, or all are alike; Broken when the finished
    bundle does not pass its own gate.
    """
    preparation = _preparation(sources, settings)
    sample = read_sample(sources, preparation, progress)
    progress("learning", 0, FOLDS)
    normal, held_out = cross_fit(sample.features, progress)
    threshold = calibrate(held_out.tolist(), settings.budget, FOLDS)
    data = inspection_model(preparation.shape, normal)
    progress("proving", 0, 1)
    model = open_model(data)
    tolerance = Tolerance()
    images = golden_images(sample, held_out)
    golden = golden_frames(images, model, preparation, threshold.value)
    manifest = BundleManifest(
        product=settings.product,
        preparation=preparation,
        threshold=threshold.value,
        calibration=threshold.calibration,
        training=_training(sample),
        provenance=_provenance(andon_version),
        golden=golden,
        tolerance=tolerance,
    )
    kept = {frame.name: images[frame.name] for frame in golden}
    reference = _reference(sample, held_out)
    bundle = make_bundle(manifest, model=data, reference=reference, golden=kept, created_at=created_at)
    _prove(bundle, model, threshold)
    progress("proving", 1, 1)
    return bundle


def cross_fit(sample: Singles, progress: Progress = silent) -> tuple[gaussian.Gaussian, Singles]:
    """The Gaussian of all frames, and each frame's score under the Gaussian of the folds it is not in, float32 [n].

    Folds are blocks of consecutive frames, because neighbours in time look alike: on solar, whose modules differ, a
    2 % budget made 5.8 % of false calls on modules not seen with interleaved folds, 3.3 % with blocks.
    """
    fold = np.arange(len(sample)) * FOLDS // len(sample)
    parts = [gaussian.moments(sample[fold == k]) for k in range(FOLDS)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    held_out = np.empty(len(sample), np.float32)
    for k, part in enumerate(parts):
        held_out[fold == k] = gaussian.scores(gaussian.gaussian(whole - part), sample[fold == k])
        progress("learning", k + 1, FOLDS)
    return gaussian.gaussian(whole), held_out


def _preparation(sources: Sequence[Source], settings: FitSettings) -> Preparation:
    if settings.size % features.CELL or not 64 <= settings.size <= 1024:
        raise Mistake(f"size {settings.size}: a multiple of {features.CELL} from 64 to 1024; 256 is a good start")
    grey = looks_grey(sources) if settings.grey is None else settings.grey
    return Preparation(width=settings.size, height=settings.size, channels=1 if grey else 3)


def _training(sample: Sample) -> Training:
    return Training(
        method="gaussian-per-position",
        extractor=features.NAME,
        frames=len(sample.frames),
        frames_offered=sample.offered,
        unreadable=sample.unreadable,
        settings={
            "depth": int(sample.features.shape[-1]),
            "rows": int(sample.features.shape[1]),
            "columns": int(sample.features.shape[2]),
            "shrink": gaussian.SHRINK,
            "reach_cells": gaussian.REACH,
            "blur_sigma_cells": gaussian.BLUR_SIGMA,
        },
    )


def _provenance(andon_version: str) -> Provenance:
    return Provenance(
        andon=andon_version, onnx=onnx.__version__, onnxruntime=onnxruntime.__version__, opencv=cv2.__version__
    )


def _reference(sample: Sample, held_out: Singles) -> DriftReference:
    rows = np.array([list(frame.health.model_dump().values()) for frame in sample.frames])
    health = {name: distribution(rows[:, i]) for i, name in enumerate(ImageHealth.model_fields)}
    return DriftReference(health=health, score=distribution(held_out))


def distribution(values: NDArray[np.float64] | Singles) -> Distribution:
    """How `values`, [n], lie: 200 quantiles, mean, sample deviation."""
    grid = np.quantile(values.astype(np.float64), np.linspace(0, 1, QUANTILES))
    return Distribution(
        quantiles=tuple(float(q) for q in grid),
        mean=float(values.mean(dtype=np.float64)),
        sd=float(values.std(ddof=1, dtype=np.float64)),
        n=len(values),
    )


def _prove(bundle: Bundle, model: Model, threshold: Threshold) -> None:
    """The finished file, read back, must pass its own gate before anyone sees it."""
    result = run_gate(parse_bundle(bundle_bytes(bundle), digest=bundle.digest), model)
    if not result.passed:
        raise Broken(f"the fitted bundle does not pass its own gate at threshold {threshold.value:.6g}: {result}")
