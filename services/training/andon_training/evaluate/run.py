"""A bundle and labelled frames in, an evaluation out. No clock but the stopwatch; no disk but the frames given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.bundle import Bundle
from andon.errors import Mistake
from andon.gate import run_gate
from andon.inference import Device, Model, Runtime, open_bundle
from andon_training.evaluate import froc as free_response
from andon_training.evaluate.froc import Froc, Point
from andon_training.evaluate.labelled import DEFAULT_SPLIT, LabelledFolder, labelled_frames
from andon_training.evaluate.metrics import ImageFigures, KindFigures, image_figures, kind_figures
from andon_training.evaluate.pixels import PixelTally, bins_between, upsampled
from andon_training.evaluate.score import Scored, batch_speed, score_frames
from andon_training.evaluate.speed import THREADS, Speed
from andon_training.progress import Progress, silent

STEPS = ("scoring", "timing", "pixels", "regions")


@dataclass(frozen=True)
class PixelFigures:
    """Where defects are drawn. `frames` were looked at: the good ones, and those with a mask. `at_threshold` is what
    the map shows above the bundle's own threshold.
    """

    frames: int
    regions: int
    auroc: float | None
    aupro: float | None
    froc: Froc
    at_threshold: Point


@dataclass(frozen=True)
class Evaluation:
    """Everything found out. `pixels` None: no defect is drawn anywhere. `speeds`: batch 1, and larger ones."""

    bundle: Bundle
    folder: Path
    split: str
    frames: tuple[Scored, ...]
    image: ImageFigures
    kinds: tuple[KindFigures, ...]
    pixels: PixelFigures | None
    speeds: tuple[Speed, ...]
    provider: str
    skipped: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def good(self) -> tuple[Scored, ...]:
        """The good frames."""
        return tuple(each for each in self.frames if each.frame.good)

    @property
    def defective(self) -> tuple[Scored, ...]:
        """The defective frames."""
        return tuple(each for each in self.frames if not each.frame.good)

    def anomalous(self, each: Scored) -> bool:
        """Whether the bundle calls the frame anomalous."""
        return each.score > self.bundle.manifest.threshold


def evaluate_bundle(
    bundle: Bundle,
    folder: Path,
    split: str = DEFAULT_SPLIT,
    *,
    device: Device = Device.CPU,
    runtime: Runtime = Runtime.ONNXRUNTIME,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluates `bundle` on the labelled frames of `folder`, keeping every raw map in memory (32x32: 4 kB a frame).

    Raises Mistake when there is nothing to evaluate on, BundleError when the model cannot be opened, Broken when the
    device fails.
    """
    listed = labelled_frames(folder, split)
    model = open_bundle(bundle, device, runtime=runtime, threads=THREADS)
    preparation = bundle.manifest.preparation
    scores = score_frames(model, preparation, listed.frames, progress)
    good, defective = ([s.score for s in scores.frames if s.frame.good is wanted] for wanted in (True, False))
    return Evaluation(
        bundle=bundle,
        folder=folder,
        split=split,
        frames=scores.frames,
        image=image_figures(good, defective, bundle.manifest.threshold),
        kinds=tuple(_kinds(scores.frames, good, bundle.manifest.threshold)),
        pixels=pixel_figures(scores.frames, bundle, progress),
        speeds=(scores.speed, *_batch_speeds(model, bundle, scores.frames, progress)),
        provider=model.runtime,
        skipped=listed.skipped + scores.skipped,
        warnings=tuple(_warnings(bundle, model, listed, scores.frames)) + scores.mask_problems,
    )


def _kinds(frames: Sequence[Scored], good: Sequence[float], threshold: float) -> Iterator[KindFigures]:
    kinds = sorted({each.frame.kind for each in frames if not each.frame.good})
    for kind in kinds:
        yield kind_figures(kind, [each.score for each in frames if each.frame.kind == kind], good, threshold)


def _batch_speeds(model: Model, bundle: Bundle, frames: Sequence[Scored], progress: Progress) -> Iterator[Speed]:
    try:
        speed = batch_speed(model, bundle.manifest.preparation, frames, progress)
    except OSError as error:
        raise Mistake(f"{error.filename}: was there a moment ago: {error.strerror}; leave the frames alone") from error
    if speed:
        yield speed


def pixel_figures(frames: Sequence[Scored], bundle: Bundle, progress: Progress) -> PixelFigures | None:
    """The figures of pixels and regions over `frames`; None where no defect is drawn."""
    known = [each for each in frames if each.known]
    if not any(each.mask is not None and each.mask.any() for each in known):
        return None
    tally = _tally(known, bundle.manifest.preparation.shape[:2], progress)
    places = [free_response.places(each.map, each.mask) for each in known]
    curve = free_response.froc(places, lambda done, of: progress("regions", done, of))
    if curve is None:
        return None
    at_threshold = free_response.point_at(places, bundle.manifest.threshold)
    return PixelFigures(len(known), tally.regions, tally.auroc(), tally.aupro(), curve, at_threshold)


def _tally(frames: Sequence[Scored], size: tuple[int, int], progress: Progress) -> PixelTally:
    low, high = min(float(each.map.min()) for each in frames), max(float(each.map.max()) for each in frames)
    tally = PixelTally(bins_between(low, high))
    for i, each in enumerate(frames):
        tally.add(upsampled(each.map, size), each.mask)
        progress("pixels", i + 1, len(frames))
    return tally


def _warnings(bundle: Bundle, model: Model, listed: LabelledFolder, frames: Sequence[Scored]) -> Iterator[str]:
    gate = run_gate(bundle, model)
    if not gate.passed:
        yield f"the bundle does not give here what it gave when it was made: {gate}"
    unmarked = [each.frame.name for each in frames if not each.frame.good and each.frame.mask is None]
    if unmarked and any(each.mask is not None for each in frames):
        yield f"{len(unmarked)} defective frames have no mask, so their pixels do not count: {_some(unmarked)}"
    if listed.stray_masks:
        yield f"{len(listed.stray_masks)} masks belong to no frame: {_some(listed.stray_masks)}"


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")
