"""Everything that the topics still hold of one frame."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from andon.commands.trace.archive import Archive
from andon.commands.trace.wanted import Wanted
from andon.errors import Invalid
from andon.incidents import Chronicle, Incident
from andon.letters.handled import Handled
from andon.letters.letter import Letter as DeadLetter
from andon.letters.letter import read_letter
from andon.records import Answer, Frame, Score, read_answer, read_event, read_frame
from andon.records.letter import LetterTurn
from andon.records.score import FramePlace
from andon.stage import Record
from andon.topics import DEAD_LETTERS, FRAME_PATTERN, INCIDENTS, LETTERS, PREPARED, SCORES, VERDICTS
from andon.tracing.context import trace_id, traceparent_in

SLACK = timedelta(seconds=60)
"""Between the clocks of a camera, of a service and of a broker."""


Letter = tuple[DeadLetter, LetterTurn | None]
"""A dead letter, and what became of it."""


@dataclass
class Found:
    """What there is of a frame; None and empty for what is not there. `written` is when each turn of the incidents
    came into the topic. `searched` says where was looked, in words."""

    wanted: Wanted
    score_record: Record | None = None
    score: Score | None = None
    frame_record: Record | None = None
    frame: Frame | None = None
    prepared: Record | None = None
    letters: list[Letter] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    written: dict[UUID, datetime] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether no topic holds anything of it."""
        return not (self.score_record or self.frame_record or self.prepared or self.letters)

    @property
    def station(self) -> str | None:
        """Whose it is, as far as anything says so."""
        told = (self.frame and self.frame.station, self.score and self.score.station, self.wanted.station)
        prepared = (self.prepared.header("ce_station") or b"").decode(errors="replace") if self.prepared else None
        return next((each for each in (*told, prepared, *(each.station for each, _ in self.letters)) if each), None)

    @property
    def place(self) -> FramePlace | None:
        """Where its image lies, or lay."""
        if self.frame_record is not None:
            return FramePlace.of(self.frame_record)
        if self.score is not None:
            return self.score.frame
        origin = origin_in(self.prepared) if self.prepared else None
        return origin or self.wanted.place

    @property
    def trace_id(self) -> str | None:
        """The trace it belongs to."""
        if self.frame is not None and self.frame.traceparent:
            return trace_id(self.frame.traceparent)
        records = (self.prepared, self.score_record)
        return next((of for each in records if each and (of := trace_id(traceparent_in(each.headers)))), None)


class Search:
    """Looks for one frame, hop by hop, and reads no more than it must: what is found first says where and when to look
    for the rest."""

    def __init__(self, archive: Archive, wanted: Wanted, since: datetime | None) -> None:
        self._archive = archive
        self._wanted = wanted
        self._since = max((each for each in (since, wanted.since) if each), default=None)
        self._found = Found(wanted)

    def __call__(self) -> Found:
        """All there is. Raises Broken when Kafka does not answer."""
        found = self._found
        if self._wanted.place is not None:
            self._take_frame(self._archive.at(self._wanted.place), self._wanted.place)
        self._find_score()
        if found.frame_record is None and found.score is not None:
            self._take_frame(self._archive.at(found.score.frame), found.score.frame)
        found.prepared = self._first(PREPARED, until=found.score_record)
        self._find_letters()
        if found.frame_record is None and found.score is None:
            self._find_frame()
        if not found.nothing:
            self._find_incidents()
            self._find_answers()
        return found

    def _find_score(self) -> None:
        record = self._first(SCORES)
        if record is not None:
            self._found.score_record = record
            with suppress(Invalid):
                score = self._found.score = read_event(Score, record.value)
                self._know(score.frame_id, score.station)

    def _find_frame(self) -> None:
        place = origin_in(self._found.prepared) if self._found.prepared else None
        place = place or next((each.origin for each, _ in self._found.letters if each.origin), None)
        if place is not None and re.search(FRAME_PATTERN, place.topic):
            self._take_frame(self._archive.at(place), place)
            return
        for topic in sorted(name for name in self._archive.topics() if re.search(FRAME_PATTERN, name)):
            self._take_frame(self._first(topic))
            if self._found.frame_record is not None:
                return

    def _take_frame(self, record: Record | None, place: FramePlace | None = None) -> None:
        """Another frame may lie in its place: the topic was made anew."""
        if place is not None:
            self._found.searched.append(f"{place.topic}/{place.partition}/{place.offset}")
        if record is None:
            return
        with suppress(Invalid):
            frame = read_frame(record)
            if place == self._wanted.place or self._wanted.is_in(record):
                self._found.frame_record, self._found.frame = record, frame
                self._know(frame.frame_id, frame.station)

    def _find_letters(self) -> None:
        known = self._records(DEAD_LETTERS, self._found.station)
        letters = [read_letter(each) for each in known if self._wanted.is_in(each)]
        if not letters:
            return
        handled = Handled()
        for record in self._records(LETTERS, None):
            with suppress(Invalid):
                handled.apply(record)
        self._found.letters = [(each, handled.of(each)) for each in letters]

    def _find_incidents(self) -> None:
        needle = str(self._wanted.frame_id).encode()
        chronicle, naming = Chronicle(), set()
        for record in self._records(INCIDENTS, None):
            event = chronicle.add(record)
            if event is not None:
                self._found.written[event.event_id] = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
                if needle in record.value:
                    naming.add(event.incident_id)
        self._found.incidents = [each for key, each in chronicle.incidents.items() if key in naming]

    def _find_answers(self) -> None:
        needle = f'"frame_id":"{self._wanted.frame_id}"'.encode()
        for record in self._records(VERDICTS, None):
            if needle in record.value[:200]:
                with suppress(Invalid):
                    self._found.answers.append(read_answer(record))

    def _know(self, frame_id: UUID, station: str) -> None:
        """Which frame it is, where a place or a trace was asked for."""
        self._wanted = self._found.wanted = self._wanted.of(frame_id, station)

    @property
    def _begun(self) -> datetime | None:
        """When it was captured, if that is known; a camera whose clock is ahead is not believed."""
        known = self._found.frame or self._found.score
        records = (self._found.frame_record, self._found.score_record)
        times = [datetime.fromtimestamp(each.timestamp_ms / 1000, UTC) for each in records if each]
        return min(known.captured_at, *times) if known else None

    def _first(self, topic: str, until: Record | None = None) -> Record | None:
        """The record of the frame in a topic. From when it was captured on, if that is known; else backwards."""
        station, known = self._found.station, self._begun
        self._say(topic, station, known)
        if known is None:
            records = self._archive.newest_first(topic, self._since, station)
        else:
            records = self._archive.since(topic, known - SLACK, station)
        return next((each for each in _before(records, until) if self._wanted.is_in(each)), None)

    def _records(self, topic: str, station: str | None) -> Iterable[Record]:
        """What was written to a topic since the frame was captured, or since people say it was."""
        known = self._begun
        self._say(topic, station, known)
        return self._archive.since(topic, known - SLACK if known else self._since, station)

    def _say(self, topic: str, station: str | None, known: datetime | None) -> None:
        since = known - SLACK if known else self._since
        where = f"{topic}, the partition of {station}" if station else topic
        self._found.searched.append(f"{where}, since {since:%Y-%m-%d %H:%M:%S} UTC" if since else where)


def origin_in(record: Record) -> FramePlace | None:
    """Where the image of a prepared frame lies."""
    try:
        topic, partition, offset = json.loads(record.header("ce_origin") or b"")
        return FramePlace(topic=topic, partition=partition, offset=offset)
    except ValueError:
        return None


def _before(records: Iterator[Record], until: Record | None) -> Iterator[Record]:
    """Those that were written before, or hardly after."""
    for record in records:
        if until is not None and record.timestamp_ms > until.timestamp_ms + SLACK / timedelta(milliseconds=1):
            return
        yield record
