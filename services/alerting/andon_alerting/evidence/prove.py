"""Proof: that what was found is the frame that the event shows, and that its bytes are those its maker counted."""

from base64 import b64decode
from binascii import Error as NotBase64
from datetime import datetime
from typing import Protocol
from uuid import UUID

from andon.errors import Invalid
from andon.evidence import Lost
from andon.ids import sha256_hex
from andon.reasons import Reason
from andon.records import Answer, Evidence, Score, read_event
from andon.records.frame import Frame, read_frame
from andon.stage import Record
from andon_alerting.evidence.fetch import Found, Gone
from andon_alerting.evidence.shelf import told_away


class Blobs(Protocol):
    """What keeps large images; `andon.store.BlobStore` is one."""

    def get(self, dataref: str) -> bytes:
        """The bytes behind `dataref`, proven. Raises Invalid for one that is false, Broken when the store fails."""


class Unkept(Exception):
    """A frame cannot be kept, and why."""

    def __init__(self, why: Lost, held_since: datetime | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.held_since = held_since


class Wanted(Protocol):
    """A frame to be kept: an `Evidence`, or an `Answer`."""

    @property
    def frame_id(self) -> UUID:
        """Which frame it is."""


def image_of(wanted: Evidence, found: Found, score: Score | None, blobs: Blobs) -> bytes:
    """The encoded image that an event shows, proven. Raises Unkept, and StoreAway for the store of large frames."""
    if wanted.dataref:
        return _blob(blobs, wanted.dataref)
    if isinstance(found, Gone):
        raise Unkept(Lost.EXPIRED if found.topic else Lost.NO_TOPIC, found.since)
    return _carried(found, _frame(found, wanted), score, blobs)


def answered_image(answer: Answer, found: Found, score: Score | None, blobs: Blobs) -> bytes:
    """The encoded image that an answer is about, proven. Raises as `image_of`."""
    if isinstance(found, Record):
        frame = _frame(found, answer)
        if frame.golden is not None:
            raise Unkept(Lost.REHEARSAL)
        if frame.station != answer.station:
            raise Unkept(Lost.OTHER_FRAME)
        return _carried(found, frame, score, blobs)
    if answer.dataref:
        return _promised(_blob(blobs, answer.dataref), score.sha256 if score else None)
    if answer.frame is None:
        raise Unkept(Lost.NO_PLACE)
    raise Unkept(Lost.EXPIRED if found.topic else Lost.NO_TOPIC, found.since)


def score_of(record: Record | None, wanted: Wanted) -> Score | None:
    """The score in `record`, when it is the frame's."""
    try:
        score = read_event(Score, record.value) if record is not None else None
    except Invalid:
        return None
    return score if score is not None and score.frame_id == wanted.frame_id else None


def heat_map(score: Score | None) -> bytes:
    """The heat map of a score, PNG; b"" where there is none."""
    try:
        return b64decode(score.heat_map, validate=True) if score is not None and score.heat_map else b""
    except NotBase64:
        return b""


def _carried(record: Record, frame: Frame, score: Score | None, blobs: Blobs) -> bytes:
    image = record.value if record.value or frame.dataref is None else _blob(blobs, frame.dataref)
    return _promised(image, frame.sha256 or (score.sha256 if score else None))


def _promised(image: bytes, sha256: str | None) -> bytes:
    if sha256 is not None and sha256_hex(image) != sha256.lower():
        raise Unkept(Lost.CHECKSUM_MISMATCH)
    return image


def _frame(record: Record, wanted: Wanted) -> Frame:
    try:
        frame = read_frame(record)
    except Invalid:
        raise Unkept(Lost.OTHER_FRAME) from None
    if frame.frame_id != wanted.frame_id:
        raise Unkept(Lost.OTHER_FRAME)
    return frame


def _blob(blobs: Blobs, dataref: str) -> bytes:
    try:
        with told_away():
            return blobs.get(dataref)
    except Invalid as error:
        mismatch = error.reason is Reason.CHECKSUM_MISMATCH
        raise Unkept(Lost.CHECKSUM_MISMATCH if mismatch else Lost.MISSING_DATA) from None
