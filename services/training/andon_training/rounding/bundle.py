"""A bundle in fewer bits, with a threshold and golden frames of its own, where it sees as well."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from andon.bundle import Bundle, BundleError, bundle_bytes, make_bundle, parse_bundle
from andon.calibration import MIN_FRAMES, Threshold, calibrate, threshold_for
from andon.errors import Broken, Mistake
from andon.gate import run_gate
from andon.inference import Model, Runtime, open_model
from andon.inference.openvino import installed
from andon.manifest import BundleManifest, CalibrationSample, Tolerance
from andon_training.assemble import distribution
from andon_training.golden import golden_frames
from andon_training.precision import Precision
from andon_training.progress import Progress, silent
from andon_training.rounding.frames import Frames, TrialSet, drawn_trial, labelled_trial, read_good
from andon_training.rounding.tries import Exact, Graphs, Judged, Try, judged, tries
from andon_training.source import Source

LEAST_TOLERANCE = 5e-3  # another processor rounds a little otherwise
MOST_TOLERANCE = 0.05  # what a golden verdict is off the threshold at least
STEPS = ("reading", "rounding")
FRESH_FOLDS = 1  # fresh frames were in no fit


@dataclass(frozen=True)
class Rounded:
    """What came of it. `bundle` None: no way was good enough. `scores_from` says what the threshold follows from."""

    tries: tuple[Try, ...]
    real_defects: bool
    bundle: Bundle | None = None
    way: str = ""
    scores_from: str = ""


def rounded_bundle(
    bundle: Bundle,
    precision: Precision,
    good: Sequence[Source],
    labelled: Path | None = None,
    *,
    created_at: datetime | None = None,
    progress: Progress = silent,
) -> Rounded:
    """`bundle` in `precision`, in the way that moves scores least, unless it loses more than `precision.py` accepts.

    `good` frames calibrate the ranges and the threshold; `labelled`, a folder in MVTec AD layout, tells what it
    costs, else defects drawn into the good frames. Raises Mistake when the frames do not serve, or the bundle is not
    in float32.
    """
    manifest = bundle.manifest
    if manifest.training.precision != "float32":
        raise Mistake(f"bundle {bundle.digest[:12]} is in {manifest.training.precision} already; take its float32 one")
    frames = read_good(good, manifest.preparation, progress)
    trial = drawn_trial(frames) if labelled is None else labelled_trial(labelled, manifest.preparation, progress)
    exact = Exact.of(bundle, trial)
    found = _all_tries(exact, precision, frames, progress)
    usable = [(each, each.graphs) for each in found if each.found.used and each.graphs is not None]
    if not usable:
        return Rounded(found, trial.real)
    best, graphs = min(usable, key=lambda each: each[0].found.band or 0)
    made, scores_from = _made(bundle, exact, best, graphs, frames, created_at)
    return Rounded(found, trial.real, made, best.way, scores_from)


def _all_tries(exact: Exact, precision: Precision, frames: Frames, progress: Progress) -> tuple[Try, ...]:
    found: list[Try] = []
    progress("rounding", 0, 2)
    for each in tries(exact, precision, frames):
        found.append(each)
        progress("rounding", len(found), 2)
    return tuple(found)


def _made(
    bundle: Bundle, exact: Exact, best: Try, graphs: Graphs, frames: Frames, created_at: datetime | None
) -> tuple[Bundle, str]:
    model = graphs.open()
    before, after = judged(exact.graphs.open(), frames), judged(model, frames)
    if before is None or after is None:
        raise Broken(f"{best.way}: a score is finite once and not the next time")
    sample, threshold, scores_from = _threshold(bundle, frames, before, after)
    images = {golden.name: bundle.golden_image(golden) for golden in bundle.manifest.golden}
    golden = golden_frames(images, model, bundle.manifest.preparation, threshold.value)
    tolerance = _tolerance(graphs, model, exact.trial, threshold.value)
    manifest = _manifest(bundle, best, threshold, _ratio(before.peaks, after.peaks))
    made = make_bundle(
        manifest.model_copy(update={"golden": golden, "tolerance": tolerance}),
        model=graphs.model,
        backbone=graphs.backbone,
        reference=bundle.reference.model_copy(update={"score": distribution(np.array(sample.scores))}),
        sample=sample,
        golden={each.name: images[each.name] for each in golden},
        created_at=created_at,
    )
    _prove(made, model)
    return made, scores_from


def _threshold(
    bundle: Bundle, frames: Frames, before: Judged, after: Judged
) -> tuple[CalibrationSample, Threshold, str]:
    """From the frames, where they are fresh and as many as there were; else from the bundle's own scores, moved."""
    calibration, own = bundle.manifest.calibration, bundle.calibration_sample
    fitted = {golden.tensor_sha256 for golden in bundle.manifest.golden if not golden.synthetic}
    fresh = not fitted.intersection(frames.digests) and len(frames.names) >= MIN_FRAMES
    if fresh and (own is None or len(frames.names) >= len(own.scores)):
        sample = CalibrationSample.of(after.scores.tolist())
        told = f"{len(frames.names)} good frames the bundle had not seen"
        return sample, calibrate(sample.scores, calibration.budget, FRESH_FOLDS, "fresh"), told
    if own is None:
        raise Mistake(
            f"bundle {bundle.digest[:12]} keeps no scores behind its threshold; give good frames it has never seen"
        )
    ratio = _ratio(before.scores, after.scores)
    sample = CalibrationSample.of(score * ratio for score in own.scores)
    told = f"the bundle's own {len(own.scores)} {calibration.source} scores, times {ratio:.4f}"
    return sample, threshold_for(sample, bundle.manifest, calibration.budget), told


def _ratio(before: np.ndarray, after: np.ndarray) -> float:
    """What rounding multiplies by, in the middle of the good frames."""
    middle = float(np.median(before))
    return float(np.median(after)) / middle if middle > 0 else 1.0


def _manifest(bundle: Bundle, best: Try, threshold: Threshold, map_ratio: float) -> BundleManifest:
    before = bundle.manifest
    update = {"quantised_from": bundle.digest, "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    return before.model_copy(
        update={
            "threshold": threshold.value,
            "map_threshold": None if before.map_threshold is None else before.map_threshold * map_ratio,
            "calibration": threshold.calibration,
            "training": before.training.model_copy(
                update={"precision": best.found.precision, "quantisation": best.found}
            ),
            "provenance": before.provenance.model_copy(update=update),
        }
    )


def _tolerance(graphs: Graphs, model: Model, trial: TrialSet, threshold: float) -> Tolerance:
    """Twice what the other runtime at hand differs by on the trial's frames, within bounds: few bits are rounded
    otherwise by every processor.
    """
    worst = 0.0
    if installed():
        worst = _difference(graphs, model, trial, threshold)
    return Tolerance(relative=round(min(MOST_TOLERANCE, max(LEAST_TOLERANCE, 2 * worst)), 4))


def _difference(graphs: Graphs, model: Model, trial: TrialSet, threshold: float) -> float:
    try:
        there = judged(open_model(graphs.model, backbone=graphs.backbone, runtime=Runtime.OPENVINO), trial.good)
    except (BundleError, Broken):
        return 0.0  # it does not serve there; its gate will say so
    here = judged(model, trial.good)
    if here is None or there is None:
        return 0.0
    scale = np.maximum(np.abs(here.scores), abs(threshold))
    return float((np.abs(here.scores - there.scores) / scale).max())


def _prove(bundle: Bundle, model: Model) -> None:
    result = run_gate(parse_bundle(bundle_bytes(bundle), digest=bundle.digest), model)
    if not result.passed:
        raise Broken(f"the rounded bundle does not pass its own gate: {result}")
