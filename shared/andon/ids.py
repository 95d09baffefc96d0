"""Identity: everything Andon makes derives its id from the frame it came from, so a repeat is recognised."""

import hashlib
import re
from uuid import UUID, uuid5

from andon.errors import Invalid
from andon.reasons import Reason

_NAMESPACE = UUID("7a1f6f1e-0b5d-5f0e-9d6c-3c1c2f6d3a11")
_STATION = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/#+-]{0,127}")

DRILL = "drill."
"""How the names of drill copies begin: rehearsals, which wake nobody."""

DRILL_OVER = "drill over"
"""What the last frame of a drill copy is called: no other is to come, so that its silence is no incident."""


def frame_id(station: str, epoch: int, seq: int) -> UUID:
    """The id of a frame that ingest captured."""
    return uuid5(_NAMESPACE, f"frame/{station}/{epoch}/{seq}")


def foreign_frame_id(topic: str, partition: int, offset: int) -> UUID:
    """The id of a frame that somebody else produced: its place in Kafka."""
    return uuid5(_NAMESPACE, f"foreign/{topic}/{partition}/{offset}")


def derived_id(parent: UUID, *parts: str) -> UUID:
    """The id of something that follows from `parent`, such as an incident from its first frame."""
    return uuid5(parent, "/".join(parts))


def notice_id(kind: str, station: str, product: str | None, bundle: str | None, at: str) -> UUID:
    """The id of a notice. `at` names the occasion: the time of the assignment it is about, say."""
    return uuid5(_NAMESPACE, f"notice/{kind}/{station}/{product or '*'}/{bundle or ''}/{at}")


def finding_id(by: str, cause: str, station: str, since: str) -> UUID:
    """The id of a finding, and of the incident it becomes. `since` names the occasion."""
    return uuid5(_NAMESPACE, f"finding/{by}/{cause}/{station}/{since}")


def drill_of(station: str) -> str | None:
    """The station that `station` is a drill copy of; None where it is a real one."""
    return station.removeprefix(DRILL) if station.startswith(DRILL) else None


def sha256_hex(data: bytes) -> str:
    """The sha256 of `data`, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def station_id(text: str) -> str:
    """`text` if it may name a station.

    Raises Invalid(BAD_STATION): the id becomes a Kafka key, a Redis key, a metric label and a folder name,
    so it holds only a-z, 0-9, '-', '.', '_', starts with a letter or digit and has at most 64 characters.
    """
    if _STATION.fullmatch(text):
        return text
    hint = suggest_station(text)
    tail = f"; try '{hint}'" if hint else ""
    raise Invalid(
        Reason.BAD_STATION,
        f"station {text[:80]!r}: a station id may hold a-z, 0-9, '-', '.', '_' (at most 64){tail}",
    )


def suggest_station(text: str) -> str:
    """The nearest legal station id, or '' when nothing of `text` can stay."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.strip().lower()).strip("-._")[:64]


def label(text: str, what: str) -> str:
    """`text` if it may name a product or a part.

    Raises Invalid(BAD_HEADER): at most 128 printable characters, no control characters and no line breaks,
    since it is logged, shown and kept.
    """
    if _LABEL.fullmatch(text):
        return text
    raise Invalid(Reason.BAD_HEADER, f"{what} {text[:80]!r}: 1 to 128 letters, digits, spaces or ._:/#+-")
