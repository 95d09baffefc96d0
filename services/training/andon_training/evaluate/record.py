"""An evaluation as one JSON object. What cannot be told is null, and `missing` says why."""

import dataclasses
from collections.abc import Iterator

from andon.manifest import Calibration
from andon.rates.intervals import CONFIDENCE, Rate
from andon_training.evaluate.froc import RATES
from andon_training.evaluate.metrics import KindFigures
from andon_training.evaluate.run import Evaluation
from andon_training.evaluate.speed import THREADS, Speed

Record = dict[str, object]
BOTH = ("image_auroc", "average_precision", "f1", "best_f1", "best_f1_threshold")
PIXELS = (
    "pixel_auroc",
    "aupro",
    "froc",
    "froc_area",
    "froc_false_blobs",
    "boxes_found_at_2",
    "found_at_threshold",
    "false_blobs_at_threshold",
)


def record(evaluation: Evaluation) -> Record:
    """All figures by name; intervals are [low, high] at `confidence`; rates are shares, times milliseconds a frame."""
    bundle = evaluation.bundle
    return {
        "digest": bundle.digest,
        "folder": str(evaluation.folder),
        "split": evaluation.split,
        "threshold": bundle.manifest.threshold,
        "confidence": CONFIDENCE,
        "frames": _counts(evaluation),
        **_image(evaluation),
        "calibration": against_calibration(bundle.manifest.calibration, evaluation.image.false_calls),
        "defects": {kind.kind: _kind(kind) for kind in evaluation.kinds},
        **_pixels(evaluation),
        **_speeds(evaluation),
        "bundle_mb": sum(map(len, bundle.members.values())) / 1e6,
        "missing": dict(missing(evaluation)),
        "skipped": list(evaluation.skipped),
        "warnings": list(evaluation.warnings),
    }


def missing(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Each figure that cannot be told, and why."""
    lacks = [word for word, found in (("good", evaluation.good), ("defective", evaluation.defective)) if not found]
    if lacks:
        yield from ((name, f"no {lacks[0]} frames") for name in BOTH)
    if "good" in lacks:
        yield "false_call_rate", "no good frames"
    if "defective" in lacks:
        yield "escape_rate", "no defective frames"
    if evaluation.pixels is None:
        why = "no defective frames" if "defective" in lacks else "no masks: the places of defects are not drawn"
        yield from ((name, why) for name in PIXELS)


def against_calibration(calibration: Calibration, achieved: Rate | None) -> Record:
    """The bundle's own promise of a false-call rate, and how the achieved one lies to it.

    `within`: the achieved rate lies in the promised interval. `compatible`: it may, as far as so few frames tell.
    """
    interval = calibration.interval
    return {
        "budget": calibration.budget,
        "interval": [interval.low, interval.high],
        "confidence": interval.confidence,
        "within": interval.low <= achieved.value <= interval.high if achieved else None,
        "compatible": achieved.overlaps(interval.low, interval.high) if achieved else None,
    }


def _counts(evaluation: Evaluation) -> Record:
    return {
        "good": len(evaluation.good),
        "defective": len(evaluation.defective),
        "with_mask": sum(each.mask is not None for each in evaluation.frames),
        "skipped": len(evaluation.skipped),
    }


def _image(evaluation: Evaluation) -> Record:
    image, separation = evaluation.image, evaluation.image.separation
    told = dataclasses.astuple(separation) if separation else (None,) * len(BOTH)
    rates = (("false_call", image.false_calls), ("escape", image.escapes))
    return dict(zip(BOTH, told, strict=True)) | {key: value for name, of in rates for key, value in _rate(name, of)}


def _rate(name: str, found: Rate | None) -> Iterator[tuple[str, object]]:
    yield f"{name}s", found.count if found else None
    yield f"{name}_rate", found.value if found else None
    yield f"{name}_interval", [found.low, found.high] if found else None


def _kind(kind: KindFigures) -> Record:
    figures: Record = {"frames": kind.escapes.of, "image_auroc": kind.auroc, "median_score": kind.median_score}
    return figures | dict(_rate("escape", kind.escapes))


def _pixels(evaluation: Evaluation) -> Record:
    pixels = evaluation.pixels
    if pixels is None:
        return {**dict.fromkeys(PIXELS), "regions": 0}
    points = {f"{at:g}": pixels.froc.at(at) for at in RATES}
    told: tuple[object, ...] = (
        pixels.auroc,
        pixels.aupro,
        {at: point.found for at, point in points.items()},
        {at: point.area for at, point in points.items()},
        {at: point.false_blobs for at, point in points.items()},
        points["2"].found,
        pixels.at_threshold.found,
        pixels.at_threshold.false_blobs,
    )
    return dict(zip(PIXELS, told, strict=True)) | {"regions": pixels.regions}


def _speeds(evaluation: Evaluation) -> Record:
    single, *batches = evaluation.speeds
    told: Record = {"provider": evaluation.provider, "threads": THREADS} | dict(_speed(single, ""))
    for speed in batches:
        told |= dict(_speed(speed, f"_batch_{speed.batch}"))
    return told


def _speed(speed: Speed, suffix: str) -> Iterator[tuple[str, object]]:
    yield f"ms_median{suffix}", round(speed.ms_median, 3)
    yield f"ms_p99{suffix}", round(speed.ms_p99, 3)
    yield f"cpu_ms{suffix}", round(speed.cpu_ms, 3)
