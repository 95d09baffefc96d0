"""Makes the bundle that `andon fit` was asked for, with its bars: from good frames, or from references."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from andon.bundle import Bundle
from andon.errors import Mistake
from andon.run import andon_version
from andon_training.commands.gather import Line, Reviewed, good_frames_of, with_reviewed
from andon_training.commands.words import progress_bar, shown
from andon_training.curate import read_keep
from andon_training.fit import STEPS, FitSettings, fit_bundle
from andon_training.folder import good_frames
from andon_training.golden_sample import STEPS as REFERENCE_STEPS
from andon_training.golden_sample import ReferenceSettings, fit_references
from andon_training.source import Source

COLLECTING = ("collecting",)


def from_good_frames(
    console: Console,
    where: Path | Line | Reviewed,
    keep: Path | None,
    settings: FitSettings,
    reviewed: Reviewed | None = None,
) -> Bundle:
    """The bundle of the good frames at `where`, of those that the list `keep` names where there is one; and of the good
    ones among the `reviewed`.
    """
    steps = (*COLLECTING, *STEPS) if isinstance(where, Line) else STEPS
    with progress_bar(console) as bar:
        progress = shown(bar, steps)
        with good_frames_of(where, progress, lambda said: console.print(said, markup=False)) as found:
            return fit_bundle(
                with_reviewed(_listed(found, where, keep), where, reviewed),
                settings,
                andon_version=andon_version(),
                created_at=datetime.now(UTC),
                progress=progress,
            )


def from_references(
    console: Console,
    references: Path,
    where: Path | Line | Reviewed | None,
    settings: FitSettings,
    reviewed: Reviewed | None = None,
) -> Bundle:
    """The bundle that compares frames with the images in the folder `references`; good frames set its threshold."""
    _refuse_what_references_ignore(settings)
    asked = ReferenceSettings(settings.budget, settings.fixed.size, settings.grey, settings.product)
    steps = (*COLLECTING, *REFERENCE_STEPS) if isinstance(where, Line) else REFERENCE_STEPS
    with progress_bar(console) as bar, ExitStack() as open_while_read:
        progress = shown(bar, steps)
        repeats: Sequence[Source] = ()
        if where is not None:
            told = good_frames_of(where, progress, lambda said: console.print(said, markup=False))
            repeats = with_reviewed(open_while_read.enter_context(told), where, reviewed)
        return fit_references(
            good_frames(references),
            asked,
            repeats=repeats,
            andon_version=andon_version(),
            created_at=datetime.now(UTC),
            progress=progress,
        )


def _listed(found: Sequence[Source], where: Path | Line | Reviewed, keep: Path | None) -> Sequence[Source]:
    if keep is None:
        return found
    if not isinstance(where, Path):
        raise Mistake(f"--keep {keep} lists frames of a folder; give that folder, too")
    return read_keep(keep, where)


def _refuse_what_references_ignore(settings: FitSettings) -> None:
    fixed = settings.fixed
    ignored = {
        "--backbone": settings.backbone,
        "--backbone-pixels": fixed.pixels,
        "--method": fixed.method,
        "--lighting": fixed.lighting,
        "--registered": fixed.registered,
        "--int8": settings.int8 or None,
    }
    given = [option for option, value in ignored.items() if value is not None]
    if given:
        raise Mistake(f"{', '.join(given)}: means nothing with --references, which compares pixels; leave it out")
