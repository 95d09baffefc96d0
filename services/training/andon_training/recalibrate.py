"""A bundle at another false-call budget: the same model, another threshold, no fitting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from andon.bundle import Bundle, bundle_bytes, make_bundle, parse_bundle
from andon.calibration import MIN_FRAMES, Threshold, calibrate, threshold_for
from andon.errors import Invalid, Mistake
from andon.gate import run_gate
from andon.ids import sha256_hex
from andon.images.prepare import Prepared, prepare
from andon.inference import Model
from andon.manifest import BundleManifest, CalibrationSample, GoldenFrame
from andon_training.golden import GOLDEN_MARGIN
from andon_training.progress import Progress, silent
from andon_training.sample import UNREADABLE_SHARE
from andon_training.source import Source

FRESH_FOLDS = 1  # fresh frames were in no fit


@dataclass(frozen=True)
class FreshScores:
    """Scores of good frames that no fit has seen, in the order given; `left_out` names those without, and why."""

    sample: CalibrationSample
    left_out: tuple[str, ...]


def recalibrated(
    bundle: Bundle,
    budget: float,
    model: Model,
    *,
    fresh: CalibrationSample | None = None,
    created_at: datetime | None = None,
) -> Bundle:
    """`bundle` with the threshold that `budget` asks for, from its own held-out scores or from `fresh` ones.

    Golden frames get the verdicts of the new threshold; those too near it are left out, but one stays. Raises Mistake
    when the bundle holds no scores, when they are too few, or when it does not pass its gate here, on `model`.
    """
    sample, before = fresh or _own(bundle), bundle.manifest
    threshold = threshold_for(sample, before, budget) if fresh is None else _of_fresh(fresh, budget)
    provenance = before.provenance.model_copy(update={"recalibrated_from": bundle.digest})
    moved = before.model_copy(
        update={"threshold": threshold.value, "calibration": threshold.calibration, "provenance": provenance}
    )
    golden = _judged(moved)
    after = make_bundle(
        moved.model_copy(update={"golden": golden}),
        model=bundle.model,
        backbone=bundle.backbone,
        reference=bundle.reference,
        sample=sample,
        golden={frame.name: bundle.golden_image(frame) for frame in golden},
        created_at=created_at,
    )
    _prove(after, model)
    return after


def flipped(before: BundleManifest, after: BundleManifest) -> tuple[str, ...]:
    """The golden frames of both whose verdict has changed."""
    verdicts = {frame.name: frame.verdict for frame in before.golden}
    return tuple(frame.name for frame in after.golden if frame.verdict is not verdicts[frame.name])


def score_fresh(
    sources: Sequence[Source], manifest: BundleManifest, model: Model, progress: Progress = silent
) -> FreshScores:
    """What `model` says of images of good parts; a repeated image counts once.

    Raises Mistake when too many have no score, fewer than MIN_FRAMES are left, or one is known to have been fitted on.
    """
    left_out: list[str] = []
    scores: dict[str, float] = {}
    fitted = {frame.tensor_sha256 for frame in manifest.golden if not frame.synthetic}
    for done, (source, prepared) in enumerate(_prepared(sources, manifest, left_out)):
        digest, score = sha256_hex(prepared.tensor.tobytes()), _score(model, prepared)
        if digest in fitted:
            raise Mistake(f"{source.name}: the bundle was fitted on this frame; give good frames it has never seen")
        if score is None:
            left_out.append(f"{source.name}: the model gives no finite score")
        else:
            scores.setdefault(digest, score)
        progress("scoring", done + 1, len(sources))
    _check_fresh(len(sources), len(scores), left_out)
    return FreshScores(CalibrationSample.of(scores.values()), tuple(left_out))


def _prepared(
    sources: Sequence[Source], manifest: BundleManifest, left_out: list[str]
) -> Iterator[tuple[Source, Prepared]]:
    for source in sources:
        try:
            yield source, prepare(source.read_bytes(), manifest.preparation)
        except Invalid as error:
            left_out.append(f"{source.name}: {error}")
        except OSError as error:
            left_out.append(f"{source.name}: cannot be read: {error.strerror or error}")


def _score(model: Model, prepared: Prepared) -> float | None:
    outputs = model.run(prepared.tensor[np.newaxis])
    return None if outputs.problems[0] else float(outputs.score[0])


def _check_fresh(offered: int, scored: int, left_out: Sequence[str]) -> None:
    if len(left_out) > UNREADABLE_SHARE * offered:
        raise Mistake(
            f"{len(left_out)} of {offered} fresh good frames get no score (at most {UNREADABLE_SHARE:.0%} may): "
            f"{'; '.join(left_out[:3])}; remove them or fetch them again"
        )
    if scored < MIN_FRAMES:
        raise Mistake(f"{scored} different fresh good frames; calibration needs at least {MIN_FRAMES}: take more")


def _of_fresh(sample: CalibrationSample, budget: float) -> Threshold:
    return calibrate(sample.scores, budget, FRESH_FOLDS, "fresh")


def _own(bundle: Bundle) -> CalibrationSample:
    sample = bundle.calibration_sample
    if sample is None:
        raise Mistake(
            f"bundle {bundle.digest[:12]} is from before bundles kept the scores behind their threshold; "
            "give fresh good frames with --good, or fit it again"
        )
    return sample


def _judged(manifest: BundleManifest) -> tuple[GoldenFrame, ...]:
    """The golden frames that are no close call at the manifest's threshold, with its verdicts; at least one."""

    def distance(frame: GoldenFrame) -> float:
        return abs(frame.score - manifest.threshold)

    clear = [frame for frame in manifest.golden if distance(frame) > GOLDEN_MARGIN * abs(manifest.threshold)]
    kept = clear or [max(manifest.golden, key=distance)]
    return tuple(frame.model_copy(update={"verdict": manifest.verdict(frame.score)}) for frame in kept)


def _prove(bundle: Bundle, model: Model) -> None:
    result = run_gate(parse_bundle(bundle_bytes(bundle), digest=bundle.digest), model)
    if not result.passed:
        raise Mistake(
            f"the bundle does not give here what it gave when it was made: {result}; `andon verify` tells more; "
            "recalibrate it where it passes, or fit it again"
        )
