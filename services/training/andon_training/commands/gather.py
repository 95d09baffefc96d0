"""Where `andon fit` takes its good frames from: a folder, or a station's frames on Kafka."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from andon.errors import Mistake
from andon_training.progress import Progress

if TYPE_CHECKING:
    from andon_training.sample import Source  # which takes a second to import


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


def one_of(folder: Path | None, line: Line | None) -> Path | Line:
    """Where good frames come from. Raises Mistake unless exactly one is given."""
    if folder is not None and line is not None:
        raise Mistake(f"{folder} and --from-kafka {line.station}: frames come from one of them; leave the other out")
    where = folder or line
    if where is None:
        raise Mistake("no good frames: give a folder of images, or --from-kafka STATION")
    return where


def name_of(where: Path | Line) -> str:
    """What the bundle is called after."""
    return where.resolve().name if isinstance(where, Path) else where.station


@contextmanager
def good_frames_of(where: Path | Line, progress: Progress, tell: Callable[[str], None]) -> Iterator["Sequence[Source]"]:
    """The good frames, readable while the `with` block lasts. Raises Mistake and Broken, saying what is missing."""
    if isinstance(where, Path):
        from andon_training.folder import good_frames

        yield good_frames(where)
        return
    with ExitStack() as stack:
        spool = where.spool or Path(stack.enter_context(TemporaryDirectory(prefix="andon-fit-")))
        yield _collected(where, spool, progress, tell)


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
