"""The figures of a bundle that tables and --json show."""

from typing import Any

from andon.budget import budget_words
from andon.bundle import BACKBONE, Card
from andon.commands.bundles.use import Use
from andon.manifest import BundleManifest, Training
from andon.store import Stored


def auroc(training: Training) -> float | None:
    """How well it told good trial frames from the same with defects; None where nobody measured it."""
    if training.quantisation and training.quantisation.used and training.quantisation.auroc_after is not None:
        return training.quantisation.auroc_after
    chosen = (each.auroc for each in training.candidates if each.chosen)
    given = next(chosen, training.candidates[0].auroc if len(training.candidates) == 1 else None)
    if given is None and training.quantisation:
        return training.quantisation.auroc_float32
    return given


def method(training: Training) -> str:
    """How it was made, in a few words."""
    precision = "" if training.precision == "float32" else f", {training.precision}"
    return f"{training.method} ({training.extractor}{precision})"


def false_calls(manifest: BundleManifest) -> str:
    """The share of good frames it called anomalous, and between which the true one lies."""
    calibration = manifest.calibration
    between = calibration.interval
    return f"{calibration.false_call_rate:.2%} ({between.low:.2%} to {between.high:.2%})"


def record(stored: Stored | None, card: Card, use: Use) -> dict[str, Any]:
    """One bundle as --json tells it."""
    manifest, training, calibration = card.manifest, card.manifest.training, card.manifest.calibration
    return {
        "digest": card.digest,
        "product": manifest.product,
        "method": training.method,
        "extractor": training.extractor,
        "precision": training.precision,
        "auroc": auroc(training),
        "budget": calibration.budget,
        "budget_words": budget_words(calibration.budget),
        "false_call_rate": calibration.false_call_rate,
        "false_call_interval": [calibration.interval.low, calibration.interval.high],
        "threshold": manifest.threshold,
        "frames": training.frames,
        "backbone": next((member.sha256 for member in manifest.members if member.name == BACKBONE), None),
        "size": stored.size if stored else None,
        "made": card.created_at.isoformat() if card.created_at else None,
        "put": stored.at.isoformat() if stored and stored.at else None,
        "active": list(use.active),
        "shadow": list(use.shadow),
        "past": list(use.past),
    }
