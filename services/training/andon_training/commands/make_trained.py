"""What `andon train` does between its options and its words: where frames come from, the bars, the way back."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from andon.bundle import SUFFIX, write_bundle
from andon.errors import Mistake
from andon.manifest import Training
from andon.run import andon_version
from andon.store import BundleStore
from andon_training.anomalib_models.layouts import training_frames
from andon_training.anomalib_models.quiet import quietly
from andon_training.anomalib_models.registry import model_kind, model_kinds
from andon_training.anomalib_models.resume import Work
from andon_training.anomalib_models.training import STEPS, Finished, TrainSettings, train_bundle
from andon_training.commands.gather import Reviewed
from andon_training.commands.tell_fit import fit_record, tell_fit
from andon_training.commands.try_defects import tried_on
from andon_training.commands.words import progress_bar, shown
from andon_training.curate import read_keep
from andon_training.from_kafka.between import Between, collected
from andon_training.progress import Progress
from andon_training.reviewed import spread
from andon_training.source import Source

COLLECTING = "collecting"
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@dataclass(frozen=True)
class Folder:
    """The good frames of `folder`: those in its part `normal`, those on the list `keep`."""

    folder: Path
    normal: Path | None
    keep: Path | None
    steps = STEPS

    @property
    def name(self) -> str:
        """What the bundle is called after."""
        return self.folder.resolve().name

    @property
    def words(self) -> str:
        """What decides which frames these are, for a training that goes on."""
        return " ".join(str(each) for each in (self.folder.resolve(), self.normal or "", self.keep or "") if each)

    def sources(self, _work: Path, _progress: Progress) -> Sequence[Source]:
        """The images. Raises Mistake when there are none."""
        if self.keep is not None:
            return read_keep(self.keep, self.folder)
        return training_frames(self.folder, self.normal)


@dataclass(frozen=True)
class Line:
    """The good frames of a station on Kafka within a time; their images stay in the work folder until the end."""

    between: Between
    steps = (COLLECTING, *STEPS)

    @property
    def name(self) -> str:
        """What the bundle is called after."""
        return self.between.station

    @property
    def words(self) -> str:
        """As `Folder.words`; a time of day that was said relative to now is the first run's."""
        return self.between.words

    def sources(self, work: Path, progress: Progress) -> Sequence[Source]:
        """The images. Raises Mistake when there are too few, Broken when Kafka does not answer."""
        return collected(self.between, work / "frames", progress)


@dataclass(frozen=True)
class WithReviewed:
    """The good frames that people have judged, among those of `base`, or alone."""

    base: Folder | Line | None
    reviewed: Reviewed

    @property
    def steps(self) -> tuple[str, ...]:
        """What progress is told of."""
        return STEPS if self.base is None else self.base.steps

    @property
    def name(self) -> str:
        """What the bundle is called after."""
        return self.reviewed.station if self.base is None else self.base.name

    @property
    def words(self) -> str:
        """As `Folder.words`."""
        own = f"reviewed {self.reviewed.station}"
        return own if self.base is None else f"{self.base.words} {own}"

    def sources(self, work: Path, progress: Progress) -> Sequence[Source]:
        """The images. Raises as those of `base`."""
        base = () if self.base is None else self.base.sources(work, progress)
        return spread(base, self.reviewed.good)


Where = Folder | Line | WithReviewed


def where_from(
    folder: Path | None,
    normal: Path | None,
    keep: Path | None,
    station: str | None,
    since: str | None,
    until: str | None,
    frames: int,
    keep_all: bool,
    reviewed: Reviewed | None = None,
) -> Where:
    """Where the good frames come from: one place, and those that people have `reviewed`, or these alone.

    Raises Mistake for two places, or none.
    """
    if reviewed is not None:
        alone = folder is None and station is None
        base = None if alone else where_from(folder, normal, keep, station, since, until, frames, keep_all)
        assert not isinstance(base, WithReviewed)  # noqa: S101  it was asked for without
        return WithReviewed(base, reviewed)
    if (folder is None) == (station is None):
        raise Mistake("good frames come from one place: give a folder of images, or --from-kafka STATION")
    if folder is not None:
        if since or until:
            raise Mistake("--from and --to are of Kafka's frames; with a folder, leave them out")
        return Folder(folder, normal, keep)
    if normal or keep:
        raise Mistake("--normal and --keep are of a folder; with --from-kafka, leave them out")
    return Line(Between.asked(str(station), since, until, frames, keep_all))


def place(out: Path | None, name: str) -> Path:
    """Where the bundle goes. Raises Mistake before any work is done for nothing."""
    path = out or Path(name + SUFFIX)
    if path.is_dir():
        raise Mistake(f"{path}: is a folder; name the bundle's file")
    return path


@dataclass(frozen=True)
class Asked:
    """A whole command: what to learn from, how, where the bundle and the work folder lie, and what else to do.

    `command` is the command line, for the sentence that says how to go on.
    """

    where: Where
    settings: TrainSettings
    path: Path
    work: Path | None
    store: str | None
    try_options: bool
    command: Sequence[str]
    reviewed: Reviewed | None = None

    @property
    def kept(self) -> Work:
        """The work folder, and what decides what comes of the training."""
        folder = self.work or self.path.with_name(f".{self.path.stem}.training")
        return Work(folder, {**self.settings.deciding(), "from": self.where.words})


def make(console: Console, asked: Asked, seconds: Callable[[], float]) -> dict[str, object]:
    """Trains, writes, tells; what was made, for programs. Raises Mistake and Broken, and writes no half bundle."""
    work = asked.kept
    with says_how_to_resume(console, work, asked.command):
        finished = trained_bundle(console, asked.where, asked.settings, work)
    write_bundle(finished.bundle, asked.path)
    if asked.store is not None:
        BundleStore(asked.store).put(finished.bundle)
    work.end()
    tell_proof(console, finished.bundle.manifest.training)
    if asked.try_options:
        tell_options(console, finished)
    tried = tried_on(console, finished.bundle, asked.reviewed)
    tell_fit(console, finished.bundle, asked.path, seconds(), asked.store)
    return fit_record(finished.bundle, asked.path, seconds()) | tried


def kinds_told(model: str | None, listed: bool) -> str:
    """The models there are, one a line; with `model`, its parameters. Raises Mistake where no list was asked for."""
    if not listed:
        raise Mistake("no model: andon train MODEL DIR; andon train --list says which there are")
    if model is None:
        return "\n".join(model_kinds())
    return "\n".join(each.words for each in model_kind(model).parameters.values())


def trained_bundle(console: Console, where: Where, settings: TrainSettings, work: Work) -> Finished:
    """Trains, with bars."""
    if work.begin():
        console.print(f"goes on from {escape(str(work.folder))}")
    if settings.weights.random:
        console.print("[yellow]warning[/yellow] random weights: this model has seen nothing; it is for trials alone")
    with quietly(), progress_bar(console) as bar:
        progress = shown(bar, where.steps)
        return train_bundle(
            where.sources(work.folder, progress),
            settings,
            work,
            andon_version=andon_version(),
            created_at=datetime.now(UTC),
            progress=progress,
            tell=lambda said: console.print(f"[yellow]note[/yellow] {escape(said)}"),
        )


@contextmanager
def _clearing(work: Work) -> Iterator[None]:
    try:
        yield
    except BaseException:
        work.clear()
        raise


@contextmanager
def says_how_to_resume(console: Console, work: Work, command: Sequence[str]) -> Iterator[None]:
    """Ctrl-C ends the command with status 130, and with how to go on. Where nothing was learned, nothing is left."""
    try:
        with _clearing(work):
            yield
    except KeyboardInterrupt:
        again = shlex.join([Path(command[0]).name, *command[1:]])
        if work.folder.is_dir():
            console.print(f"stopped; what was learned up to the last checkpoint is kept in {work.folder}", markup=False)
        console.print(f"to go on: {again}", markup=False)
        raise typer.Exit(INTERRUPTED) from None


def tell_proof(console: Console, training: Training) -> None:
    """How well the ONNX model agrees with PyTorch."""
    proof = training.export
    if proof is not None:
        console.print(
            f"[green]proven[/green] ONNX against PyTorch on {proof.frames} frames: every verdict the same, "
            f"scores within {proof.worst:.2g} of each other (relative)"
        )


def tell_options(console: Console, finished: Finished) -> None:
    """What each option of the export costs in AUROC of drawn defects, and gains in speed and size."""
    from andon_training.export import compare_options
    from andon_training.trial import trial_frames

    tried = trial_frames(finished.held_out)
    drawn = tried.drawn.reshape(-1, *tried.drawn.shape[2:])
    with quietly():
        rows = compare_options(finished.trained, tried.good, drawn)
    for row in rows:
        console.print(str(row), markup=False)
