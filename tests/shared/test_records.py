"""Records: what is written is what is read, and hostile ones are named."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import Invalid
from andon.health import ImageHealth
from andon.ids import foreign_frame_id, frame_id
from andon.reasons import Reason
from andon.records import (
    Assignment,
    Frame,
    FramePlace,
    PreparedFrame,
    Score,
    Verdict,
    frame_headers,
    prepared_headers,
    read_event,
    read_frame,
    read_prepared,
    write_event,
)
from andon.stage import Headers, Record

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
HEALTH = ImageHealth(
    luminance=0.5, contrast=0.2, clipped_low=0, clipped_high=0, sharpness=3, noise=0.01, red_green=1, blue_green=1
)


def frame(**given: object) -> Frame:
    base = Frame(
        "weld-07", 1_700_000_000_000, 12, frame_id("weld-07", 1_700_000_000_000, 12), AT, "image/jpeg", "ab" * 32
    )
    return replace(base, **given)  # type: ignore[arg-type]


def record(headers: Headers, value: bytes = b"x", key: bytes | None = b"weld-07") -> Record:
    return Record("camera.frames", 3, 77, key, value, headers, 1_700_000_001_500)


def changed(headers: Headers, **given: str | None) -> Headers:
    kept = tuple((name, value) for name, value in headers if name not in given)
    return kept + tuple((name, value.encode()) for name, value in given.items() if value is not None)


def reason_of(bad: Record) -> Reason:
    with pytest.raises(Invalid) as told:
        read_frame(bad)
    return told.value.reason


def test_a_frame_is_read_as_it_was_written_with_its_place_in_kafka():
    wrote = frame(
        product="cup",
        part="SN 1",
        subject="test/good/Ä 1.png",
        skipped="busy=3",
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )
    assert read_frame(record(frame_headers(wrote))) == replace(wrote, topic="camera.frames", partition=3, offset=77)


def test_a_bare_image_with_a_key_is_a_frame_known_by_its_place():
    bare = read_frame(record(()))
    assert bare.station == "weld-07"
    assert (bare.epoch, bare.seq, bare.foreign) == (0, 77, True)
    assert bare.frame_id == foreign_frame_id("camera.frames", 3, 77)
    assert bare.captured_at == datetime.fromtimestamp(1_700_000_001.5, UTC)


def test_the_same_frame_has_the_same_id_everywhere_and_another_frame_another():
    assert frame_id("a", 1, 2) == frame_id("a", 1, 2) == UUID(str(frame_id("a", 1, 2)))
    assert len({frame_id("a", 1, 2), frame_id("a", 1, 3), frame_id("a", 2, 2), frame_id("b", 1, 2)}) == 4


HOSTILE_STATIONS = ["", "../etc", "weld\n07", "w" * 10_000, "Weld 07", "schweiß", "a/b", "\x00", ".hidden"]


@pytest.mark.parametrize("station", HOSTILE_STATIONS)
def test_a_hostile_station_name_is_a_dead_letter(station: str):
    assert reason_of(record((), key=station.encode())) == Reason.BAD_STATION
    expected = Reason.BAD_STATION if len(station) < 4096 else Reason.BAD_HEADER
    assert reason_of(record(changed(frame_headers(frame()), ce_station=station))) == expected


def test_a_key_that_is_not_text_is_a_dead_letter():
    assert reason_of(record((), key=b"\xff\xfe")) == Reason.BAD_STATION
    assert reason_of(record((), key=None)) == Reason.BAD_STATION


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_seq", "-1"),
        ("ce_seq", "1e3"),
        ("ce_seq", "9" * 30),
        ("ce_seq", None),
        ("ce_epoch", "0"),
        ("ce_time", "yesterday"),
        ("ce_time", "2026-01-02T03:04:05"),
        ("ce_time", "0001-01-01T00:00:00+14:00"),
        ("ce_time", "9999-12-31T23:59:59-12:00"),
        ("ce_product", "cup\nevil=1"),
        ("ce_part", "x" * 300),
        ("ce_product", "x" * 10_000),
    ],
)
def test_a_header_that_is_not_what_its_name_promises_is_a_dead_letter(name: str, value: str | None):
    assert reason_of(record(changed(frame_headers(frame()), **{name: value}))) == Reason.BAD_HEADER


@pytest.mark.parametrize("stamp", [2**62, -(2**62)])
def test_a_bare_image_of_a_time_that_no_calendar_has_is_a_dead_letter(stamp: int):
    assert reason_of(replace(record(()), timestamp_ms=stamp)) == Reason.BAD_RECORD


def test_too_many_headers_are_a_dead_letter():
    assert reason_of(record(frame_headers(frame()) * 7)) == Reason.BAD_HEADER


def test_a_hostile_name_offers_the_nearest_legal_one():
    with pytest.raises(Invalid, match="try 'weld-07'"):
        read_frame(record((), key=b"Weld 07"))


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=40)), max_size=8), st.binary(max_size=80))
def test_whatever_the_headers_and_key_a_record_is_a_frame_or_invalid(headers: list[tuple[str, bytes]], key: bytes):
    given_headers = tuple((name if len(name) % 2 else "ce_" + name, value) for name, value in headers)
    with suppress(Invalid):
        read_frame(record(given_headers + (("ce_station", b"a"),) * (len(key) % 2), key=key))


@given(st.data(), st.binary(max_size=60) | st.text('0123456789-+.,:TZ[]{}"e ', max_size=60).map(str.encode))
def test_whatever_stands_in_one_header_a_prepared_record_is_a_frame_or_invalid(data: st.DataObject, value: bytes):
    headers = prepared_headers(prepared())
    name = data.draw(st.sampled_from([name for name, _ in headers]))
    with suppress(Invalid):
        read_prepared(record(tuple((each, value if each == name else old) for each, old in headers), bytes(18)))


def prepared() -> PreparedFrame:
    here = replace(frame(), topic="camera.frames", partition=3, offset=77)
    return PreparedFrame(here, (2, 3, 3), "cd" * 32, 640, 480, (10, 20, 600, 400), HEALTH)


def test_a_prepared_frame_is_read_as_it_was_written_and_keeps_the_place_of_its_image():
    wrote = prepared()
    read = read_prepared(replace(record(prepared_headers(wrote), bytes(18)), topic="frames.prepared", offset=5))
    assert read == wrote
    assert read.place == FramePlace(topic="camera.frames", partition=3, offset=77)


def test_a_foreign_frame_stays_foreign_when_prepared():
    bare = read_frame(record(()))
    wrote = replace(prepared(), frame=bare)
    assert read_prepared(record(prepared_headers(wrote), bytes(18))).frame == bare


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ce_station", "weld\n07", Reason.BAD_STATION),
        ("ce_station", None, Reason.BAD_STATION),
        ("ce_origin", "3", Reason.BAD_HEADER),
        ("ce_origin", '["camera.frames", 1, null]', Reason.BAD_HEADER),
        ("ce_origin", '["camera.frames", 1]', Reason.BAD_HEADER),
        ("ce_origin", "[" * 4000, Reason.BAD_HEADER),
        ("ce_size", "640", Reason.BAD_HEADER),
        ("ce_size", "9" * 400 + ",1", Reason.BAD_HEADER),
        ("ce_crop", "0,0,-1,4", Reason.BAD_HEADER),
        ("ce_crop", f"0,0,{2**31},4", Reason.BAD_HEADER),
        ("ce_shape", "2,3,three", Reason.BAD_HEADER),
        ("ce_dtype", "float32", Reason.BAD_RECORD),
        ("ce_health", "{}", Reason.BAD_HEADER),
        ("ce_id", "frame-1", Reason.BAD_HEADER),
        ("ce_preparation", None, Reason.BAD_HEADER),
    ],
)
def test_a_prepared_frame_with_a_false_header_is_a_dead_letter(name: str, value: str | None, reason: Reason):
    with pytest.raises(Invalid) as told:
        read_prepared(record(changed(prepared_headers(prepared()), **{name: value}), bytes(18)))
    assert told.value.reason == reason


@pytest.mark.parametrize("size", [0, 17, 19])
def test_bytes_that_do_not_fill_the_shape_are_a_dead_letter(size: int):
    with pytest.raises(Invalid) as told:
        read_prepared(record(prepared_headers(prepared()), bytes(size)))
    assert told.value.reason == Reason.BAD_RECORD


def score(**given: object) -> Score:
    fields: dict[str, object] = {
        "frame_id": frame_id("a", 1, 2),
        "station": "a",
        "epoch": 1,
        "seq": 2,
        "captured_at": AT,
        "scored_at": AT,
        "verdict": Verdict.ANOMALOUS,
        "score": 12.5,
        "threshold": 10.0,
        "width": 640,
        "height": 480,
        "frame": FramePlace(topic="camera.frames", partition=0, offset=1),
    }
    return Score(**(fields | given))  # type: ignore[arg-type]


def test_a_score_is_read_as_it_was_written():
    assert read_event(Score, write_event(score(health=HEALTH))) == score(health=HEALTH)
    assert score().ratio == 1.25


def test_reading_accepts_unknown_fields_and_writing_never_emits_them():
    text = write_event(score()).replace(b'{"schema_version"', b'{"of_tomorrow":1,"schema_version"')
    assert write_event(read_event(Score, text)) == write_event(score())


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b"{}", b"\xff", b'{"frame_id": 3}', b"<html>"])
def test_json_that_is_not_the_record_is_a_dead_letter(value: bytes):
    with pytest.raises(Invalid) as told:
        read_event(Score, value)
    assert told.value.reason == Reason.BAD_RECORD


def test_a_record_of_a_newer_andon_is_a_dead_letter_of_its_own_kind():
    with pytest.raises(Invalid) as told:
        read_event(Score, write_event(score(schema_version=2)))
    assert told.value.reason == Reason.SCHEMA_TOO_NEW


def test_a_score_that_is_not_a_number_cannot_be_written():
    with pytest.raises(ValueError, match="finite"):
        score(score=float("nan"))


def test_assignments_of_a_station_and_product_share_one_key():
    one = Assignment(station="a", bundle="ab" * 32, at=AT)
    other = Assignment(station="a", product="cup", bundle="ab" * 32, at=AT)
    assert (one.key, other.key) == (b"a/*", b"a/cup")
