"""Where `andon fit` takes its good frames from: a folder, a station's frames on Kafka, and those people have judged."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from andon.errors import Mistake
from andon_training.progress import Progress

if TYPE_CHECKING:
    from andon_training.memory.judged import Judged
    from andon_training.source import Source


@dataclass(frozen=True)
class Line:
    """The newest `frames` of `station` on Kafka, waited for up to `wait_s`; their images go to `spool`.

    Without a `spool`, to a temporary folder, which is removed when they are no longer needed.
    """

    station: str
    frames: int
    wait_s: float
    spool: Path | None
    keep_all: bool


@dataclass(frozen=True)
class Reviewed:
    """The frames of `station` that people have judged: good ones to learn from, known defects to try a bundle on."""

    station: str
    frames: "Sequence[Judged]"

    @classmethod
    def of(cls, station: str) -> "Reviewed":
        """From the evidence store that the settings name. Raises Mistake where it has none, Broken."""
        from andon.settings import load
        from andon_training.commands.replaying import station as station_of
        from andon_training.places import ReviewedSettings
        from andon_training.reviewed import judged_frames

        name = station_of(station)
        return cls(name, judged_frames(load(ReviewedSettings).evidence.url, name))

    @property
    def good(self) -> "Sequence[Source]":
        """The frames that people say are good."""
        from andon_training.reviewed import good_sources

        return good_sources(self.frames)

    @property
    def defects(self) -> "Sequence[Judged]":
        """The frames that people say are defective."""
        from andon_training.reviewed import known_defects

        return known_defects(self.frames)


def one_of(folder: Path | None, line: Line | None, reviewed: Reviewed | None = None) -> Path | Line | Reviewed:
    """Where good frames come from; `reviewed` alone, where there is nothing else that they are added to.

    Raises Mistake unless exactly one is given.
    """
    if folder is not None and line is not None:
        raise Mistake(f"{folder} and --from-kafka {line.station}: frames come from one of them; leave the other out")
    where = folder or line or reviewed
    if where is None:
        raise Mistake("no good frames: give a folder of images, --from-kafka STATION or --reviewed STATION")
    return where


def name_of(where: Path | Line | Reviewed) -> str:
    """What the bundle is called after."""
    return where.resolve().name if isinstance(where, Path) else where.station


@contextmanager
def good_frames_of(
    where: Path | Line | Reviewed, progress: Progress, tell: Callable[[str], None]
) -> Iterator["Sequence[Source]"]:
    """The good frames, readable while the `with` block lasts. Raises Mistake and Broken, saying what is missing."""
    if isinstance(where, Reviewed):
        yield where.good
        return
    if isinstance(where, Path):
        from andon_training.folder import good_frames

        yield good_frames(where)
        return
    with ExitStack() as stack:
        spool = where.spool or Path(stack.enter_context(TemporaryDirectory(prefix="andon-fit-")))
        yield _collected(where, spool, progress, tell)


def with_reviewed(
    frames: "Sequence[Source]", where: Path | Line | Reviewed, reviewed: Reviewed | None
) -> "Sequence[Source]":
    """`frames` of `where`, and among them the good ones of `reviewed`."""
    from andon_training.reviewed import spread

    return frames if reviewed is None or where is reviewed else spread(frames, reviewed.good)


def _collected(line: Line, spool: Path, progress: Progress, tell: Callable[[str], None]) -> "list[Source]":
    from andon.settings import load
    from andon.store import BlobStore
    from andon_training.from_kafka import collect
    from andon_training.from_kafka.settings import CollectSettings

    settings = load(CollectSettings)
    return collect(
        settings.kafka,
        BlobStore(settings.store.frames),
        line.station,
        most=line.frames,
        wait_s=line.wait_s,
        spool=spool,
        progress=progress,
        keep_all=line.keep_all,
        tell=tell,
    )
