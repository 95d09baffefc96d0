"""Good frames in, bundle out, by way of an anomalib model: read, learn, export, calibrate, prove. Needs torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.bundle import Bundle
from andon.calibration import calibrate
from andon.errors import Mistake
from andon.inference import open_model
from andon.manifest import BackboneUsed, Training
from andon.preparation import Preparation
from andon_training.anomalib_models.build import Wanted, made, own_front, own_side
from andon_training.anomalib_models.data import GoodFrames
from andon_training.anomalib_models.fitting import Run, check_device, device_name, fit_model, insists_on, tunes
from andon_training.anomalib_models.frames import Frames, channels_of, parted, read_frames, sizes_told
from andon_training.anomalib_models.length import batch_of, length_of
from andon_training.anomalib_models.registry import ModelKind
from andon_training.anomalib_models.resume import Work
from andon_training.anomalib_models.trained import Trained
from andon_training.anomalib_models.weights import Supply, Weights, weights_digest
from andon_training.assemble import Inspection, assemble
from andon_training.export import Exported, ExportOptions, embedding_too, export, prove_export
from andon_training.options import Pixels
from andon_training.progress import Progress, silent
from andon_training.sample import BATCH
from andon_training.source import Source

STEPS = ("reading", "training", "exporting", "scoring", "proving")
FOLDS = 1  # the frames behind the threshold were in no fit
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class TrainSettings:
    """What the operator asks for. `budget` is a share of good frames. What is None, the model or the frames decide."""

    kind: ModelKind
    budget: float
    parameters: dict[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    steps: int | None = None
    batch: int | None = None
    size: int | None = None
    grey: bool | None = None
    product: str | None = None
    device: str = "auto"
    seed: int = 0
    weights: Weights = field(default_factory=Weights)
    outside: Path | None = None
    pixels: Pixels | None = None
    checkpoint_s: float = 60.0
    export: ExportOptions = field(default_factory=ExportOptions)

    def deciding(self) -> dict[str, Any]:
        """What decides what is learned, as JSON may hold it: only with the same does an interrupted training go on."""
        return {
            "model": self.kind.name,
            "parameters": {name: str(value) for name, value in self.parameters.items()},
            "epochs": self.epochs,
            "steps": self.steps,
            "batch": self.batch,
            "size": self.size,
            "grey": self.grey,
            "seed": self.seed,
            "weights": self.weights.words,
            "weights_sha256": weights_digest(self.weights),
            "outside": None if self.outside is None else str(self.outside.resolve()),
            "pixels": self.pixels,
        }


@dataclass(frozen=True)
class Finished:
    """The bundle, the trained model it was exported from, and the frames that were held out, uint8 [n, h, w, c]."""

    bundle: Bundle
    trained: Trained
    held_out: NDArray[np.uint8]


def train_bundle(
    sources: Sequence[Source],
    settings: TrainSettings,
    work: Work,
    *,
    andon_version: str,
    created_at: datetime | None = None,
    progress: Progress = silent,
    tell: Any = lambda _said: None,
) -> Finished:
    """The bundle of `settings.kind` trained on `sources`, images of good parts in the order of time.

    Raises Mistake for what the operator can mend, Broken when the finished bundle does not pass its own gate.
    """
    check_device(settings.device)
    preparation = _preparation(sources, settings)
    if told := sizes_told(sources, preparation):
        tell(told)
    wanted = _wanted(settings, preparation)
    with made(wanted) as (model, supply):
        frames = read_frames(sources, preparation, progress)
        work.same_frames(frames.digest)
        trained = _trained(model, frames, wanted, settings, work, progress)
    progress("exporting", 0, 1)
    exported = embedding_too(export(trained, settings.export), frames.pixels)
    progress("exporting", 1, 1)
    held_out = frames.pixels[frames.held_out]
    training = _training(trained, exported, frames, supply, wanted)
    made_of = _inspection(trained, exported, frames, training, settings.budget, progress)
    bundle = assemble(
        made_of,
        budget=settings.budget,
        product=settings.product,
        andon_version=andon_version,
        created_at=created_at,
        progress=progress,
    )
    return Finished(bundle, trained, held_out)


def _preparation(sources: Sequence[Source], settings: TrainSettings) -> Preparation:
    side = settings.size or own_side(settings.kind)
    try:
        return Preparation(width=side, height=side, channels=channels_of(sources, settings.grey))
    except ValueError as error:
        raise Mistake(f"--size {side}: {error}") from error


def _wanted(settings: TrainSettings, preparation: Preparation) -> Wanted:
    return Wanted(
        settings.kind,
        settings.parameters,
        preparation,
        settings.weights,
        settings.outside,
        settings.pixels,
        settings.seed,
    )


def _trained(
    model: Any, frames: Frames, wanted: Wanted, settings: TrainSettings, work: Work, progress: Progress
) -> Trained:
    front, name = own_front(wanted), wanted.kind.name
    batch = batch_of(name, settings.batch)
    good = GoodFrames(*parted(frames.pixels[~frames.held_out], tunes(model)), front, batch)
    length = length_of(name, insists_on(model), settings.epochs, settings.steps, len(good.train_dataloader()))
    run = Run(settings.device, settings.seed, work.folder, settings.checkpoint_s, progress)
    module = fit_model(model, good, length, run)
    said: dict[str, int | float | str] = {
        **_recorded(wanted),
        "seed": settings.seed,
        "batch": batch,
        "epochs": length.epochs,
        **({"steps": length.steps} if length.steps > 0 else {}),
        "device": device_name(settings.device),
    }
    return Trained(name, module, wanted.preparation, front, said)


def _recorded(wanted: Wanted) -> dict[str, int | float | str]:
    """Every parameter of the model, those that were left alone as well, and where its weights came from."""
    values = {name: wanted.parameters.get(name, each.default) for name, each in wanted.kind.parameters.items()}
    plain = {name: value if isinstance(value, int | float | str) else str(value) for name, value in values.items()}
    digest = weights_digest(wanted.weights)
    return {**plain, "weights": wanted.weights.words, **({"weights_sha256": digest} if digest else {})}


def _training(trained: Trained, exported: Exported, frames: Frames, supply: Supply, wanted: Wanted) -> Training:
    return Training(
        method=trained.name,
        extractor=_extractor(supply, trained),
        frames=int((~frames.held_out).sum()),
        frames_offered=frames.offered,
        unreadable=frames.unreadable,
        backbone=_backbone_used(supply, wanted),
        settings={**trained.settings, **exported.settings},
    )


def _extractor(supply: Supply, trained: Trained) -> str:
    return ", ".join(dict.fromkeys(supply.loaded)) or str(trained.settings.get("backbone", trained.name))


def _backbone_used(supply: Supply, wanted: Wanted) -> BackboneUsed | None:
    """What came from files, by their digest; weights from the hub cache are named in the settings alone."""
    digest = weights_digest(wanted.weights)
    if not supply.loaded or not digest:
        return None
    pixels = str(wanted.pixels or "as anomalib")
    return BackboneUsed(name=", ".join(supply.loaded), digest=digest, pixels=pixels)


def _inspection(
    trained: Trained, exported: Exported, frames: Frames, training: Training, budget: float, progress: Progress
) -> Inspection:
    """The model with the scores and maps of the held-out frames, its export proven at the threshold they ask for."""
    pixels = frames.pixels[frames.held_out]
    scores, peaks = _scored(exported, pixels, progress)
    threshold = calibrate(scores.tolist(), budget, FOLDS, "fresh").value
    held_out = [frame for frame, out in zip(frames.frames, frames.held_out, strict=True) if out]
    proof = prove_export(trained, exported, pixels, threshold, [frame.source.name for frame in held_out])
    on_one_scale = np.allclose(scores, peaks, rtol=1e-4)
    return Inspection(
        model=exported.model,
        backbone=exported.backbone,
        preparation=trained.preparation,
        frames=held_out,
        held_out=scores,
        training=training.model_copy(update={"export": proof}),
        folds=FOLDS,
        scores_from="fresh",
        map_threshold=None if on_one_scale else calibrate(peaks.tolist(), budget, FOLDS, "fresh").value,
    )


def _scored(exported: Exported, pixels: NDArray[np.uint8], progress: Progress) -> tuple[Singles, Singles]:
    """Raw score and highest map value, float32 [n] each, of frames uint8 [n, h, w, c], by the exported model."""
    model = open_model(exported.model, backbone=exported.backbone)
    scores, peaks = [], []
    for start in range(0, len(pixels), BATCH):
        outputs = model.run(pixels[start : start + BATCH])
        if any(outputs.problems):
            raise Mistake(
                "the trained model gives numbers that are not finite for good frames held out: it did not learn. "
                "Try other parameters, more frames, or --pixels for what its weights want"
            )
        scores.append(outputs.score)
        peaks.append(outputs.map.max(axis=(1, 2)))
        progress("scoring", min(start + BATCH, len(pixels)), len(pixels))
    return np.concatenate(scores), np.concatenate(peaks)
