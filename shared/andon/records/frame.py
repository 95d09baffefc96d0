"""A frame on Kafka: the encoded image as the value, CloudEvents binary-mode headers around it.

Attributes are `ce_*` UTF-8 headers as in the CloudEvents 1.0 Kafka binding, extension names in lower case. A
bare image with a key is a legal frame too: its identity is then its place in Kafka.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from andon.errors import Invalid
from andon.ids import foreign_frame_id, frame_id, label, station_id
from andon.reasons import Reason
from andon.records.replayed import First, earlier, first_place, first_text
from andon.records.version import check_frame_type
from andon.stage import Headers, Record
from andon.tracing.context import NAMES as TRACE_HEADERS
from andon.tracing.context import own_trace, traceparent_in

CAPTURED_TYPE = "andon.frame.captured.v1"
UNKNOWN_TYPE = "application/octet-stream"
MAX_HEADERS = 64
_GOLDEN = re.compile(r"[0-9a-f]{64}/[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
MAX_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of one moment at a station, without its bytes.

    `topic`, `partition` and `offset` say where in Kafka the original image lies. `epoch` is 0 for a foreign
    frame, and `seq` then its offset. `sha256` is of the encoded bytes, None when the producer gave none.
    `subject` is what its maker calls it, such as a file name. `dataref` names the bytes in the store when the
    record does not carry them. `skipped` is what ingest left out before this frame since the epoch began, as
    'reason=count,...'. `golden` marks a frame of the heartbeat, '<bundle>/<name>', whose verdict is known: it is
    inspected like any other, and stands in no statistic. A foreign frame is never one. `replayed` is where it lay at
    first, of a frame that was a dead letter and was sent again; a foreign one keeps the identity it had there.
    """

    station: str
    epoch: int
    seq: int
    frame_id: UUID
    captured_at: datetime
    content_type: str = UNKNOWN_TYPE
    sha256: str | None = None
    product: str | None = None
    part: str | None = None
    subject: str | None = None
    dataref: str | None = None
    skipped: str | None = None
    traceparent: str | None = None
    golden: str | None = None
    replayed: First | None = None
    topic: str = ""
    partition: int = -1
    offset: int = -1

    @property
    def foreign(self) -> bool:
        """Whether somebody else produced it, without our headers."""
        return self.epoch == 0


def frame_headers(frame: Frame, ce_type: str = CAPTURED_TYPE) -> Headers:
    """The CloudEvents headers that carry `frame`."""
    pairs: list[tuple[str, str | None]] = [
        ("ce_specversion", "1.0"),
        ("ce_id", str(frame.frame_id)),
        ("ce_source", f"/andon/{frame.station}"),
        ("ce_type", ce_type),
        ("ce_time", rfc3339(frame.captured_at)),
        ("content-type", frame.content_type),
        ("ce_station", frame.station),
        ("ce_epoch", str(frame.epoch)),
        ("ce_seq", str(frame.seq)),
        ("ce_sha256", frame.sha256),
        ("ce_product", frame.product),
        ("ce_part", frame.part),
        ("ce_subject", frame.subject),
        ("ce_dataref", frame.dataref),
        ("ce_skipped", frame.skipped),
        ("traceparent", frame.traceparent),
        ("ce_golden", frame.golden),
        ("ce_replayed", first_text(frame.replayed)),
    ]
    return tuple((name, text.encode()) for name, text in pairs if text is not None)


def identity_headers(frame: Frame) -> Headers:
    """Which frame it is, for what follows from one: so that nobody has to read the whole record to know."""
    origin = json.dumps([frame.topic, frame.partition, frame.offset]) if frame.foreign else None
    pairs: list[tuple[str, str | None]] = [
        ("ce_id", str(frame.frame_id)),
        ("ce_station", frame.station),
        ("ce_epoch", str(frame.epoch)),
        ("ce_seq", str(frame.seq)),
        ("ce_origin", origin),
        ("ce_replayed", first_text(frame.replayed)),
        ("traceparent", frame.traceparent),
    ]
    return tuple((name, text.encode()) for name, text in pairs if text is not None)


def read_frame(record: Record) -> Frame:
    """The frame that `record` carries, ours or foreign.

    Raises Invalid: BAD_STATION when neither header nor key names a station, BAD_HEADER when a header is not
    what its name promises, SCHEMA_TOO_NEW for a frame of a newer Andon.
    """
    headers = header_map(record)
    check_frame_type(headers.get("ce_type"))
    if "ce_station" not in headers:
        return _foreign(record, headers)
    epoch = whole(headers, "ce_epoch", at_least=1)
    seq = whole(headers, "ce_seq")
    station = station_id(headers["ce_station"])
    return Frame(
        station=station,
        epoch=epoch,
        seq=seq,
        frame_id=frame_id(station, epoch, seq),
        captured_at=moment(headers, "ce_time"),
        sha256=headers.get("ce_sha256"),
        dataref=headers.get("ce_dataref"),
        skipped=headers.get("ce_skipped"),
        content_type=headers.get("content-type", UNKNOWN_TYPE),
        product=optional_label(headers, "ce_product"),
        part=optional_label(headers, "ce_part"),
        subject=subject(headers),
        traceparent=traceparent_in(record.headers),
        golden=golden(headers),
        replayed=first_place(headers),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def _foreign(record: Record, headers: Mapping[str, str]) -> Frame:
    if not record.key:
        raise Invalid(Reason.BAD_STATION, "a frame needs its station: as the record key, or as header ce_station")
    replayed = earlier(record, headers)
    offset = replayed.offset if replayed else record.offset
    known_as = foreign_frame_id(record.topic, record.partition, offset)
    return Frame(
        station=station_id(record.key.decode(errors="replace")),
        epoch=0,
        seq=offset,
        frame_id=known_as,
        captured_at=_calendar(replayed.timestamp_ms) if replayed else written_at(record),
        content_type=headers.get("content-type", UNKNOWN_TYPE),
        product=optional_label(headers, "ce_product"),
        part=optional_label(headers, "ce_part"),
        subject=subject(headers),
        traceparent=traceparent_in(record.headers) or own_trace(known_as),
        replayed=replayed,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def header_map(record: Record) -> dict[str, str]:
    """The headers Andon reads, as text. Raises Invalid(BAD_HEADER) for too many, too long or not UTF-8."""
    if len(record.headers) > MAX_HEADERS:
        raise Invalid(Reason.BAD_HEADER, f"{len(record.headers)} headers; at most {MAX_HEADERS}")
    found: dict[str, str] = {}
    for name, value in record.headers:
        if not name.startswith(("ce_", "content-type")) or name in TRACE_HEADERS:
            continue
        if value is None or len(value) > MAX_HEADER_BYTES:
            raise Invalid(Reason.BAD_HEADER, f"header {name[:40]!r}: 1 to {MAX_HEADER_BYTES} bytes")
        try:
            found.setdefault(name, value.decode())
        except UnicodeDecodeError:
            raise Invalid(Reason.BAD_HEADER, f"header {name[:40]!r} is not UTF-8") from None
    return found


def optional_label(headers: Mapping[str, str], name: str) -> str | None:
    """A product or part from a header, checked; None where the header is absent."""
    return label(headers[name], name) if headers.get(name) else None


def subject(headers: Mapping[str, str]) -> str | None:
    """What its maker calls the frame. Raises Invalid(BAD_HEADER) for control characters or more than 512 of any."""
    text = headers.get("ce_subject")
    if text and (len(text) > 512 or not text.isprintable()):
        raise Invalid(Reason.BAD_HEADER, f"header ce_subject {text[:80]!r}: at most 512 printable characters")
    return text or None


def golden(headers: Mapping[str, str]) -> str | None:
    """The mark of a golden frame: '<bundle>/<name>'. Raises Invalid(BAD_HEADER) for anything else."""
    text = headers.get("ce_golden")
    if text and not _GOLDEN.fullmatch(text):
        raise Invalid(Reason.BAD_HEADER, f"header ce_golden {text[:80]!r}: a bundle's digest, '/' and a name")
    return text or None


def whole(headers: Mapping[str, str], name: str, at_least: int = 0) -> int:
    """A whole number from a header. Raises Invalid(BAD_HEADER)."""
    text = headers.get(name, "")
    if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) < at_least:
        raise Invalid(Reason.BAD_HEADER, f"header {name}: {text[:40]!r} is not a whole number of at least {at_least}")
    return int(text)


def written_at(record: Record) -> datetime:
    """When the record was written, in UTC. Raises Invalid(BAD_RECORD) for a time that no calendar has."""
    return _calendar(record.timestamp_ms)


def _calendar(stamp_ms: int) -> datetime:
    try:
        return datetime.fromtimestamp(stamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise Invalid(Reason.BAD_RECORD, f"timestamp {stamp_ms}: not milliseconds since 1970") from None


def moment(headers: Mapping[str, str], name: str) -> datetime:
    """A point in time from an RFC 3339 header, in UTC. Raises Invalid(BAD_HEADER)."""
    text = headers.get(name, "")
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):  # the first and last hours of the calendar are nowhere in UTC
        raise Invalid(Reason.BAD_HEADER, f"header {name}: {text[:40]!r} is not an RFC 3339 time") from None
    raise Invalid(Reason.BAD_HEADER, f"header {name}: {text[:40]!r} has no time zone")


def rfc3339(at: datetime) -> str:
    """`at` as CloudEvents writes time: UTC, microseconds, 'Z'."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
