"""A dead letter's record as it is written again: the same bytes, the same frame."""

from dataclasses import dataclass

from andon.dead_letters import HEADER
from andon.letters.letter import origin_of, read_letter
from andon.records.replayed import REPLAYED, First, first_text
from andon.stage import Headers, Record
from andon.topics import SCORES


@dataclass(frozen=True, slots=True)
class Again:
    """A record to be written to one partition: the one it came from, so that its station stays in order."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers

    @property
    def size(self) -> int:
        """Bytes of its value."""
        return len(self.value)


def original(letter: Record) -> Record | None:
    """The record as it was before it became a dead letter, with the count of its replays; None where it was none."""
    origin, said = origin_of(letter), read_letter(letter)
    if origin is None:
        return None
    headers = tuple(pair for pair in letter.headers if not pair[0].startswith(HEADER) or pair[0] == REPLAYED)
    written = said.written_ms if said.written_ms is not None else letter.timestamp_ms
    return Record(origin.topic, origin.partition, origin.offset, letter.key, letter.value, headers, written)


def again(record: Record) -> Again:
    """`record`, to be written again where it lies. A frame says where it lay first, and when: a foreign one is still
    the frame it was, whatever its new offset; of ours the headers say it anyway. A frame that says so already, says the
    same."""
    headers = tuple(pair for pair in record.headers if not pair[0].startswith(HEADER))
    if record.topic != SCORES and not any(name == "ce_replayed" for name, _ in headers):
        first = first_text(First(record.topic, record.partition, record.offset, record.timestamp_ms)) or ""
        headers += (("ce_replayed", first.encode()),)
    headers += ((REPLAYED, str(_replays(record) + 1).encode()),)
    return Again(record.topic, record.partition, record.key, record.value, headers)


def is_foreign(record: Record) -> bool:
    """Whether its place is its identity."""
    return record.topic != SCORES and record.header("ce_station") is None


def _replays(record: Record) -> int:
    text = (record.header(REPLAYED) or b"").decode(errors="replace")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
