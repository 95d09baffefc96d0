"""Kept evidence: what of an incident was copied out of Kafka, and where it lies in the evidence store.

    <incident_id>/incident.json            its last turn, and what is kept and what could not be (`Dossier`)
    <incident_id>/<frame_id>.jpg           the encoded image, byte for byte (.png, .npy, .bin as it is)
    <incident_id>/<frame_id>.heat.png      the heat map of its score, 8-bit grey: 128 is the threshold
    <incident_id>/<frame_id>.score.json    its `Score`, byte for byte

`andon evidence` writes it.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from andon.images.jpeg import JPEG_MAGIC
from andon.images.npy import NPY_MAGIC
from andon.images.png import PNG_MAGIC
from andon.records import Event, FramePlace, IncidentEvent

DOSSIER = "incident.json"
HEAT = ".heat.png"
SCORE = ".score.json"
EXTENSIONS = {JPEG_MAGIC: "jpg", PNG_MAGIC: "png", NPY_MAGIC: "npy"}


class Lost(StrEnum):
    """Why a frame could not be kept."""

    EXPIRED = "expired"  # Kafka does not hold the record any more
    NO_TOPIC = "no_topic"  # there is no such topic or partition (any more)
    OTHER_FRAME = "other_frame"  # another frame lies in its place: the topic was made anew
    CHECKSUM_MISMATCH = "checksum_mismatch"  # not the bytes its maker counted
    MISSING_DATA = "missing_data"  # the store of large frames does not hold it, or it is none of its names
    ENOUGH = "enough"  # the incident has its most frames already
    NO_PLACE = "no_place"  # the answer on it does not say where it lies, and no incident's evidence holds it
    REHEARSAL = "rehearsal"  # somebody answered a frame of a drill, or a golden frame, which teach nobody anything


class KeptFrame(BaseModel):
    """One frame that is kept: the file of its image, of `size` bytes; `heat` and `score`: those of its other files."""

    model_config = ConfigDict(frozen=True)

    frame_id: UUID
    name: str
    size: int
    sha256: str
    heat: int = 0
    score: int = 0

    @property
    def total(self) -> int:
        """Bytes of all its files."""
        return self.size + self.heat + self.score


class LostFrame(BaseModel):
    """One frame that could not be kept. `held_since` is when the oldest record was written that Kafka still held."""

    model_config = ConfigDict(frozen=True)

    frame_id: UUID
    frame: FramePlace
    why: Lost
    held_since: datetime | None = None


class Dossier(Event):
    """`incident.json`: one incident, as far as it has gone. `sentence` is how it began; `turn` is its last turn."""

    sentence: str
    turn: IncidentEvent
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    frames: tuple[KeptFrame, ...] = ()
    lost: tuple[LostFrame, ...] = ()

    @property
    def known(self) -> frozenset[UUID]:
        """The frames it needs not ask for again."""
        return frozenset({each.frame_id for each in self.frames} | {each.frame_id for each in self.lost})

    @property
    def size(self) -> int:
        """Bytes of what is kept, without this file."""
        return sum(each.total for each in self.frames)


def extension(image: bytes) -> str:
    """How the file of an encoded image ends."""
    return next((name for magic, name in EXTENSIONS.items() if image.startswith(magic)), "bin")
