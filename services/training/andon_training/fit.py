"""Good frames in, bundle out: choose, look, learn, hold out, calibrate, prove. No clock; no disk but the frames."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from andon.bundle import Bundle
from andon.calibration import MIN_FRAMES
from andon.errors import Mistake
from andon.inference import EMBEDDING
from andon.manifest import BackboneUsed, Candidate, Quantisation, Training
from andon.preparation import Preparation
from andon_training import choose
from andon_training.assemble import Inspection, assemble
from andon_training.backbones import Backbone, shipped_backbone
from andon_training.choose import LARGER, SIZE, Fixed
from andon_training.cleaning import Cleaned, cleaned
from andon_training.method import Learned, Singles, cross_fit, head_model, inspection_model
from andon_training.options import Method
from andon_training.precision import in_int8
from andon_training.progress import Progress, silent
from andon_training.reviewed import is_confirmed
from andon_training.sample import Sample, looks_grey, read_masters, read_sample, refuse_many_planes
from andon_training.source import Source
from andon_training.suspects import MOST_SHARE, ROUNDS, suspects
from andon_training.trial import MOST_FRAMES, Plan, TrialFrames, trial_frames
from andon_training.views import Eyes, view_model

STEP = 64  # pixels a side must be a multiple of: for whole cells at every scale
STEPS = ("cleaning", "choosing", "rounding", "reading", "learning", "proving")


@dataclass(frozen=True)
class FitSettings:
    """What the operator asks for. `budget` is a share of good frames. What is None, the frames decide."""

    budget: float
    fixed: Fixed = field(default_factory=Fixed)
    grey: bool | None = None
    product: str | None = None
    backbone: Backbone | None = None
    int8: bool = False
    keep_all: bool = False  # learn from frames that stand apart, too


@dataclass(frozen=True)
class Taught:
    """What the kept frames of a sample taught, their held-out scores, and which were kept, bool [n]."""

    learned: Learned
    held_out: Singles
    kept: NDArray[np.bool_]


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
    _check_size(settings.fixed.size)
    refuse_many_planes(sources)
    backbone = settings.backbone or shipped_backbone()
    clean = Cleaned(tuple(sources)) if settings.keep_all else cleaned(sources, progress)
    frames = _trial_frames(clean.sources, settings)
    plan, candidates = _plan(frames, backbone, settings, progress)
    preparation = Preparation(width=plan.size, height=plan.size, channels=frames.good.shape[-1])
    eyes, rounding = _eyes(plan, frames, preparation, settings, progress)
    sample = read_sample(clean.sources, preparation, eyes, progress)
    taught = _taught(sample, plan.method, settings, progress)
    shared = _is_shared(plan, rounding)
    made = Inspection(
        model=(head_model if shared else inspection_model)(eyes, taught.learned),
        backbone=eyes.model if shared else None,
        preparation=preparation,
        frames=[frame for frame, kept in zip(sample.frames, taught.kept, strict=True) if kept],
        held_out=taught.held_out,
        training=_training(clean, sample, taught, plan, candidates, rounding),
    )
    return assemble(
        made,
        budget=settings.budget,
        product=settings.product,
        andon_version=andon_version,
        created_at=created_at,
        progress=progress,
    )


def _check_size(size: int | None) -> None:
    if size is not None and (size % STEP or not 64 <= size <= 1024):
        raise Mistake(f"size {size}: a multiple of {STEP} from 64 to 1024; {SIZE} is a good start")


def _trial_frames(sources: Sequence[Source], settings: FitSettings) -> TrialFrames:
    grey = looks_grey(sources) if settings.grey is None else settings.grey
    return trial_frames(read_masters(sources, MOST_FRAMES, settings.fixed.size or LARGER, 1 if grey else 3))


def _plan(
    frames: TrialFrames, backbone: Backbone, settings: FitSettings, progress: Progress
) -> tuple[Plan, tuple[Candidate, ...]]:
    if len(frames.good) < MIN_FRAMES:  # too few to compare anything; reading them all will say so
        return choose.default_plan(frames, backbone, settings.fixed), ()
    return choose.choose(frames, backbone, settings.fixed, progress)


def _eyes(
    plan: Plan, frames: TrialFrames, preparation: Preparation, settings: FitSettings, progress: Progress
) -> tuple[Eyes, Quantisation | None]:
    eyes = view_model(plan.recipe, preparation.shape)
    if not settings.int8 or len(frames.good) < MIN_FRAMES:
        return eyes, None
    return in_int8(eyes, plan, frames, progress)


def _is_shared(plan: Plan, rounding: Quantisation | None) -> bool:
    """Whether other stations have the same eyes, byte for byte: nothing in them was learned from the frames.

    The two graphs give the scores of one to the bit and take 1 to 4 % longer: 4.61 against 4.53 ms a frame of 256x256.
    """
    return plan.recipe.template is None and not (rounding and rounding.used)


def _taught(sample: Sample, method: Method, settings: FitSettings, progress: Progress) -> Taught:
    """Learns, leaves out what stands apart and nobody has confirmed as good, and learns again."""
    kept = np.ones(len(sample.frames), np.bool_)
    confirmed = np.array([is_confirmed(frame.source) for frame in sample.frames])
    learned, held_out = cross_fit(sample.views, sample.features, method, progress=progress)
    for _ in range(0 if settings.keep_all else ROUNDS):
        apart = suspects(held_out, int(MOST_SHARE * len(kept)) - int((~kept).sum())) & ~confirmed[kept]
        if not apart.any() or len(held_out) - apart.sum() < MIN_FRAMES:
            break
        kept[np.flatnonzero(kept)[apart]] = False
        learned, held_out = cross_fit(sample.views, [view[kept] for view in sample.features], method, progress=progress)
    return Taught(learned, held_out, kept)


def _training(
    clean: Cleaned,
    sample: Sample,
    taught: Taught,
    plan: Plan,
    candidates: tuple[Candidate, ...],
    rounding: Quantisation | None,
) -> Training:
    backbone = plan.recipe.backbone
    apart = [frame.source.name for frame, kept in zip(sample.frames, taught.kept, strict=True) if not kept]
    look = taught.learned.look
    return Training(
        method=plan.method,
        extractor=backbone.name,
        frames=int(taught.kept.sum()),
        frames_offered=sample.offered + len(clean.left_out),
        unreadable=sample.unreadable,
        left_out=(*clean.left_out, *(f"{name}: stands apart from the others; is it a bad part?" for name in apart)),
        worth_a_look=clean.worth_a_look,
        precision="int8" if rounding and rounding.used else "float32",
        quantisation=rounding,
        backbone=BackboneUsed(name=backbone.name, digest=backbone.digest, pixels=plan.recipe.pixels),
        candidates=candidates,
        settings={
            "lighting": plan.recipe.lighting,
            "spread_grey_levels": plan.recipe.spread,
            **{view.name: f"{view.rows}x{view.columns}x{view.depth}" for view in sample.views},
            **({} if look is None else {EMBEDDING: look.numbers}),
        },
    )
