"""What of a frame was copied out of Kafka: with an incident that shows it, or because somebody answered it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol
from uuid import UUID

from andon.errors import Invalid
from andon.evidence import DOSSIER, SCORE, Dossier, KeptFrame
from andon.folder import Folder
from andon.ids import sha256_hex
from andon.records import Answer, Score, read_event
from andon.reviewed import ENDINGS, MOST_BYTES, ReviewedFrame, reviewed_of

MAX_DOSSIER_BYTES = 4 * 1024**2
MAX_SCORE_BYTES = 1024**2


class Shows(Protocol):
    """Which incidents show a frame; `andon_console.live.incidents.Incidents` knows."""

    def showing(self, frame: UUID) -> list[UUID]:
        """The ids of those incidents."""


class Kept:
    """The evidence store, as one who looks for a frame sees it. Everything raises Broken when it does not answer."""

    def __init__(self, store: Folder, incidents: Shows, said: Callable[[UUID], Answer | None]) -> None:
        self._store = store
        self._incidents = incidents
        self._said = said

    def image(self, frame_id: UUID) -> bytes | None:
        """The encoded image, proven by the sha256 it was kept with; None where none was kept."""
        for incident, kept in self._of_incidents(frame_id):
            data = self._read(f"{incident}/{kept.name}", kept.size + 1)
            if data and sha256_hex(data) == kept.sha256:
                return data
        reviewed = self._reviewed(frame_id)
        with suppress(Invalid):
            return reviewed.image() if reviewed else None
        return None

    def score(self, frame_id: UUID) -> Score | None:
        """Its score; None where none was kept."""
        for incident, kept in self._of_incidents(frame_id):
            score = _score_of(self._read(f"{incident}/{frame_id}{SCORE}", min(kept.score, MAX_SCORE_BYTES)), frame_id)
            if score is not None:
                return score
        reviewed = self._reviewed(frame_id)
        return reviewed.score() if reviewed else None

    def _of_incidents(self, frame_id: UUID) -> Iterator[tuple[UUID, KeptFrame]]:
        """Where incidents keep it; a file that names anything but the frame's own files is passed over."""
        own = {f"{frame_id}{ending}" for ending in ENDINGS}
        for incident in self._incidents.showing(frame_id):
            with suppress(Invalid):
                data = self._read(f"{incident}/{DOSSIER}", MAX_DOSSIER_BYTES)
                frames = read_event(Dossier, data).frames if data else ()
                found = (each for each in frames if each.frame_id == frame_id and each.name in own)
                yield from ((incident, each) for each in found if each.size <= MOST_BYTES)

    def _reviewed(self, frame_id: UUID) -> ReviewedFrame | None:
        said = self._said(frame_id)
        with suppress(Invalid):
            found = reviewed_of(self._store, said.station, frame_id) if said else None
            return ReviewedFrame(self._store, found) if found and not found.withdrawn else None
        return None

    def _read(self, name: str, size: int) -> bytes:
        with suppress(FileNotFoundError):
            return self._store.read(name, size) if size else b""
        return b""


def _score_of(data: bytes, frame_id: UUID) -> Score | None:
    with suppress(Invalid):
        score = read_event(Score, data) if data else None
        return score if score is not None and score.frame_id == frame_id else None
    return None
