"""A dead letter without its bytes: what its headers say. Anybody may have written them, and nothing raises for it."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from andon.dead_letters import HEADER
from andon.errors import Invalid, Mistake
from andon.ids import foreign_frame_id, station_id
from andon.records.replayed import REPLAYED, First, first_place
from andon.records.score import FramePlace
from andon.stage import Record
from andon.topics import DEAD_LETTERS

_NAME = re.compile(r"(\d{1,9})/(\d{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `at` is when it was rejected, by `service` of `version`; `origin` is where the record lay, None
    where no Kafka topic held it, and `written_ms` when it was written there. `station` is None where nobody can tell.
    `frame_id` is the frame it was, where it was one. `repeats` says how many times it was sent again before.
    """

    partition: int
    offset: int
    at: datetime
    reason: str
    detail: str = ""
    service: str = ""
    version: str = ""
    origin: FramePlace | None = None
    written_ms: int | None = None
    station: str | None = None
    frame_id: UUID | None = None
    size: int = 0
    repeats: int = 0
    golden: bool = False

    @property
    def name(self) -> str:
        """What people call it: 'partition/offset'."""
        return f"{self.partition}/{self.offset}"

    @property
    def place(self) -> FramePlace:
        """Where it lies."""
        return FramePlace(topic=DEAD_LETTERS, partition=self.partition, offset=self.offset)

    @property
    def came_from(self) -> str:
        """Where the record lay, in words."""
        if self.origin is None:
            return f"{self.service or 'nobody knows where'}: it never lay in a topic"
        return f"{self.origin.topic}/{self.origin.partition}/{self.origin.offset}"


def letter_place(text: str) -> tuple[int, int]:
    """The partition and the offset of a letter that people call `text`. Raises Mistake."""
    found = _NAME.fullmatch(text.strip())
    if found is None:
        raise Mistake(
            f"{text[:40]!r} is no dead letter: say partition/offset, as andon dead-letters list --letters does"
        )
    return int(found[1]), int(found[2])


def read_letter(record: Record) -> Letter:
    """What a record of `dead-letters` says of itself. What it does not say, or says falsely, is left open."""
    said = {name: value for name, value in record.headers if value is not None}  # ours come last, and count
    origin = origin_of(record)
    return Letter(
        partition=record.partition,
        offset=record.offset,
        at=_moment(record.timestamp_ms),
        reason=_text(said, HEADER + "reason")[:64] or "unknown",
        detail=_text(said, HEADER + "detail")[:MOST_SHOWN],
        service=_text(said, HEADER + "service")[:64],
        version=_text(said, HEADER + "version")[:64],
        origin=origin,
        written_ms=_whole(said, HEADER + "timestamp-ms"),
        station=_station(said, record.key),
        frame_id=_frame_id(said, origin),
        size=len(record.value),
        repeats=_whole(said, REPLAYED) or int("ce_replayed" in said),
        golden="ce_golden" in said,
    )


def origin_of(letter: Record) -> FramePlace | None:
    """Where the record of a dead letter lay; None where its headers name no place in Kafka."""
    said = {name: value for name, value in letter.headers if value is not None}
    topic, service = _text(said, HEADER + "topic"), _text(said, HEADER + "service")
    partition, offset = _whole(said, HEADER + "partition"), _whole(said, HEADER + "offset")
    if not topic or partition is None or offset is None or service.startswith("ingest"):
        return None
    return FramePlace(topic=topic, partition=partition, offset=offset)


def shown(text: str, most: int = MOST_SHOWN) -> str:
    """`text` as a terminal and a page may show it: what is no plain character becomes its number."""
    cut = text if len(text) <= most else text[:most] + "..."
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)


def _text(said: dict[str, bytes], name: str) -> str:
    return said.get(name, b"").decode(errors="replace")


def _whole(said: dict[str, bytes], name: str) -> int | None:
    text = _text(said, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _station(said: dict[str, bytes], key: bytes | None) -> str | None:
    with suppress(Invalid, UnicodeDecodeError):
        return station_id((said.get("ce_station") or key or b"").decode())
    return None


def _frame_id(said: dict[str, bytes], origin: FramePlace | None) -> UUID | None:
    if "ce_id" in said and "ce_station" in said:
        with suppress(ValueError):
            return UUID(_text(said, "ce_id"))
    first: First | FramePlace | None = origin
    with suppress(Invalid):
        first = first_place({"ce_replayed": _text(said, "ce_replayed")}) or origin
    return foreign_frame_id(first.topic, first.partition, first.offset) if first else None


def _moment(stamp_ms: int) -> datetime:
    try:
        return datetime.fromtimestamp(stamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return _EPOCH
