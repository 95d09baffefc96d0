"""What passes a stage, noted from outside and said now and then in `ledger`: so that a hole shows where it was made.

Notes follow what is acknowledged, and a process that is killed says nothing of its last seconds: whoever adds up takes
what later hops saw, and what lies in `scores` and `dead-letters`, as proof of the earlier ones.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from andon.errors import Invalid
from andon.ids import station_id
from andon.records.event import write_event
from andon.records.passed import Hop, Passed, Span
from andon.stage import Headers, Message, Record
from andon.topics import FRAMES, LEDGER, PREPARED, SCORES

READERS = {"preprocess": Hop.REACHED_PREPROCESS, "scoring": Hop.REACHED_SCORING}
"""The stages whose taking in counts."""

WRITTEN = {FRAMES: Hop.CAPTURED, PREPARED: Hop.PREPARED, SCORES: Hop.SCORED}
"""The topics into which writing counts; every other topic of frames counts as the first."""

MOST_SPANS = 1000
"""More in one record are told in several."""


class Which(NamedTuple):
    """A capture: of one station and epoch; of foreign frames, of one station in one partition (`origin`)."""

    station: str
    epoch: int
    origin: str | None = None


@dataclass(slots=True)
class _Note:
    """Of one capture: the numbers seen at each point, as spans that grow."""

    spans: dict[Hop, list[list[int]]] = field(default_factory=dict)
    skipped: str | None = None

    def add(self, point: Hop, seq: int) -> None:
        spans = self.spans.setdefault(point, [])
        if spans and spans[-1][1] + 1 == seq:
            spans[-1][1] = seq
        elif not spans or not spans[-1][0] <= seq <= spans[-1][1]:
            spans.append([seq, seq])


class Passing:
    """Notes what passes the stage called `stage`. One thread."""

    __slots__ = ("_notes", "_reads", "_stage")

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._reads = READERS.get(stage)
        self._notes: dict[Which, _Note] = {}

    def took(self, records: Sequence[Record]) -> None:
        """These were handled."""
        if self._reads is not None:
            for record in records:
                self._add(self._reads, of_record(record), record.headers)

    def sent(self, messages: Sequence[Message]) -> None:
        """These were acknowledged."""
        for message in messages:
            point = written_point(message.topic)
            if point is not None:
                self._add(point, of_headers(message.headers), message.headers)

    def told(self, now: datetime) -> list[Message]:
        """What was noted since the last time, as messages; then it is forgotten."""
        notes, self._notes = self._notes, {}
        return [message for which, note in notes.items() for message in self._messages(which, note, now)]

    def _add(self, point: Hop, found: tuple[Which, int] | None, headers: Headers) -> None:
        if found is None:
            return
        which, seq = found
        note = self._notes.get(which)
        if note is None:
            note = self._notes[which] = _Note()
        note.add(point, seq)
        skipped = next((value for name, value in headers if name == "ce_skipped"), None)
        if skipped is not None:
            note.skipped = skipped.decode(errors="replace")

    def _messages(self, which: Which, note: _Note, now: datetime) -> list[Message]:
        flat = [(point, (first, last)) for point, spans in note.spans.items() for first, last in spans]
        pieces = [flat[start : start + MOST_SPANS] for start in range(0, len(flat), MOST_SPANS)]
        return [self._message(which, piece, skipped_of(note.skipped), now) for piece in pieces]

    def _message(
        self, which: Which, piece: Sequence[tuple[Hop, Span]], skipped: dict[str, int], now: datetime
    ) -> Message:
        spans: dict[Hop, list[Span]] = {}
        for point, span in piece:
            spans.setdefault(point, []).append(span)
        told = {point: tuple(found) for point, found in spans.items()}
        passed = Passed(**which._asdict(), spans=told, skipped=skipped, at=now, by=self._stage)
        return Message(LEDGER, which.station.encode(), write_event(passed))


@lru_cache(256)
def written_point(topic: str) -> Hop | None:
    """What a message written to `topic` has passed by that; None where that says nothing of a frame."""
    return Hop.CAPTURED if topic.startswith(f"{FRAMES}.") else WRITTEN.get(topic)


def of_record(record: Record) -> tuple[Which, int] | None:
    """Which frame of which capture a record of a frame topic, of frames.prepared or of scores is.

    None where it cannot be told: a record that is refused for it, and whose dead letter says so.
    """
    found = _read(record.headers)
    if "ce_station" in found:
        return _which(found)
    try:
        station = _station((record.key or b"").decode())
        return _foreign(station, _earlier(record, found) or (record.topic, record.partition, record.offset))
    except (ValueError, Invalid):
        return None


def of_headers(headers: Headers) -> tuple[Which, int] | None:
    """The same, of what we write: its headers always name the frame."""
    return _which(_read(headers))


def _read(headers: Headers) -> dict[str, str]:
    """Of several with one name the first counts, as where frames are read."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name in _OURS:
            told = value if value is not None and len(value) < LONGEST else b""
            found.setdefault(name, told.decode(errors="replace"))
    return found


_OURS = frozenset({"ce_station", "ce_epoch", "ce_seq", "ce_origin", "ce_replayed"})
LONGEST = 512
"""Bytes of a header that may say which frame it is."""


def _which(found: Mapping[str, str]) -> tuple[Which, int] | None:
    try:
        station, epoch, seq = _station(found["ce_station"]), _whole(found["ce_epoch"]), _whole(found["ce_seq"])
        if epoch > 0:
            return Which(station, epoch), seq
        return _foreign(station, _place(found.get("ce_replayed") or found["ce_origin"]))
    except (KeyError, ValueError, Invalid):
        return None


def _foreign(station: str, place: tuple[str, int, int]) -> tuple[Which, int]:
    topic, partition, offset = place
    return Which(station, 0, f"{topic}/{partition}"), offset


def _earlier(record: Record, found: Mapping[str, str]) -> tuple[str, int, int] | None:
    """The place that a frame had before it was sent again: as where frames are read, only an earlier one of the same
    partition is believed."""
    if not found.get("ce_replayed"):
        return None
    place = _place(found["ce_replayed"])
    is_earlier = place[:2] == (record.topic, record.partition) and place[2] < record.offset
    return place if is_earlier else None


def _place(text: str) -> tuple[str, int, int]:
    """Topic, partition and offset, as JSON. Raises ValueError."""
    try:
        topic, partition, offset = json.loads(text)[:3]
    except (TypeError, KeyError, RecursionError):
        raise ValueError(text) from None
    if not isinstance(topic, str) or not _is_number(partition) or not _is_number(offset):
        raise ValueError(text)
    return topic, partition, offset


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _whole(text: str) -> int:
    """A whole number as headers write it. Raises ValueError."""
    if not (text.isascii() and text.isdigit()) or len(text) > LONGEST_NUMBER:
        raise ValueError(text)
    return int(text)


LONGEST_NUMBER = 18
"""Digits of an epoch or a seq, as where frames are read."""


@lru_cache(4096)
def _station(text: str) -> str:
    return station_id(text)


def skipped_of(text: str | None) -> dict[str, int]:
    """'busy=3,unreadable=1' as counts by reason; what is not a count is left out."""
    pairs = (part.split("=", 1) for part in (text or "").split(",") if "=" in part)
    return {reason: int(count) for reason, count in pairs if count.isdigit() and len(count) < 16}
