"""Frames that people have judged, from the evidence store: good ones to learn from, false calls to remember, and known
defects to try a bundle on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from andon.errors import Mistake
from andon.folder import Folder, redacted
from andon.records import DEFECTIVE, SOUND
from andon.reviewed import read_reviewed
from andon_training.memory.judged import Judged
from andon_training.source import Source


@dataclass(frozen=True)
class ReviewedSource:
    """The image of a reviewed frame, to learn from. Reading it raises Invalid where it is gone, Broken."""

    frame: Judged = field(repr=False)

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"reviewed frame {self.frame.answer.frame_id}"

    def read_bytes(self) -> bytes:
        """The encoded image."""
        return self.frame.image()


def judged_frames(url: str, station: str) -> list[Judged]:
    """The reviewed frames of `station` in the evidence store at `url`, in the order they were taken.

    Raises Mistake where there is none, Broken when the store does not answer.
    """
    found: list[Judged] = sorted(read_reviewed(Folder(url), station), key=_when)
    if not found:
        raise Mistake(
            f"station {station}: {redacted(url)} holds no reviewed frames of it. People answer frames at the console, "
            "and andon evidence keeps them; ANDON_EVIDENCE__URL names the store"
        )
    return found


def good_sources(frames: Iterable[Judged]) -> list[ReviewedSource]:
    """Those that people say are good."""
    return [ReviewedSource(frame) for frame in frames if frame.answer.answer in SOUND]


def is_confirmed(source: Source) -> bool:
    """Whether people say of this very frame that it is good: however odd it looks, it is learned from."""
    return isinstance(source, ReviewedSource)


def spread(frames: Sequence[Source], reviewed: Sequence[Source]) -> list[Source]:
    """Both, each in its order, `reviewed` evenly among `frames`.

    Good frames are held out in blocks of neighbours: side by side, reviewed ones would all be held out at once, and no
    fold would know of them.
    """
    placed = [(place, each) for some in (frames, reviewed) for place, each in _placed(some)]
    return [each for _, each in sorted(placed, key=itemgetter(0))]


def _placed(frames: Sequence[Source]) -> Iterator[tuple[float, Source]]:
    return (((at + 0.5) / len(frames), each) for at, each in enumerate(frames))


def known_defects(frames: Sequence[Judged]) -> list[Judged]:
    """Those that people say are defective."""
    return [frame for frame in frames if frame.answer.answer in DEFECTIVE]


def _when(frame: Judged) -> tuple[float, str]:
    answer = frame.answer
    return (answer.captured_at or answer.at).timestamp(), str(answer.frame_id)
