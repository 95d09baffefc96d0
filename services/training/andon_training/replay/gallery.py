"""Frames two judges disagree on, fetched one by one, with what each saw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from andon.bundle import BundleError
from andon.comparing.pairing import Pairing, Side, strengths
from andon.comparing.table import NONE, VERDICTS, Floats, Rows, ScoreTable
from andon.errors import Broken, Invalid
from andon.images.prepare import verify_checksum
from andon.inference import Device
from andon.kafka.at import At, Blobs, frame_at
from andon.preparation import Preparation
from andon.records import Score, read_event
from andon.store import BundleStore
from andon_training.progress import Progress
from andon_training.replay.answers import Answers
from andon_training.replay.page import Gallery, Row
from andon_training.replay.pictures import Boxes, Opened, View, fetched, opened, row

MOST = 24
MOST_OPEN = 4  # bundles: a page needs no more, and each may take a gigabyte

Place = tuple[str, int, int]


@dataclass
class Viewer:
    """Fetches images, and opens the bundles that judged them, for as long as they are at hand."""

    at: At
    blobs: Blobs
    bundles: BundleStore
    device: Device = Device.CPU
    _open: dict[str, Opened | str] = field(default_factory=dict)

    def image(self, place: Place) -> bytes:
        """The encoded image at a place of a frame topic, held against its checksum. Raises Invalid where it is gone."""
        frame, image = frame_at(self.at, self.blobs, place)
        if frame.sha256 is not None:
            verify_checksum(image, frame.sha256)
        return image

    def view(self, table: ScoreTable, topic: str, table_row: int) -> View:
        """What shows how the score in that row came about: its bundle, or else the places that it names."""
        code = int(table.bundle_codes[table_row])
        if code == NONE:
            return "no bundle judged it"
        found = self.bundle(table.bundles[code])
        if isinstance(found, Opened):
            return found
        return self._boxes(topic, table.record_place(table_row)) or found

    def bundle(self, digest: str) -> Opened | str:
        """The open bundle, or why it is not to be had."""
        if digest not in self._open:
            if len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open)))
            self._open[digest] = self._opened(digest)
        return self._open[digest]

    def _opened(self, digest: str) -> Opened | str:
        try:
            return opened(self.bundles.get(digest), self.device)
        except (BundleError, Broken) as error:
            return f"no heat map, since its bundle is not at hand: {error}"

    def _boxes(self, topic: str, place: tuple[int, int]) -> Boxes | None:
        record = self.at(topic, *place)
        try:
            score = None if record is None else read_event(Score, record.value)
        except Invalid:
            score = None
        return Boxes(score.regions, score.width, score.height) if score is not None and score.regions else None


@dataclass(frozen=True)
class Pictured:
    """How the frames of a pairing are shown: names of the two judges, and each frame's place and views."""

    pairing: Pairing
    names: tuple[str, str]
    place: Callable[[int], Place]
    views: Callable[[int], tuple[View, View]]
    preparation: Preparation
    answers: Answers


def gallery(
    title: str, told: str, of: int, chosen: Rows, shown: Pictured, viewer: Viewer, progress: Progress
) -> Gallery:
    """The `chosen` frames of the pairing, of `of` such, each with the frame and what both judges see."""
    strong = strengths(shown.pairing.first), strengths(shown.pairing.second)
    rows = []
    for done, each in enumerate(chosen.tolist()):
        rows.append(_row(each, shown, strong, viewer))
        progress("pictures", done + 1, len(chosen))
    return Gallery(title, told, of, tuple(rows))


def _row(each: int, shown: Pictured, strong: Sequence[Floats], viewer: Viewer) -> Row:
    place = shown.place(each)
    image = fetched(viewer.image, place)
    views = tuple(zip(shown.names, shown.views(each), strict=True))
    topic, partition, offset = place
    frame_id = UUID(bytes=bytes(shown.pairing.first.ids[each]).ljust(16, b"\0"))
    said = shown.answers.by_frame.get(frame_id)
    people = (f"people say: {said.replace('_', ' ')}",) if said is not None else ()
    sides = (shown.pairing.first, shown.pairing.second)
    return Row(
        name=str(frame_id),
        flag=f"{strong[0][each]:.2f} → {strong[1][each]:.2f}",
        facts=(
            *(_words(name, side, each) for name, side in zip(shown.names, sides, strict=True)),
            *people,
            f"{topic}[{partition}]@{offset}",
        ),
        pictures=row(image, views, shown.preparation),
    )


def _words(name: str, side: Side, each: int) -> str:
    verdict = VERDICTS[int(side.verdicts[each])]
    return f"{name}: {verdict}, score {side.scores[each]:.4g}, threshold {side.thresholds[each]:.4g}"
