"""Reviewed frames: those that people answered, kept with what was said, in the evidence store.

    reviewed/<station>/<frame_id>.jpg            the encoded image, byte for byte (.png, .npy, .bin as it is)
    reviewed/<station>/<frame_id>.heat.png       the heat map of its score, 8-bit grey: 128 is the threshold
    reviewed/<station>/<frame_id>.score.json     its `Score`, byte for byte
    reviewed/<station>/<frame_id>.answer.json    `Reviewed`: the last word on it, and what lies beside it

`andon evidence` writes them. An answer that was withdrawn leaves only its answer.json, so that an older one that comes
late is known to be older; whoever reads does not see it.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

import structlog
from pydantic import Field

from andon.errors import Invalid
from andon.evidence import EXTENSIONS, HEAT, SCORE, extension
from andon.folder import Folder
from andon.ids import sha256_hex, station_id
from andon.reasons import Reason
from andon.records import Answer, Event, Score, Told, read_event, write_event

PLACE = "reviewed"
ANSWER = ".answer.json"
ENDINGS = tuple(f".{each}" for each in (*EXTENSIONS.values(), "bin"))
MAX_ANSWER_BYTES = 256 * 1024
MAX_SCORE_BYTES = 1024**2
MOST_BYTES = 256 * 1024**2
READERS = 8
AT_ONCE = 64
"""Answers of a remote store that are read side by side, before the first of them is handed on."""


class Reviewed(Event):
    """One reviewed frame: the last `answer` on it, and the file `name` of its image of `size` bytes, with their
    `sha256`. `heat` and `score` are the bytes of its other files, 0 where there is none."""

    answer: Answer
    name: str = ""
    size: int = Field(0, ge=0, le=MOST_BYTES)
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    heat: int = Field(0, ge=0)
    score: int = Field(0, ge=0)

    @property
    def withdrawn(self) -> bool:
        """Whether the last word on it was taken back: then nothing else of it is kept."""
        return self.answer.answer is Told.WITHDRAWN


@dataclass(frozen=True, slots=True)
class ReviewedFrame:
    """A reviewed frame as it lies in `store`; what it holds is read when asked for. Every reading raises Broken when
    the store does not answer."""

    store: Folder
    reviewed: Reviewed

    @property
    def answer(self) -> Answer:
        """The last word on it."""
        return self.reviewed.answer

    def image(self) -> bytes:
        """The encoded image, proven by its sha256.

        Raises Invalid: MISSING_DATA where it is gone, CHECKSUM_MISMATCH where it is not what it was.
        """
        place = f"{_folder(self.answer.station)}/{self.reviewed.name}"
        try:
            data = self.store.read(place, self.reviewed.size + 1)
        except FileNotFoundError:
            raise Invalid(Reason.MISSING_DATA, f"{place} does not lie there any more") from None
        if sha256_hex(data) != self.reviewed.sha256:
            raise Invalid(Reason.CHECKSUM_MISMATCH, f"{place} is not what was kept")
        return data

    def heat(self) -> bytes:
        """Its heat map, PNG; b"" where there is none."""
        return self._beside(HEAT, self.reviewed.heat)

    def score(self) -> Score | None:
        """Its score; None where there is none, or none that can be read."""
        data = self._beside(SCORE, min(self.reviewed.score, MAX_SCORE_BYTES))
        with suppress(Invalid):
            score = read_event(Score, data) if data else None
            if score is not None and score.frame_id == self.answer.frame_id:
                return score
        return None

    def _beside(self, ending: str, size: int) -> bytes:
        with suppress(FileNotFoundError):
            if size:
                return self.store.read(f"{_path(self.answer)}{ending}", size)
        return b""


def write_reviewed(store: Folder, answer: Answer, image: bytes, heat: bytes = b"", score: bytes = b"") -> Reviewed:
    """Keeps a frame with what was said of it; `heat` and `score` may be empty. Its answer.json comes last, and names
    only what lies there. Raises Invalid(BAD_STATION), Broken."""
    ending, path = f".{extension(image)}", _path(answer)
    for name, data in ((HEAT, heat), (SCORE, score), (ending, image)):
        if data or name == ending:
            store.write(path + name, data)
    return _finished(store, answer, ending, image, len(heat), len(score))


def unfinished(store: Folder, answer: Answer) -> Reviewed | None:
    """Ends a `write_reviewed` that was cut short after its image was written; None where none was. Raises as that."""
    path = _path(answer)
    ending = next((each for each in ENDINGS if store.holds(path + each)), None)
    if ending is None:
        return None
    image = store.read(path + ending, MOST_BYTES)
    heat, score = (_size(store, path + each) for each in (HEAT, SCORE))
    return _finished(store, answer, ending, image, heat, score)


def _size(store: Folder, name: str) -> int:
    with suppress(FileNotFoundError):
        return len(store.read(name, MOST_BYTES))
    return 0


def _finished(store: Folder, answer: Answer, ending: str, image: bytes, heat: int, score: int) -> Reviewed:
    sizes = {"size": len(image), "heat": heat, "score": score}
    reviewed = Reviewed(answer=answer, name=f"{answer.frame_id}{ending}", sha256=sha256_hex(image), **sizes)
    store.write(_path(answer) + ANSWER, write_event(reviewed))
    return reviewed


def rewrite_answer(store: Folder, reviewed: Reviewed, answer: Answer) -> Reviewed:
    """A later answer on a frame that is kept. Raises Invalid(BAD_STATION), Broken."""
    after = reviewed.model_copy(update={"answer": answer})
    store.write(_path(answer) + ANSWER, write_event(after))
    return after


def remove(store: Folder, answer: Answer) -> None:
    """Takes out the frame that `answer`, a withdrawal, is of: whoever reads from now on does not see it, whatever lies
    there until the rest is removed. Once more changes nothing. Raises Invalid(BAD_STATION), Broken."""
    path = _path(answer)
    store.write(path + ANSWER, write_event(Reviewed(answer=answer)))
    for ending in (*ENDINGS, HEAT, SCORE):
        store.remove(path + ending)


def reviewed_of(store: Folder, station: str, frame_id: UUID) -> Reviewed | None:
    """What is kept of one frame, a withdrawal too; None where nothing is, or its answer.json is damaged, which is told.
    Raises Invalid(BAD_STATION), Broken."""
    return _read(store, _folder(station), f"{frame_id}{ANSWER}")


def stations(store: Folder) -> list[str]:
    """The stations that have reviewed frames, or had, by name. Raises Broken."""
    return sorted(name for name in store.folders(PLACE) if _is_station(name))


def read_reviewed(store: Folder, station: str | None = None) -> Iterator[ReviewedFrame]:
    """The reviewed frames of a station, or of all, by station and id. One whose answer.json is damaged, or names
    anything but its own files, is told and passed over. Raises Invalid(BAD_STATION), Broken."""
    for each in [station] if station is not None else stations(store):
        folder = _folder(each)
        names = sorted(one.name for one in store.listed(folder) if one.name.endswith(ANSWER))
        found = (reviewed for reviewed in _read_all(store, folder, names) if reviewed is not None)
        yield from (ReviewedFrame(store, reviewed) for reviewed in found if not reviewed.withdrawn)


def is_image(name: str) -> bool:
    """Whether a file of a station's folder is the image of a frame."""
    frame, dot, ending = name.partition(".")
    return f"{dot}{ending}" in ENDINGS and bool(frame)


def _read_all(store: Folder, folder: str, names: Sequence[str]) -> Iterator[Reviewed | None]:
    """In order; of a remote store several at a time."""
    if store.is_local:
        yield from (_read(store, folder, name) for name in names)
        return
    with ThreadPoolExecutor(READERS, "reviewed") as pool:
        for some in _batches(names):
            yield from pool.map(lambda name: _read(store, folder, name), some)


def _read(store: Folder, folder: str, name: str) -> Reviewed | None:
    try:
        return _checked(folder, name, store.read(f"{folder}/{name}", MAX_ANSWER_BYTES))
    except FileNotFoundError:
        return None
    except Invalid as error:
        log = structlog.get_logger()
        log.warning("reviewed_frame_unreadable", file=f"{folder}/{name}", error=str(error), next="passed over")
        return None


def _checked(folder: str, name: str, data: bytes) -> Reviewed:
    """What a file says, when it says it of the frame that it is called after. Raises Invalid."""
    found = read_event(Reviewed, data)
    own = found.answer.frame_id
    if (f"{PLACE}/{found.answer.station}", f"{own}{ANSWER}") != (folder, name):
        raise Invalid(Reason.BAD_RECORD, "it is about another frame")
    if not found.withdrawn and found.name not in {f"{own}{ending}" for ending in ENDINGS}:
        raise Invalid(Reason.BAD_RECORD, f"it names {found.name[:80]!r}, which is no image of its frame")
    return found


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def _folder(station: str) -> str:
    return f"{PLACE}/{station_id(station)}"


def _path(answer: Answer) -> str:
    return f"{_folder(answer.station)}/{answer.frame_id}"


def _is_station(name: str) -> bool:
    with suppress(Invalid):
        return station_id(name) == name
    return False
