"""Any frame's image and score by where they lie: in Kafka, else what of them was kept."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from andon.errors import Broken, Invalid
from andon.ids import sha256_hex
from andon.kafka.at import Blobs, image_of
from andon.reasons import Reason
from andon.records import Frame, FramePlace, Score, read_frame, read_score
from andon.stage import Record
from andon.topics import SCORES, SHADOW_SCORES
from andon_console.frames.kept import Kept
from andon_console.frames.readers import Busy, Readers

HELD_FOR_S = 30.0
MOST_HELD = 4096  # places; addresses name as many as somebody likes


class Known(Protocol):
    """What is known of a frame; `andon_console.shots.Shot` is one."""

    @property
    def frame_id(self) -> UUID: ...

    @property
    def frame(self) -> FramePlace | None: ...

    @property
    def dataref(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Gone:
    """It is not to be had any more. `why` says so in a sentence without its stop."""

    why: str


class Frames:
    """Any thread may ask. `topics` is the name or the '^' pattern of the topics that hold frames: nothing else is ever
    read as one. `is_away` says that Kafka is known not to answer, so that nobody waits for it."""

    def __init__(
        self,
        readers: Readers,
        blobs: Blobs,
        kept: Kept,
        topics: str,
        is_away: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._readers = readers
        self._blobs = blobs
        self._kept = kept
        self._topics = re.compile(topics if topics.startswith("^") else re.escape(topics))
        self._is_away = is_away
        self._clock = clock
        self._since: dict[tuple[str, int], tuple[float, str]] = {}

    def image(self, shot: Known) -> bytes | Gone:
        """The encoded image, held against its frame's id and its maker's checksum.

        Raises Busy when too many ask at once; Broken when Kafka does not answer, or a store, and nothing was kept.
        """
        try:
            found = self._from_the_line(shot)
        except Busy:
            raise
        except Broken:
            kept = self._kept.image(shot.frame_id)
            if kept is None:
                raise
            return kept
        if isinstance(found, Gone):
            return self._kept.image(shot.frame_id) or found
        return found

    def score(self, place: FramePlace | None, frame_id: UUID) -> Score | None:
        """The score of the frame, which is said to lie at `place`; None where it is gone, or lay elsewhere.

        Raises as `image`.
        """
        if place is not None and place.topic in (SCORES, SHADOW_SCORES):
            score = _score_in(self._record(place))
            if score is not None and score.frame_id == frame_id:
                return score
        return self._kept.score(frame_id)

    def scored_at(self, place: FramePlace) -> Score | None:
        """Whatever score lies there. Raises Busy, Broken."""
        return _score_in(self._record(place))

    def held_since(self, topic: str, partition: int) -> str:
        """Since when Kafka holds frames there, for people; '' where it holds none. Raises Busy, Broken."""
        known = self._since.get((topic, partition))
        if known is None or self._clock() > known[0]:
            with self._readers.lent() as reader:
                known = self._clock() + HELD_FOR_S, _written(reader.oldest(topic, partition))
            if len(self._since) >= MOST_HELD:
                self._since.clear()
            self._since[topic, partition] = known
        return known[1]

    def _record(self, place: FramePlace) -> Record | None:
        if self._is_away():
            raise Broken("Kafka does not answer")
        with self._readers.lent() as reader:
            return reader(place.topic, place.partition, place.offset)

    def _from_the_line(self, shot: Known) -> bytes | Gone:
        place = shot.frame
        if place is None or not self._topics.fullmatch(place.topic):
            return self._blob(shot.dataref) if shot.dataref else Gone("nothing says where it lies")
        record = self._record(place)
        if record is not None:
            return self._proven(record, shot.frame_id)
        return self._blob(shot.dataref) if shot.dataref else self._expired(place)

    def _proven(self, record: Record, frame_id: UUID) -> bytes | Gone:
        try:
            frame = read_frame(record)
            if frame.frame_id != frame_id:
                return Gone("another frame lies in its place: the topic was made anew")
            return _as_counted(image_of(record, frame, self._blobs), frame)
        except Invalid as error:
            return Gone(_told(error))

    def _blob(self, dataref: str) -> bytes | Gone:
        try:
            return self._blobs.get(dataref)
        except Invalid as error:
            return Gone(_told(error))

    def _expired(self, place: FramePlace) -> Gone:
        since = self.held_since(place.topic, place.partition)
        return Gone(f"expired: Kafka keeps since {since}" if since else "expired: Kafka holds no frame there any more")


def _as_counted(image: bytes, frame: Frame) -> bytes | Gone:
    if frame.sha256 is not None and sha256_hex(image) != frame.sha256.lower():
        return Gone("these are not the bytes that its maker counted")
    return image


def _told(error: Invalid) -> str:
    if error.reason is Reason.MISSING_DATA:
        return "expired: the store of large frames does not hold it"
    return error.detail


def _score_in(record: Record | None) -> Score | None:
    try:
        return read_score(record) if record is not None else None
    except Invalid:
        return None


def _written(record: Record | None) -> str:
    if record is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(record.timestamp_ms / 1000))
