"""From what was learned to a proven bundle: threshold, golden frames, drift reference, manifest, gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from andon.bundle import Bundle, bundle_bytes, make_bundle, parse_bundle
from andon.calibration import ScoresFrom, Threshold, calibrate
from andon.errors import Broken
from andon.framing import Template, mean_profiles, read_framing
from andon.gate import run_gate
from andon.health import ImageHealth
from andon.inference import Model, open_model
from andon.manifest import (
    BundleManifest,
    CalibrationSample,
    Distribution,
    DriftReference,
    FramingReference,
    Provenance,
    Tolerance,
    Training,
)
from andon.preparation import Preparation
from andon_training.golden import golden_frames, golden_images
from andon_training.method import FOLDS
from andon_training.progress import Progress, silent
from andon_training.sample import GoodFrame

QUANTILES = 200

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Inspection:
    """A finished model and the good frames behind its threshold.

    `held_out` are their scores, float32 [n], in the same order, by a model that had not seen them.
    """

    model: bytes
    preparation: Preparation
    frames: Sequence[GoodFrame]
    held_out: Singles
    training: Training
    folds: int = FOLDS
    scores_from: ScoresFrom = "held-out"
    backbone: bytes | None = None  # what `model` goes on from, where it is a head
    map_threshold: float | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)


def assemble(
    made: Inspection,
    *,
    budget: float,
    product: str | None,
    andon_version: str,
    created_at: datetime | None = None,
    progress: Progress = silent,
) -> Bundle:
    """The bundle of `made` at a false-call budget, a share of good frames. Raises Broken when it fails its own gate."""
    progress("proving", 0, 1)
    sample = CalibrationSample.of(made.held_out.tolist())
    threshold = calibrate(sample.scores, budget, made.folds, made.scores_from)
    model = open_model(made.model, backbone=made.backbone)
    images = golden_images(made.frames, made.held_out)
    golden = golden_frames(images, model, made.preparation, threshold.value)
    manifest = BundleManifest(
        product=product,
        preparation=made.preparation,
        threshold=threshold.value,
        map_threshold=made.map_threshold,
        calibration=threshold.calibration,
        training=made.training,
        provenance=_provenance(andon_version),
        golden=golden,
        tolerance=made.tolerance,
    )
    bundle = make_bundle(
        manifest,
        model=made.model,
        backbone=made.backbone,
        reference=drift_reference(made.frames, made.held_out),
        sample=sample,
        golden={frame.name: images[frame.name] for frame in golden},
        created_at=created_at,
    )
    _prove(bundle, model, threshold)
    progress("proving", 1, 1)
    return bundle


def distribution(values: NDArray[np.float64] | Singles) -> Distribution:
    """How `values`, [n], lie: 200 quantiles, mean, sample deviation."""
    grid = np.quantile(values.astype(np.float64), np.linspace(0, 1, QUANTILES))
    return Distribution(
        quantiles=tuple(float(q) for q in grid),
        mean=float(values.mean(dtype=np.float64)),
        sd=float(values.std(ddof=1, dtype=np.float64)),
        n=len(values),
    )


def _provenance(andon_version: str) -> Provenance:
    return Provenance(
        andon=andon_version, onnx=onnx.__version__, onnxruntime=onnxruntime.__version__, opencv=cv2.__version__
    )


def drift_reference(frames: Sequence[GoodFrame], held_out: Singles) -> DriftReference:
    """How good frames looked, where things stood in them, and how they scored, float32 [n]."""
    rows = np.array([list(frame.health.model_dump().values()) for frame in frames])
    health = {name: distribution(rows[:, i]) for i, name in enumerate(ImageHealth.model_fields)}
    return DriftReference(health=health, score=distribution(held_out), framing=_framing(frames))


def _framing(frames: Sequence[GoodFrame]) -> FramingReference | None:
    """None where not every frame has its framing."""
    framings = [frame.framing for frame in frames if frame.framing is not None]
    if len(framings) < len(frames):
        return None
    columns, rows = mean_profiles(framings)
    across, along = Template(columns), Template(rows)
    profiles = [read_framing(text) for text in framings]
    right = np.array([across.find(each[0])[0] for each in profiles])
    down = np.array([along.find(each[1])[0] for each in profiles])
    return FramingReference(
        columns=tuple(columns.tolist()),
        rows=tuple(rows.tolist()),
        right=distribution(right),
        down=distribution(down),
    )


def _prove(bundle: Bundle, model: Model, threshold: Threshold) -> None:
    """The finished file, read back, must pass its own gate before anyone sees it."""
    result = run_gate(parse_bundle(bundle_bytes(bundle), digest=bundle.digest), model)
    if not result.passed:
        raise Broken(f"the fitted bundle does not pass its own gate at threshold {threshold.value:.6g}: {result}")
