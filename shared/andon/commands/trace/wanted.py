"""Which frame people mean: by its id, by its trace, by its number in a capture, or by where it lies in Kafka. Pure."""

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from andon.errors import Invalid, Mistake
from andon.ids import foreign_frame_id, frame_id, station_id
from andon.letters.letter import read_letter
from andon.records import FramePlace, read_frame
from andon.stage import Record
from andon.topics import DEAD_LETTERS, SCORES
from andon.tracing.context import trace_id, traceparent_in

LEAST_EPOCH = 10_000_000_000  # milliseconds: April 1970. No partition is numbered so high
_THREE = re.compile(r"([A-Za-z0-9._-]{1,249})/(\d{1,15})/(\d{1,18})")
_HEAD_BYTES = 300
HINT = (
    "say a frame's id (32 digits, as pages and `andon incidents show` name it), its trace, station/epoch/seq, or "
    "topic/partition/offset"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A frame. `frame_id` may be the id of its trace instead. `since`: it was not captured before. `place` is where its
    image lies, where they said that."""

    text: str
    frame_id: UUID
    station: str | None = None
    since: datetime | None = None
    place: FramePlace | None = None

    def is_in(self, record: Record) -> bool:
        """Whether `record` (of a frame, of a score, or dead) is of this frame: by its headers; by its value, where it
        is a score of an Andon that wrote none."""
        return self._is(record) or trace_id(traceparent_in(record.headers)) == self.frame_id.hex

    def of(self, frame_id: UUID, station: str) -> "Wanted":
        """The same, when it is known which frame it is."""
        return replace(self, frame_id=frame_id, station=station)

    def _is(self, record: Record) -> bool:
        known_as = record.header("ce_id")
        if known_as is not None:
            return known_as == str(self.frame_id).encode()
        if record.topic == SCORES:
            return f'"frame_id":"{self.frame_id}"'.encode() in record.value[:_HEAD_BYTES]
        return _bare(record) == self.frame_id


def wanted(text: str, station: str | None) -> Wanted:
    """What `text` means, at `station` if they said which. Raises Mistake."""
    where = _station(station) if station else None
    three = _THREE.fullmatch(text.strip())
    if three is None:
        return Wanted(text, _id(text), where)
    name, middle, last = three[1], int(three[2]), int(three[3])
    if middle < LEAST_EPOCH:
        place = FramePlace(topic=name, partition=middle, offset=last)
        return Wanted(text, foreign_frame_id(name, middle, last), where, place=place)
    named = _station(name)
    if where not in (None, named):
        raise Mistake(f"{text} is of station {named}, and --station says {where}")
    return Wanted(text, frame_id(named, middle, last), named, since=_moment(middle, text))


def _bare(record: Record) -> UUID | None:
    """The id of an image without our headers; of one that became a dead letter too."""
    if record.topic == DEAD_LETTERS:
        return read_letter(record).frame_id
    with suppress(Invalid):
        return read_frame(record).frame_id
    return None


def _id(text: str) -> UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        raise Mistake(f"{text[:60]!r} names no frame; {HINT}") from None


def _station(text: str) -> str:
    try:
        return station_id(text)
    except Invalid as error:
        raise Mistake(error.detail) from None


def _moment(epoch_ms: int, text: str) -> datetime:
    try:
        return datetime.fromtimestamp(epoch_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise Mistake(f"{text[:60]!r}: no calendar has the epoch {epoch_ms}; {HINT}") from None
