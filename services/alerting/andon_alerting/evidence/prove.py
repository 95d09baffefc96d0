"""Proof: that what was found is the frame that the event shows, and that its bytes are those its maker counted."""

from base64 import b64decode
from binascii import Error as NotBase64
from datetime import datetime
from typing import Protocol

from andon.errors import Invalid
from andon.evidence import Lost
from andon.ids import sha256_hex
from andon.reasons import Reason
from andon.records import Evidence, Score, read_event
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


def image_of(wanted: Evidence, found: Found, score: Score | None, blobs: Blobs) -> bytes:
    """The encoded image, proven. Raises Unkept, and StoreAway for the store of large frames."""
    if wanted.dataref:
        return _blob(blobs, wanted.dataref)
    if isinstance(found, Gone):
        raise Unkept(Lost.EXPIRED if found.topic else Lost.NO_TOPIC, found.since)
    frame = _frame(found, wanted)
    image = found.value if found.value or frame.dataref is None else _blob(blobs, frame.dataref)
    promised = frame.sha256 or (score.sha256 if score else None)
    if promised is not None and sha256_hex(image) != promised.lower():
        raise Unkept(Lost.CHECKSUM_MISMATCH)
    return image


def score_of(record: Record | None, wanted: Evidence) -> Score | None:
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


def _frame(record: Record, wanted: Evidence) -> Frame:
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
