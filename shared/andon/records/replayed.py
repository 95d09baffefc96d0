"""What says that a record was a dead letter and was sent again: `andon-replayed`, how many times; and of a frame where
it lay at first, `ce_replayed`: [topic, partition, offset, milliseconds]."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import TypeAdapter

from andon.errors import Invalid
from andon.reasons import Reason
from andon.stage import Record

NAME = "ce_replayed"
REPLAYED = "andon-replayed"
_Place: TypeAdapter[tuple[str, int, int, int]] = TypeAdapter(tuple[str, int, int, int])


class First(NamedTuple):
    """Where a frame lay before somebody sent it again, and when it was written there, Unix time in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


def sent_again(record: Record) -> bool:
    """Whether somebody sent it again, or the frame that it follows from."""
    return any(name in (REPLAYED, NAME) for name, _ in record.headers)


def first_text(first: First | None) -> str | None:
    """As the header has it, JSON."""
    return json.dumps(list(first)) if first else None


def first_place(headers: Mapping[str, str]) -> First | None:
    """Where a frame that was sent again lay at first. Raises Invalid(BAD_HEADER)."""
    text = headers.get(NAME)
    if not text:
        return None
    try:
        first = First(*_Place.validate_json(text, strict=True))
    except ValueError:
        first = None
    if first is None or min(first.partition, first.offset) < 0:
        raise Invalid(Reason.BAD_HEADER, f"header {NAME} {text[:80]!r}: not a topic, a partition, an offset and a time")
    return first


def earlier(record: Record, headers: Mapping[str, str]) -> First | None:
    """The first place of a foreign frame, which is its identity: an earlier one of the same partition, so that nobody
    can take the name of a frame that is still to come. Raises Invalid(BAD_HEADER).
    """
    first = first_place(headers)
    if first and (first[:2] != (record.topic, record.partition) or first.offset >= record.offset):
        raise Invalid(Reason.BAD_HEADER, f"header {NAME} {headers[NAME][:80]!r}: no earlier place of this partition")
    return first
