"""The bundle around a model whose memory has grown: its threshold as before, its golden frames scored again."""

from datetime import datetime

import numpy as np

from andon.bundle import Bundle, bundle_bytes, make_bundle, parse_bundle
from andon.calibration import as_upper_bound
from andon.errors import Broken, Mistake
from andon.gate import run_gate
from andon.images.prepare import prepare
from andon.inference import Model
from andon.manifest import BundleManifest, CalibrationSample, GoldenFrame, Remembered
from andon.records import Verdict
from andon_training.golden import GOLDEN_MARGIN


def made(bundle: Bundle, model: bytes, opened: Model, remembered: Remembered, created_at: datetime | None) -> Bundle:
    before = bundle.manifest
    manifest = before.model_copy(
        update={
            "calibration": as_upper_bound(before.calibration),
            "training": before.training.model_copy(update={"remembered": remembered}),
            "provenance": before.provenance.model_copy(update={"remembered_from": bundle.digest}),
            "golden": tuple(_judged(bundle, opened, frame) for frame in before.golden),
        }
    )
    after = make_bundle(
        manifest,
        model=model,
        backbone=bundle.backbone,
        reference=bundle.reference,
        sample=_sample(bundle),
        golden={frame.name: bundle.golden_image(frame) for frame in before.golden},
        created_at=created_at,
    )
    _prove(after, opened)
    return after


def _judged(bundle: Bundle, opened: Model, frame: GoldenFrame) -> GoldenFrame:
    """The golden frame with its new score. Raises Mistake where it no longer gets its verdict, by a clear margin."""
    manifest = bundle.manifest
    score = _score(manifest, opened, bundle.golden_image(frame))
    near = score <= manifest.threshold + GOLDEN_MARGIN * abs(manifest.threshold)
    if frame.verdict is Verdict.ANOMALOUS and near:
        raise Mistake(
            f"{frame.name}: the bundle must call this golden frame anomalous, and with these false calls in its memory "
            f"it would score {score:.4g} at a threshold of {manifest.threshold:.4g}. They look too much like a defect: "
            "remember fewer of them (--frame), or fit it again (andon fit --reviewed STATION)"
        )
    return frame.model_copy(update={"score": score})


def _score(manifest: BundleManifest, opened: Model, image: bytes) -> float:
    outputs = opened.run(prepare(image, manifest.preparation).tensor[np.newaxis])
    return float(outputs.score[0])


def is_called(bundle: Bundle, opened: Model, image: bytes) -> bool:
    """Whether `bundle`, `opened`, calls an encoded image anomalous. Raises Invalid where it cannot be prepared."""
    return _score(bundle.manifest, opened, image) > bundle.manifest.threshold


def _sample(bundle: Bundle) -> CalibrationSample:
    sample = bundle.calibration_sample
    if sample is None:
        raise Mistake(
            f"bundle {bundle.digest[:12]} is from before bundles kept the scores behind their threshold; fit it again"
        )
    return sample


def _prove(bundle: Bundle, opened: Model) -> None:
    result = run_gate(parse_bundle(bundle_bytes(bundle), digest=bundle.digest), opened)
    if not result.passed:
        raise Broken(f"the bundle with false calls in its memory does not pass its own gate: {result}")
