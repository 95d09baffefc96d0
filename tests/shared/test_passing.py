"""What passes a stage is noted from outside, and told the ledger in few words."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from andon.errors import Broken
from andon.ids import foreign_frame_id, frame_id
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.observe import observed
from andon.passing import MOST_SPANS, Passing, Which, of_headers, of_record, skipped_of
from andon.records import Frame, frame_headers, identity_headers, read_event, read_frame
from andon.records.passed import Hop, Passed
from andon.records.replayed import First
from andon.reporting import Reporting
from andon.stage import Headers, Held, Message, Record, Result, Stage
from andon.topics import FRAMES, LEDGER, PREPARED, SCORES, SHADOW_PREPARED, SHADOW_SCORES

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
OURS = Which("press-1", 7)


def frame(seq: int, station: str = "press-1", epoch: int = 7, **other: Any) -> Frame:
    return Frame(station, epoch, seq, frame_id(station, epoch, seq), NOW, **other)


def record(seq: int, topic: str = FRAMES, **other: Any) -> Record:
    return Record(topic, 0, 100 + seq, b"press-1", b"", frame_headers(frame(seq, **other)))


def message(seq: int, topic: str = FRAMES, **other: Any) -> Message:
    return Message(topic, b"press-1", b"", frame_headers(frame(seq, **other)))


def told(passing: Passing) -> list[Passed]:
    messages = passing.told(NOW)
    assert all((each.topic, each.key) == (LEDGER, b"press-1") for each in messages)
    return [read_event(Passed, each.value) for each in messages]


def test_what_passed_in_order_is_one_span():
    passing = Passing("preprocess")
    passing.took([record(seq) for seq in range(3, 8)])
    passing.took([record(seq) for seq in range(8, 20)])
    (said,) = told(passing)
    assert (said.station, said.epoch, said.by, said.at) == ("press-1", 7, "preprocess", NOW)
    assert said.spans == {Hop.REACHED_PREPROCESS: ((3, 19),)}


def test_what_was_told_is_forgotten():
    passing = Passing("preprocess")
    passing.took([record(1)])
    told(passing)
    assert told(passing) == []


def test_holes_and_repeats_show():
    passing = Passing("preprocess")
    passing.took([record(seq) for seq in (0, 1, 4, 5, 5, 4, 1, 2)])
    (said,) = told(passing)
    spans = said.spans[Hop.REACHED_PREPROCESS]
    assert {seq for first, last in spans for seq in range(first, last + 1)} == {0, 1, 2, 4, 5}


@pytest.mark.parametrize(
    ("stage", "topic", "points"),
    [
        ("ingest", FRAMES, {Hop.CAPTURED}),
        ("ingest", f"{FRAMES}.hall-2", {Hop.CAPTURED}),
        ("preprocess", PREPARED, {Hop.REACHED_PREPROCESS, Hop.PREPARED}),
        ("preprocess", SHADOW_PREPARED, {Hop.REACHED_PREPROCESS}),  # a copy proves nothing
        ("scoring", SCORES, {Hop.REACHED_SCORING, Hop.SCORED}),
        ("shadow-scoring", SHADOW_SCORES, set()),
        ("alerting", "incidents", set()),
    ],
)
def test_each_service_tells_of_its_own_points(stage: str, topic: str, points: set[Hop]):
    passing = Passing(stage)
    passing.took([record(0)])
    passing.sent([message(0, topic)])
    assert {point for said in told(passing) for point in said.spans} == points


def test_each_capture_is_told_apart():
    passing = Passing("preprocess")
    passing.took([record(0), record(0, epoch=8), Record(f"{FRAMES}.x", 2, 41, b"press-1", b"")])
    said = {(each.epoch, each.origin): each.spans[Hop.REACHED_PREPROCESS] for each in told(passing)}
    assert said == {(7, None): ((0, 0),), (8, None): ((0, 0),), (0, f"{FRAMES}.x/2"): ((41, 41),)}


def test_very_many_spans_are_told_in_several_records():
    passing = Passing("preprocess")
    passing.took([record(seq) for seq in range(0, 4 * MOST_SPANS, 2)])
    said = told(passing)
    assert [len(each.spans[Hop.REACHED_PREPROCESS]) for each in said] == [MOST_SPANS, MOST_SPANS]


def test_the_last_word_of_what_was_skipped_is_told():
    passing = Passing("ingest")
    passing.sent([message(0, skipped="busy=1"), message(1, skipped="busy=3,unreadable=1"), message(2)])
    (said,) = told(passing)
    assert said.skipped == {"busy": 3, "unreadable": 1}


@pytest.mark.parametrize("text", [None, "", "busy", "busy=", "busy=-1", "busy=x", f"busy={'9' * 17}"])
def test_what_is_no_count_is_left_out(text: str | None):
    assert skipped_of(text) == {}


def test_a_frame_is_the_same_one_at_every_hop():
    own, place = frame(5), (f"{FRAMES}.x", 2, 41)
    foreign = Frame("press-1", 0, 41, foreign_frame_id(*place), NOW, topic=place[0], partition=2, offset=41)
    assert of_record(record(5)) == of_headers(identity_headers(own)) == (OURS, 5)
    expected = Which("press-1", 0, f"{FRAMES}.x/2"), 41
    assert of_record(Record(*place, b"press-1", b"")) == of_headers(identity_headers(foreign)) == expected


def test_a_foreign_frame_that_was_sent_again_is_the_one_at_its_first_place():
    first = First(f"{FRAMES}.x", 2, 41, 1000)
    again = Record(f"{FRAMES}.x", 2, 99, b"press-1", b"", (("ce_replayed", json.dumps(first).encode()),))
    expected = Which("press-1", 0, f"{FRAMES}.x/2"), 41
    assert of_record(again) == expected
    read = read_frame(again)
    assert of_headers(identity_headers(read)) == expected


@pytest.mark.parametrize(
    "first", [First(FRAMES, 2, 41, 0), First(f"{FRAMES}.x", 1, 41, 0), First(f"{FRAMES}.x", 2, 99, 0)]
)
def test_nobody_takes_the_name_of_another_frame_by_saying_that_it_is_sent_again(first: First):
    again = Record(f"{FRAMES}.x", 2, 99, b"press-1", b"", (("ce_replayed", json.dumps(first).encode()),))
    assert of_record(again) == (Which("press-1", 0, f"{FRAMES}.x/2"), 99)


GOOD = {"ce_station": b"press-1", "ce_epoch": b"7", "ce_seq": b"5"}
HOSTILE: list[dict[str, bytes]] = [
    {"ce_station": b"Not One"},
    {"ce_station": b"x" * 600},
    {"ce_epoch": b"1_000"},
    {"ce_epoch": b"-7"},
    {"ce_epoch": "\u0667".encode()},
    {"ce_seq": b"1e3"},
    {"ce_seq": b"9" * 19},
    {"ce_seq": b"\xff"},
    {"ce_epoch": b"0"},
    *(
        {"ce_epoch": b"0", "ce_origin": text}
        for text in (
            b"5",
            b"null",
            b'"abc"',
            b"{}",
            b"[1,2,3]",
            b'["t",-1,2]',
            b'["t",1.5,2]',
            b'["t",true,2]',
            b'["t",0,%d]' % 2**63,
            b"[" * 500,
        )
    ),
    {"ce_epoch": b"0", "ce_replayed": b"7", "ce_origin": b'["t",1,2]'},
]


@pytest.mark.parametrize("wrong", HOSTILE)
def test_headers_that_name_no_frame_are_passed_over(wrong: dict[str, bytes]):
    headers: Headers = tuple({**GOOD, **wrong}.items())
    assert of_headers(headers) is None
    assert of_record(Record(FRAMES, 0, 1, b"press-1", b"", headers)) is None
    Passing("preprocess").took([Record(FRAMES, 0, 1, b"press-1", b"", headers)])


@pytest.mark.parametrize("key", [None, b"", b"Not One", b"\xff"])
def test_a_bare_image_without_a_station_is_no_frame(key: bytes | None):
    assert of_record(Record(FRAMES, 0, 1, key, b"")) is None


def test_of_headers_with_one_name_the_first_counts_as_where_frames_are_read():
    headers = (*frame_headers(frame(5)), ("ce_seq", b"6"))
    twice = Record(FRAMES, 0, 1, b"press-1", b"", headers)
    assert of_record(twice) == (OURS, read_frame(twice).seq)


class Line:
    """A stage named preprocess that copies frames into frames.prepared, and tells the ledger."""

    def __init__(self, every_s: float = 10) -> None:
        self.kafka, self.time, self.held = MemoryKafka(partitions=1), 0.0, False
        source = MemorySource(self.kafka, [FRAMES], "g")
        sink, letters = MemorySink(self.kafka), MemoryDeadLetters(self.kafka)
        stage = Stage("preprocess", source, self.handle, sink, letters)
        self.report = Reporting(stage, lambda: None, every_s, clock=lambda: self.time)
        self.stage = observed(stage, Metrics(CollectorRegistry()), [self.report.passing])

    def handle(self, records: Sequence[Record], _now: datetime) -> list[Result]:
        if self.held and records:
            return [Held(records[0])]
        return [Message(PREPARED, each.key, each.value, each.headers) for each in records]

    def turn(self, after_s: float = 0) -> None:
        self.time += after_s
        self.stage.step(lambda: NOW)
        self.report()

    @property
    def told(self) -> list[Passed]:
        return [read_event(Passed, each.value) for each in self.kafka.records(LEDGER)]


def test_a_service_tells_every_while_and_not_in_between():
    line = Line()
    for seq in range(3):
        line.kafka.append(message(seq))
        line.turn()
    assert line.told == []
    line.turn(after_s=10)
    (said,) = line.told
    assert said.spans == {Hop.REACHED_PREPROCESS: ((0, 2),), Hop.PREPARED: ((0, 2),)}
    line.turn(after_s=10)
    assert len(line.told) == 1  # nothing passed since


def test_a_service_that_ends_tells_the_rest():
    line = Line()
    line.kafka.append(message(0))
    line.turn()
    line.report.flush()
    assert len(line.told) == 1


def test_a_frame_that_is_held_has_not_passed():
    line = Line()
    line.held = True
    line.kafka.append(message(0))
    line.turn(after_s=10)
    assert line.told == []
    line.held = False
    line.turn()  # it rests for a moment
    line.turn(after_s=10)
    assert line.told[0].spans[Hop.REACHED_PREPROCESS] == ((0, 0),)


def test_what_kafka_did_not_take_has_not_passed():
    line = Line()
    line.kafka.append(message(0))
    line.kafka.down = True
    with pytest.raises(Broken):
        line.turn()
    line.kafka.down = False
    line.report.flush()
    assert Hop.PREPARED not in line.told[0].spans


def test_a_ledger_that_cannot_be_written_stops_the_service_as_any_result():
    line = Line()
    line.kafka.append(message(0))
    line.stage.step(lambda: NOW)
    line.kafka.down = True
    with pytest.raises(Broken):
        line.report.flush()
