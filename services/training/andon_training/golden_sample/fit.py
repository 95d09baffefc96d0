"""References in, bundle out: the counterpart of `andon_training.fit` for products whose good parts differ by design."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from andon.bundle import Bundle
from andon.calibration import MIN_FRAMES
from andon.ids import sha256_hex
from andon.inference import open_model
from andon.manifest import Training
from andon.preparation import Preparation
from andon_training.assemble import Inspection, assemble
from andon_training.golden_sample.calibrate import Rests, score_repeats, with_drawn
from andon_training.golden_sample.model import reference_model
from andon_training.golden_sample.pixels import References
from andon_training.golden_sample.settings import Settings
from andon_training.golden_sample.sources import check_repeats, native_preparation, read_references
from andon_training.golden_sample.vary import variations
from andon_training.progress import Progress, silent
from andon_training.source import Source

METHOD, EXTRACTOR = "golden-sample", "registered-difference"
STEPS = ("reading", "scoring", "proving")


@dataclass(frozen=True)
class ReferenceSettings:
    """What the operator asks for. `budget` is a share of good frames, `longest` the longer side in pixels.

    What is None, the references decide.
    """

    budget: float
    longest: int | None = None
    grey: bool | None = None
    product: str | None = None
    allowed: Settings = field(default_factory=Settings)


def fit_references(
    references: Sequence[Source],
    settings: ReferenceSettings,
    *,
    repeats: Sequence[Source] = (),
    andon_version: str,
    created_at: datetime | None = None,
    progress: Progress = silent,
) -> Bundle:
    """The bundle that compares a frame with that one of `references`, pictures of perfect parts, it is meant to be.

    `repeats` are further good frames of any of them: MIN_FRAMES or more set the threshold; with fewer it also rests on
    drawn variations of the references, and the bundle's warnings say so. The same images in the same order give the
    same digest. Raises Mistake when a reference cannot be read, two are the same, sizes differ, or too many repeats
    cannot be read; Broken when the finished bundle does not pass its own gate.
    """
    preparation = native_preparation(references, settings.longest, settings.grey)
    check_repeats(repeats, references)
    images = read_references(references, preparation, progress)
    model = reference_model(preparation.shape, images, settings.allowed)
    names = [source.name for source in references]
    rests = _rests(model, names, images, repeats, preparation, progress)
    made = Inspection(
        model=model,
        preparation=preparation,
        frames=rests.frames,
        held_out=rests.scores,
        training=_training(names, rests, settings),
        folds=1,
        scores_from="drawn" if rests.drawn else "fresh",
    )
    return assemble(
        made,
        budget=settings.budget,
        product=settings.product,
        andon_version=andon_version,
        created_at=created_at,
        progress=progress,
    )


def _rests(
    model: bytes,
    names: Sequence[str],
    images: References,
    repeats: Sequence[Source],
    preparation: Preparation,
    progress: Progress,
) -> Rests:
    opened = open_model(model)
    known = {sha256_hex(image.tobytes()) for image in images}
    rests = score_repeats(repeats, known, opened, preparation, progress)
    if len(rests.frames) >= MIN_FRAMES:
        return rests
    return with_drawn(rests, variations(names, images), opened, preparation, progress)


def _training(names: Sequence[str], rests: Rests, settings: ReferenceSettings) -> Training:
    return Training(
        method=METHOD,
        extractor=EXTRACTOR,
        frames=len(names),
        frames_offered=len(names) + rests.offered,
        unreadable=rests.unreadable,
        left_out=rests.left_out,
        references=tuple(names),
        settings={
            "references": len(names),
            "calibrated_on_repeats": len(rests.frames) - rests.drawn,
            "calibrated_on_drawn": rests.drawn,
            **settings.allowed.record(),
        },
    )
