"""The frames that show an incident, saved to a folder: out of the evidence store, or out of Kafka while it has them."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from andon.errors import Broken, Invalid, Mistake
from andon.evidence import DOSSIER, HEAT, SCORE, Dossier, KeptFrame, Lost, extension
from andon.ids import sha256_hex
from andon.incidents.when import told
from andon.records import Evidence, FramePlace, read_event
from andon.records.frame import read_frame
from andon.stage import Record
from andon_alerting.evidence.fetch import Found, Gone

MAX_BYTES = 256 * 1024**2

Fetch = Callable[[Collection[FramePlace]], Iterable[tuple[FramePlace, Found]]]
"""What lies at some places in Kafka; `andon_alerting.evidence.fetch.RecordsAt` is one."""


class Store(Protocol):
    """Some objects by name; `andon.folder.Folder` is one."""

    def read(self, name: str, limit: int) -> bytes:
        """Raises FileNotFoundError, or Broken."""


class Blobs(Protocol):
    """What keeps large images; `andon.store.BlobStore` is one."""

    def get(self, dataref: str) -> bytes:
        """Raises Invalid, or Broken."""


@dataclass(frozen=True)
class Saved:
    """What became of one frame: the file of its image, and where it came from; or why there is none."""

    frame: Evidence
    path: Path | None = None
    source: str = ""
    problem: str = ""

    @property
    def words(self) -> str:
        """In a sentence."""
        return f"{self.path} ({self.source})" if self.path else f"not saved: {self.problem}"


@dataclass(frozen=True)
class Frames:
    """Where frames may lie. Whatever fails is told with the frame, and keeps no other from being saved."""

    kept: Store
    blobs: Blobs
    fetch: Fetch

    def save(self, incident: UUID, evidence: Iterable[Evidence], folder: Path) -> Iterator[Saved]:
        """Each frame with its heat map and score where they are kept. Raises Mistake when nothing can be written."""
        _made(folder)
        dossier, trouble = self._dossier(incident)
        wanted = list(evidence)
        known = {each.frame_id: each for each in dossier.frames} if dossier else {}
        elsewhere = [each for each in wanted if each.frame_id not in known]
        for each in wanted:
            if each.frame_id in known:
                yield self._from_store(incident, each, known[each.frame_id], folder)
        lost = {each.frame_id: each.why for each in dossier.lost} if dossier else {}
        for saved in self._from_kafka(elsewhere, folder):
            why = lost.get(saved.frame.frame_id)
            yield _with(saved, _lost_words(why) if why else trouble)

    def _dossier(self, incident: UUID) -> tuple[Dossier | None, str]:
        """What the evidence store says it keeps; and what is wrong with the store, '' for nothing."""
        try:
            return read_event(Dossier, self.kept.read(f"{incident}/{DOSSIER}", MAX_BYTES)), ""
        except FileNotFoundError:
            return None, "the evidence store has none of this incident"
        except (Broken, Mistake, Invalid) as error:
            return None, str(error)

    def _from_store(self, incident: UUID, frame: Evidence, kept: KeptFrame, folder: Path) -> Saved:
        try:
            image = self.kept.read(f"{incident}/{kept.name}", MAX_BYTES)
            if sha256_hex(image) != kept.sha256:
                return Saved(frame, problem="the evidence store holds other bytes than it was given")
            beside = [f"{frame.frame_id}{suffix}" for suffix, size in ((HEAT, kept.heat), (SCORE, kept.score)) if size]
            for name in beside:
                _write(folder / name, self.kept.read(f"{incident}/{name}", MAX_BYTES))
        except FileNotFoundError:
            return Saved(frame, problem="the evidence store does not hold it any more")
        except Broken as error:
            return Saved(frame, problem=str(error))
        return Saved(frame, _write(folder / Path(kept.name).name, image), "from the evidence store")

    def _from_kafka(self, frames: list[Evidence], folder: Path) -> Iterator[Saved]:
        by_place: dict[FramePlace, list[Evidence]] = {}
        for each in [each for each in frames if not each.dataref]:
            by_place.setdefault(each.frame, []).append(each)
        for each in [each for each in frames if each.dataref]:
            yield self._from_blobs(each, each.dataref or "", folder)
        for place, found in self.fetch(list(by_place)) if by_place else ():
            yield from (self._of(each, found, folder) for each in by_place[place])

    def _of(self, frame: Evidence, found: Found, folder: Path) -> Saved:
        if isinstance(found, Gone):
            return Saved(frame, problem=_gone(frame, found))
        try:
            there = read_frame(found)
        except Invalid as error:
            return Saved(frame, problem=f"what lies in its place is no frame: {error}")
        if there.frame_id != frame.frame_id:
            return Saved(frame, problem="another frame lies in its place: the topic was made anew")
        if there.dataref and not found.value:
            return self._from_blobs(frame, there.dataref, folder)
        return _kafkas(frame, found, there.sha256, folder)

    def _from_blobs(self, frame: Evidence, dataref: str, folder: Path) -> Saved:
        try:
            image = self.blobs.get(dataref)
        except (Invalid, Broken) as error:
            return Saved(frame, problem=str(error))
        path = _write(folder / f"{frame.frame_id}.{extension(image)}", image)
        return Saved(frame, path, "from the store of large frames")


def _kafkas(frame: Evidence, record: Record, promised: str | None, folder: Path) -> Saved:
    if promised is not None and sha256_hex(record.value) != promised.lower():
        return Saved(frame, problem="its bytes are not those its maker counted")
    path = _write(folder / f"{frame.frame_id}.{extension(record.value)}", record.value)
    return Saved(frame, path, "from Kafka")


def _gone(frame: Evidence, gone: Gone) -> str:
    if not gone.topic:
        return f"there is no topic {frame.frame.topic} (any more), or no such partition"
    since = f"Kafka holds {frame.frame.topic} since {told(gone.since)}" if gone.since else "Kafka holds nothing there"
    return f"expired: {since}"


def _with(saved: Saved, trouble: str) -> Saved:
    """A frame that is nowhere says what the evidence store said, too."""
    if saved.path is not None or not trouble:
        return saved
    return Saved(saved.frame, problem=f"{saved.problem}; {trouble}")


def _lost_words(why: Lost) -> str:
    return f"the evidence store could not keep it either ({why.replace('_', ' ')})"


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Mistake(f"--evidence {folder}: {error.strerror}; name a folder that can be written") from None


def _write(path: Path, data: bytes) -> Path:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}; name a folder that can be written") from None
    return path
