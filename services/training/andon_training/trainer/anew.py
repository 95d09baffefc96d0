"""A bundle made anew from a station's newest frames: what a drift asks for that is there to stay.

It is fitted as a new station's first one is, or trained where the settings say so, for the budget of the bundle before,
and held against every frame that people have judged: one that loses a known defect is not made.
"""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from andon.budget import budget_words
from andon.bundle import Bundle
from andon.manifest import BundleManifest
from andon.records import Request, Rescored
from andon_training.progress import Progress
from andon_training.source import Source
from andon_training.trainer.settings import TrainerSettings

if TYPE_CHECKING:
    from andon_training.anomalib_models.training import TrainSettings


def made_anew(
    request: Request, before: Bundle, settings: TrainerSettings, progress: Progress
) -> tuple[Bundle, Rescored, str]:
    """The bundle, what changes on the judged frames, and what is said of it.

    Raises Mistake where there are too few frames or they do not make a bundle, Broken when Kafka or a store fails.
    """
    with TemporaryDirectory(prefix="andon-trainer-", ignore_cleanup_errors=True) as spool:
        frames = newest(request, settings, Path(spool), progress)
        after = learned(frames, before.manifest, settings, Path(spool), progress)
    scored = _rescored(request, before, after, settings, progress)
    return after, scored, learned_words(before.manifest, after.manifest)


def newest(request: Request, settings: TrainerSettings, spool: Path, progress: Progress) -> list[Source]:
    """The newest frames of the station and product, without those that the line called anomalous."""
    from andon.store import BlobStore
    from andon_training.from_kafka import collect

    most, blobs = 2 * settings.onboarding.frames, BlobStore(settings.store.frames)
    return collect(
        settings.kafka,
        blobs,
        request.station,
        product=request.product,
        most=most,
        wait_s=0,
        spool=spool,
        progress=progress,
    )


def learned(
    frames: list[Source], before: BundleManifest, settings: TrainerSettings, folder: Path, progress: Progress
) -> Bundle:
    """A bundle for what the one before was for, fitted or trained as the settings say."""
    if settings.jobs.method == "fit":
        return fitted(frames, before, settings, progress)
    return trained(frames, before, settings, folder, progress)


def trained(
    frames: list[Source], before: BundleManifest, settings: TrainerSettings, folder: Path, progress: Progress
) -> Bundle:
    """By the anomalib model that the one before was made by, or else the one that the settings name.

    Raises Mistake where anomalib is not installed, or its weights cannot be had.
    """
    from andon.run import andon_version
    from andon_training.commands.train import check_installed

    check_installed()
    from andon_training.anomalib_models.quiet import quietly
    from andon_training.anomalib_models.resume import Work
    from andon_training.anomalib_models.training import train_bundle

    with quietly():
        asked = train_settings(before, settings)
        work = Work(folder / "training", asked.deciding())
        work.begin()
        version, now = andon_version(), datetime.now(UTC)
        return train_bundle(frames, asked, work, andon_version=version, created_at=now, progress=progress).bundle


def train_settings(before: BundleManifest, settings: TrainerSettings) -> "TrainSettings":
    """What such a training is asked for. Raises Mistake for a model that anomalib does not have."""
    from andon_training.anomalib_models.registry import model_kind, model_kinds
    from andon_training.anomalib_models.training import TrainSettings
    from andon_training.anomalib_models.weights import Weights

    method, jobs = before.training.method, settings.jobs
    kind = model_kind(method if method in model_kinds() else jobs.model)
    weights = Weights.asked([str(jobs.weights)] if jobs.weights else (), download=False)
    size, budget = settings.onboarding.size, before.calibration.budget
    return TrainSettings(kind=kind, budget=budget, size=size, product=before.product, weights=weights)


def fitted(frames: list[Source], before: BundleManifest, settings: TrainerSettings, progress: Progress) -> Bundle:
    """A bundle for what the one before was for."""
    from andon.run import andon_version
    from andon_training.choose import Fixed
    from andon_training.fit import FitSettings, fit_bundle

    asked = settings.onboarding
    fit = FitSettings(
        budget=before.calibration.budget, product=before.product, fixed=Fixed(size=asked.size), int8=asked.int8
    )
    return fit_bundle(frames, fit, andon_version=andon_version(), created_at=datetime.now(UTC), progress=progress)


def learned_words(before: BundleManifest, after: BundleManifest) -> str:
    """What it was made of, and what to do before it may serve."""
    training, method = after.training, before.training.method
    other = f"; the one before was made by {method}" if method != training.method else ""
    return (
        f"It learned what is good from {training.frames} of the newest {training.frames_offered} frames "
        f"({training.method}{other}), for {budget_words(after.calibration.budget)}. It takes what drifted for good: "
        "look at those frames before it serves."
    )


def _rescored(
    request: Request, before: Bundle, after: Bundle, settings: TrainerSettings, progress: Progress
) -> Rescored:
    from andon.folder import Folder
    from andon.reviewed import read_reviewed
    from andon_training.memory.judged import of_product
    from andon_training.memory.report import Judge, rescored

    judged = list(read_reviewed(Folder(settings.evidence.url), request.station))
    frames = of_product(judged, request.product or before.manifest.product)
    return rescored(frames, Judge.of(before).calls, Judge.of(after).calls, progress)
