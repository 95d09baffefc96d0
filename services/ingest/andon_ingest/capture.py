"""Capture: an image of one moment at a station becomes a frame, with its identity. Pure.

A capture has one `epoch` (Unix time in milliseconds when it began) and numbers the frames of each station from
0 without holes. What a source has to leave out is counted here as well, so that for every station
captured + skipped is all there was.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from andon.ids import frame_id, sha256_hex
from andon.images.jpeg import JPEG_MAGIC
from andon.images.npy import NPY_MAGIC, NPY_TYPE
from andon.images.png import PNG_MAGIC
from andon.reasons import Reason
from andon.records import Frame, frame_headers
from andon.records.frame import UNKNOWN_TYPE
from andon.stage import Headers, Message, Record, Rejected, Result
from andon.topics import FRAMES
from andon.tracing.context import traceparent

MEDIA_TYPES = {JPEG_MAGIC: "image/jpeg", PNG_MAGIC: "image/png", NPY_MAGIC: NPY_TYPE}  # by an image's first bytes
SUBJECT = "ce_subject"
SIZE = "ce_size"
MAX_SUBJECT = 512


class Skip(StrEnum):
    """Why an image never became a frame."""

    BUSY = "busy"  # a live source had the next image before Kafka took the last
    UNREADABLE = "unreadable"  # the operating system refuses to give us the file
    VANISHED = "vanished"  # the file was there when we looked and gone when we came


Skipped = Mapping[tuple[str, Skip], int]


@dataclass(frozen=True, slots=True)
class Shot:
    """What a source saw: the encoded image and what is known of it.

    `subject` names where it comes from (a file's name below its folder, a video's frame). `left_out_bytes` is the
    size of an image that is too large to be carried at all; `data` is empty then. `golden` marks the heartbeat's own.
    """

    station: str
    data: bytes
    captured_at: datetime
    subject: str | None = None
    product: str | None = None
    part: str | None = None
    traceparent: str | None = None
    left_out_bytes: int | None = None
    golden: str | None = None


class Capture:
    """Gives each shot its identity, station by station.

    `origin` is what the source calls itself ('folder', 'http'). A capture that goes on after a restart is given the
    next number of each station, and what was skipped so far.
    """

    __slots__ = ("_next", "_skipped", "_trace", "earlier", "epoch", "origin")

    def __init__(
        self,
        epoch: int,
        origin: str,
        trace: Callable[[], str],
        next_seq: Mapping[str, int] | None = None,
        skipped: Skipped | None = None,
    ) -> None:
        self.epoch = epoch
        self.origin = origin
        self._trace = trace
        self.earlier = sum((next_seq or {}).values())
        self._next = Counter(next_seq or {})
        self._skipped = Counter(skipped or {})

    @property
    def stations(self) -> list[str]:
        """The stations that have frames, in order of appearance."""
        return list(self._next)

    @property
    def skipped(self) -> Skipped:
        """What was left out since the epoch began, by station and reason."""
        return self._skipped

    def skip(self, station: str, reason: Skip, count: int = 1) -> None:
        """`count` images were left out; the station's next frame says so."""
        self._skipped[station, reason] += count

    def take(self, shot: Shot) -> Record:
        """The shot as a record with a frame's headers; its offset is its seq."""
        seq = self._next[shot.station]
        frame = self._frame(shot, seq)
        self._next[shot.station] = seq + 1
        stamp = int(shot.captured_at.timestamp() * 1000)
        headers = frame_headers(frame) + _extra_headers(shot)
        return Record(self.origin, 0, seq, shot.station.encode(), shot.data, headers, stamp)

    def _frame(self, shot: Shot, seq: int) -> Frame:
        whole = shot.left_out_bytes is None
        return Frame(
            station=shot.station,
            epoch=self.epoch,
            seq=seq,
            frame_id=frame_id(shot.station, self.epoch, seq),
            captured_at=shot.captured_at,
            content_type=content_type(shot.data),
            sha256=sha256_hex(shot.data) if whole else None,
            product=shot.product,
            part=shot.part,
            skipped=self._told(shot.station),
            traceparent=traceparent(shot.traceparent) or self._trace(),
            golden=shot.golden,
        )

    def _told(self, station: str) -> str | None:
        if not self._skipped:
            return None
        counts = ((reason, self._skipped[station, reason]) for reason in Skip)
        return ",".join(f"{reason}={count}" for reason, count in counts if count) or None


def _extra_headers(shot: Shot) -> Headers:
    extra: Headers = ()
    if shot.subject is not None:
        extra += ((SUBJECT, plain(shot.subject).encode()),)
    if shot.left_out_bytes is not None:
        extra += ((SIZE, str(shot.left_out_bytes).encode()),)
    return extra


def frames(records: Sequence[Record], _now: datetime) -> Iterable[Result]:
    """The stage's handler: every captured record is a frame, but one whose bytes no record can carry."""
    return [_result(record) for record in records]


def _result(record: Record) -> Result:
    size = record.header(SIZE)
    if size is None:
        return Message(FRAMES, record.key, record.value, record.headers)
    name = (record.header(SUBJECT) or b"").decode()
    hint = "send smaller images, or raise ANDON_CAPTURE__MAX_IMAGE_BYTES"
    return Rejected(record, Reason.TOO_LARGE, f"{name}: {size.decode()} bytes; {hint}")


def content_type(data: bytes) -> str:
    """The media type of an encoded image, by its first bytes."""
    return next((told for magic, told in MEDIA_TYPES.items() if data.startswith(magic)), UNKNOWN_TYPE)


def new_traces(random_bytes: Callable[[int], bytes]) -> Callable[[], str]:
    """Makes the traceparent of a new, sampled trace with every call."""

    def trace() -> str:
        return f"00-{random_bytes(16).hex()}-{random_bytes(8).hex()}-01"

    return trace


def plain(text: str) -> str:
    """`text` as printable characters, so that a file's name cannot forge a log line or a header."""
    return "".join(_escaped(text))[:MAX_SUBJECT]


def _escaped(text: str) -> Iterator[str]:
    for character in text:
        yield character if character.isprintable() else character.encode("unicode_escape").decode()
