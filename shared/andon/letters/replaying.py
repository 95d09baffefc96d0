"""Sending dead letters again, and letting them be: the record first, then the word that it was done.

In this order, and in small parts: whoever is interrupted begins again, and what is written twice is the same frame
twice. Nobody is told of a replay that Kafka has not acknowledged.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol
from uuid import uuid4

from andon.errors import Invalid
from andon.letters.again import Again, again, is_foreign, original
from andon.letters.letter import Letter
from andon.letters.way import Way, is_frame_topic, way
from andon.records.deed import Deed, Did
from andon.records.event import write_event
from andon.records.letter import LetterTurn, LetterTurnKind
from andon.records.prepared import origin_of_prepared
from andon.records.score import FramePlace
from andon.stage import Message, Record
from andon.topics import AUDIT, DEAD_LETTERS, FRAME_PATTERN, LETTERS

AT_ONCE = 16  # letters; each may hold 4 MiB
DISCARD_AT_ONCE = 500
EXPIRED = "it has expired: Kafka holds it no more"
NO_IMAGE = "the image it was prepared from has expired, and a tensor alone fits no other bundle"
MADE_ANEW = "was made anew since: its old place would be the name of another frame"


class Mail(Protocol):
    """What replaying needs of Kafka. All raise Broken when it does not answer."""

    def at(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record there; None where it has expired."""

    def ends(self, topic: str, partition: int) -> tuple[int, int] | None:
        """Where a partition begins and ends; None where there is none such."""

    def write(self, records: Sequence[Again]) -> list[FramePlace | str]:
        """Where each lies now, once all are acknowledged; or why its broker will never have it."""

    def send(self, messages: Sequence[Message]) -> None:
        """Returns when all are acknowledged."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who does it, and why; for the audit log, as what and from where."""

    name: str
    why: str = ""
    role: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a letter: where its record lies now, or why it could not be sent (`refused`)."""

    letter: Letter
    replayed_to: FramePlace | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class _Ready:
    letter: Letter
    again: Again
    source: tuple[str, int, int]


def replay(
    letters: Sequence[Letter], mail: Mail, who: Who, clock: Callable[[], datetime], frames: str = FRAME_PATTERN
) -> Iterator[list[Outcome]]:
    """Sends them again, AT_ONCE at a time, those of a partition in their order. Raises Broken: what was yielded is
    done, the rest is not, or is done again the next time."""
    ordered = iter(sorted(letters, key=_in_order))
    while part := list(islice(ordered, AT_ONCE)):
        looked = [_looked_at(letter, mail, frames) for letter in part]
        ready = [each for each in looked if isinstance(each, _Ready)]
        places = _written(ready, mail)
        tried = [_outcome(each.letter, places[each.source]) for each in ready]
        done = [each for each in tried if not each.refused]
        if done:
            mail.send(_said(done, LetterTurnKind.REPLAYED, who, clock()))
        yield [*tried, *(each for each in looked if isinstance(each, Outcome))]


def discard(letters: Sequence[Letter], mail: Mail, who: Who, clock: Callable[[], datetime]) -> Iterator[list[Outcome]]:
    """Says that nothing is to be done about them. They stay where they are until they expire. Raises as `replay`."""
    ordered = iter(letters)
    while part := list(islice(ordered, DISCARD_AT_ONCE)):
        done = [Outcome(each) for each in part]
        mail.send(_said(done, LetterTurnKind.DISCARDED, who, clock()))
        yield done


def _outcome(letter: Letter, place: FramePlace | str) -> Outcome:
    return Outcome(letter, refused=place) if isinstance(place, str) else Outcome(letter, place)


def _in_order(letter: Letter) -> tuple[str, int, int]:
    origin = letter.origin or letter.place
    return origin.topic, origin.partition, origin.offset


def _looked_at(letter: Letter, mail: Mail, frames: str) -> _Ready | Outcome:
    """Its record, ready to be written; or why it cannot be."""
    how = way(letter, frames)
    if not isinstance(how, Way):
        return Outcome(letter, refused=how)
    held = mail.at(DEAD_LETTERS, letter.partition, letter.offset)
    record = original(held) if held else None
    if record is None:
        return Outcome(letter, refused=EXPIRED)
    if how is Way.ITS_IMAGE:
        image = _image_of(record, mail, frames)
        if image is None:
            return Outcome(letter, refused=NO_IMAGE)
        record = image
    why_not = _no_room(record, mail)
    if why_not:
        return Outcome(letter, refused=why_not)
    return _Ready(letter, again(record), (record.topic, record.partition, record.offset))


def _image_of(prepared: Record, mail: Mail, frames: str) -> Record | None:
    """The frame that a tensor was prepared from, as it lies in its topic."""
    try:
        place = origin_of_prepared(prepared)
    except Invalid:
        return None
    if not is_frame_topic(place.topic, frames):
        return None
    return mail.at(place.topic, place.partition, place.offset)


def _no_room(record: Record, mail: Mail) -> str:
    """Why it cannot be written where it came from; '' where it can."""
    ends = mail.ends(record.topic, record.partition)
    if ends is None:
        return f"there is no {record.topic}/{record.partition} any more"
    return f"{record.topic} {MADE_ANEW}" if is_foreign(record) and ends[1] <= record.offset else ""


def _written(ready: Sequence[_Ready], mail: Mail) -> dict[tuple[str, int, int], FramePlace | str]:
    """Where each record lies now. Several letters may be of one record, refused by several services: once is enough."""
    once = {each.source: each.again for each in ready}
    return dict(zip(once, mail.write(list(once.values())), strict=True)) if once else {}


def _said(done: Sequence[Outcome], kind: LetterTurnKind, who: Who, at: datetime) -> list[Message]:
    """The turns, and the deed that tells of them."""
    turns = [_turn(each, kind, who, at) for each in done]
    return [*turns, Message(AUDIT, who.name.encode(), write_event(_deed(done, kind, who, at)))]


def _turn(outcome: Outcome, kind: LetterTurnKind, who: Who, at: datetime) -> Message:
    letter = outcome.letter
    turn = LetterTurn(
        kind=kind,
        letter=letter.place,
        station=letter.station,
        reason=letter.reason,
        why=who.why[:500] or None,
        replayed_to=outcome.replayed_to,
        at=at,
        by=who.name[:128],
    )
    return Message(LETTERS, (letter.station or letter.name).encode(), write_event(turn))


def _deed(done: Sequence[Outcome], kind: LetterTurnKind, who: Who, at: datetime) -> Deed:
    stations = {each.letter.station for each in done}
    reasons = sorted({each.letter.reason for each in done})
    names = ", ".join(each.letter.name for each in done)
    return Deed(
        deed_id=uuid4(),
        at=at,
        did=Did.REPLAYED if kind is LetterTurnKind.REPLAYED else Did.DISCARDED,
        by=who.name[:128],
        role=who.role[:32],
        station=next(iter(stations)) if len(stations) == 1 else None,
        subject=(f"dead letter {names}" if len(done) == 1 else f"{len(done)} dead letters: {names}")[:256],
        detail=f"{', '.join(reasons)}{f'; {who.why}' if who.why else ''}"[:1000],
        address=who.address[:64],
    )
