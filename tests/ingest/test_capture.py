import re
from datetime import UTC, datetime

import pytest

from andon.ids import frame_id, sha256_hex
from andon.records import read_frame
from andon.stage import Message, Record, Rejected
from andon.tracing.context import traceparent
from andon_ingest.capture import Capture, Shot, Skip, content_type, frames, new_traces, plain

AT = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
JPEG, PNG = b"\xff\xd8\xff\xe0rest", b"\x89PNG\r\n\x1a\nrest"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def shot(station="press-4", data=JPEG, **more):
    return Shot(station, data, AT, **more)


def written(record):
    (result,) = frames([record], AT)
    assert isinstance(result, Message)
    return read_frame(Record(result.topic, 0, 9, result.key, result.value, result.headers))


def test_a_frame_carries_its_whole_identity(new_capture):
    record = new_capture().take(shot(product="valve", part="A-17", subject="test/good/1.jpg"))
    frame = written(record)
    assert (frame.station, frame.epoch, frame.seq) == ("press-4", 1700000000000, 0)
    assert frame.frame_id == frame_id("press-4", 1700000000000, 0)
    assert frame.captured_at == AT
    assert frame.sha256 == sha256_hex(JPEG)
    assert (frame.product, frame.part, frame.content_type) == ("valve", "A-17", "image/jpeg")
    assert record.key == b"press-4"
    assert record.value == JPEG
    assert record.header("ce_subject") == b"test/good/1.jpg"


def test_each_station_is_numbered_from_zero_without_holes(new_capture):
    capture = new_capture()
    taken = [capture.take(shot(station)) for station in ("a", "b", "a", "a", "b")]
    assert [(record.key, record.offset) for record in taken] == [(b"a", 0), (b"b", 0), (b"a", 1), (b"a", 2), (b"b", 1)]
    assert capture.stations == ["a", "b"]


def test_the_same_capture_told_again_makes_the_same_ids(new_capture):
    first = [new_capture().take(shot()) for _ in range(2)]
    assert first[0] == first[1]


def test_another_epoch_makes_other_ids(new_capture):
    assert new_capture(1).take(shot()).header("ce_id") != new_capture(2).take(shot()).header("ce_id")


def test_a_resumed_capture_goes_on_counting(new_capture):
    capture = new_capture(next_seq={"a": 7}, skipped={("a", Skip.UNREADABLE): 2})
    assert written(capture.take(shot("a"))).skipped == "unreadable=2"
    assert capture.take(shot("a")).offset == 8
    assert capture.take(shot("b")).offset == 0
    assert capture.earlier == 7


def test_what_was_skipped_is_told_by_every_later_frame_of_the_station(new_capture):
    capture = new_capture()
    assert written(capture.take(shot("a"))).skipped is None
    capture.skip("a", Skip.BUSY, 3)
    capture.skip("a", Skip.VANISHED)
    capture.skip("a", Skip.BUSY)
    assert written(capture.take(shot("a"))).skipped == "busy=4,vanished=1"
    assert written(capture.take(shot("a"))).skipped == "busy=4,vanished=1"
    assert written(capture.take(shot("b"))).skipped is None


def test_a_trace_is_passed_on_and_otherwise_begun(new_capture):
    assert written(new_capture().take(shot(traceparent=TRACE))).traceparent == TRACE
    assert written(new_capture().take(shot(traceparent="nonsense"))).traceparent == f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize(
    "text",
    ["", "ff" + TRACE[2:], TRACE[:-1], TRACE.upper(), f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01"],
)
def test_a_bad_traceparent_is_none(text):
    assert traceparent(text) is None


def test_new_traces_are_w3c_and_take_their_bytes_from_outside():
    counts = iter(range(1, 9))
    trace = new_traces(lambda length: bytes([next(counts)]) * length)
    assert trace() == f"00-{'01' * 16}-{'02' * 8}-01"
    assert traceparent(trace()) is not None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (JPEG, "image/jpeg"),
        (PNG, "image/png"),
        (b"\x93NUMPY\1\0", "application/x-npy"),
        (b"GIF89a", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_content_type_is_what_the_bytes_say(data, expected):
    assert content_type(data) == expected


def test_an_empty_image_is_a_frame_like_any_other(new_capture):
    """Preprocess gives it its end, with a reason; it is not hidden here."""
    frame = written(new_capture().take(shot(data=b"")))
    assert frame.sha256 == sha256_hex(b"")


def test_an_image_no_record_can_carry_is_rejected_with_its_name_and_size(new_capture):
    record = new_capture().take(shot(data=b"", subject="huge.png", left_out_bytes=70_000_000))
    (rejected,) = frames([record], AT)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "too_large"
    assert "huge.png" in rejected.detail
    assert "70000000 bytes" in rejected.detail
    assert read_frame(rejected.record).seq == 0


def test_a_file_name_cannot_forge_a_line_or_break_a_header(new_capture):
    assert plain("a\nb\r\x00\x1b[31m\udcff.jpg") == "a\\nb\\r\\x00\\x1b[31m\\udcff.jpg"
    record = new_capture().take(shot(subject="ö" * 5000))
    assert len(record.header("ce_subject")) <= 4096
    assert re.fullmatch("ö{512}", record.header("ce_subject").decode())


def test_the_stage_answers_nothing_to_an_empty_turn():
    assert frames([], AT) == []


def test_capture_keeps_its_slots():
    assert not hasattr(Capture(1, "x", lambda: ""), "__dict__")
