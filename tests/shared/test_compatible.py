"""Two versions of Andon run side by side for the length of an upgrade: each reads what the other writes.

`previous/schemas.json` are the JSON Schemas of the version before (`previous/commit.txt`); `previous/take COMMIT` moves
both on, after a release. docs/decisions/0037-side-by-side.md says why, docs/operating.md what follows for who upgrades.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, StringConstraints, create_model
from schema_change import unreadable

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records import Score, frame_headers, prepared_headers, read_event, read_frame, read_prepared
from andon.stage import Record

HERE = Path(__file__).parent
SCHEMAS = HERE.parents[1] / "docs" / "schemas"
PREVIOUS: dict[str, Any] = json.loads((HERE / "previous" / "schemas.json").read_text())
TWO_STEPS = (
    "that breaks whoever runs beside it during an upgrade. Make it in two releases: first the one that reads it and "
    "does not write it, then the one that writes it. Or raise SCHEMA_VERSION in shared/andon/records/version.py, and "
    "say in docs/operating.md that the readers go first"
)
READ_WITH_CARE: dict[tuple[str, str], str] = {}
"""What is new to the version before and does no harm there: (record, what is told) and why."""


def today(record: str) -> Any:
    return json.loads((SCHEMAS / f"{record}.json").read_text())


def breaks(record: str, writer: Any, reader: Any) -> list[str]:
    return [each for each in unreadable(writer, reader) if (record, each) not in READ_WITH_CARE]


@pytest.mark.parametrize("record", PREVIOUS)
def test_the_version_before_reads_what_this_one_writes(record: str):
    assert breaks(record, today(record), PREVIOUS[record]) == [], TWO_STEPS


@pytest.mark.parametrize("record", PREVIOUS)
def test_this_version_reads_what_the_one_before_wrote(record: str):
    assert breaks(record, PREVIOUS[record], today(record)) == [], TWO_STEPS


def test_what_is_read_with_care_is_still_new_to_the_version_before():
    stale = [key for key in READ_WITH_CARE if key[1] not in unreadable(today(key[0]), PREVIOUS[key[0]])]
    assert stale == []


class Inner(BaseModel):
    number: int
    words: Literal["a", "b"] = "a"


class Known(BaseModel):
    name: str = Field(max_length=8)
    maybe: int | None = None
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    values: dict[Annotated[str, StringConstraints(pattern="^[a-z]+$")], float] = {}
    by_word: dict[Literal["a", "b"], tuple[int, int]] = {}


def changed(**fields: Any) -> Any:
    return create_model("Changed", __base__=Known, **fields).model_json_schema()


class MoreWords(BaseModel):
    number: int
    words: Literal["a", "b", "c"] = "a"


class MaybeNumber(BaseModel):
    number: int | None = None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": (str, Field(max_length=9))}, "name: the reader takes a maxLength of 8, and it may be 9"),
        ({"name": (str, Field())}, "name: the reader takes a maxLength of 8, and it may be more"),
        ({"name": (str | None, Field(None, max_length=8))}, "name: the reader needs it, and it may be left out"),
        ({"maybe": (str | None, None)}, "maybe: the reader takes no string"),
        ({"inner": (MoreWords | None, None)}, "inner.words: the reader does not know 'c'"),
        ({"many": (tuple[MaybeNumber, ...], ())}, "many[].number: the reader needs it, and it may be left out"),
        ({"by_word": (dict[Literal["a", "c"], tuple[int, int]], {})}, "by_word[]: the reader does not know 'c'"),
        (
            {"by_word": (dict[str, tuple[int, int]], {})},
            "by_word[]: the reader knows only a, b, and it may be anything",
        ),
        ({"by_word": (dict[Literal["a", "b"], tuple[int, float]], {})}, "by_word[][1]: the reader takes no number"),
    ],
)
def test_a_change_that_the_other_version_cannot_read_is_told(fields: dict[str, Any], told: str):
    assert told in unreadable(changed(**fields), Known.model_json_schema())


@pytest.mark.parametrize(
    "fields",
    [
        {"more": (MoreWords | None, None)},
        {"name": (str, Field(max_length=7))},
        {"maybe": (int, 3)},
        {"by_word": (dict[Literal["a"], tuple[int, int]], {})},
    ],
)
def test_what_the_other_version_passes_over_or_knows_is_no_change(fields: dict[str, Any]):
    assert unreadable(changed(**fields), Known.model_json_schema()) == []


def test_a_field_that_is_written_no_more_is_told_to_whom_it_was_needed():
    gone = "name: the reader needs it, and it is written no more"
    assert gone in unreadable(Inner.model_json_schema(), Known.model_json_schema())


# Version 1 of a frame and of a prepared frame, as they lie in topics. These lines never change: a version that cannot
# read them, or that leaves one of them out, is version 2.
FRAME_V1 = {
    "ce_specversion": b"1.0",
    "ce_id": b"225e91af-72e5-54a6-ba16-0456514abcb0",
    "ce_source": b"/andon/weld-07",
    "ce_type": b"andon.frame.captured.v1",
    "ce_time": b"2026-01-02T03:04:05.678901Z",
    "content-type": b"image/jpeg",
    "ce_station": b"weld-07",
    "ce_epoch": b"1700000000000",
    "ce_seq": b"12",
    "ce_sha256": b"ab" * 32,
    "ce_product": b"cup",
    "ce_part": b"SN 1",
    "ce_subject": b"good/1.png",
    "ce_dataref": b"frames/1",
    "ce_skipped": b"busy=3",
    "traceparent": b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",
    "ce_golden": b"cd" * 32 + b"/golden/1.png",
}
PREPARED_V1 = FRAME_V1 | {
    "ce_type": b"andon.frame.prepared.v1",
    "ce_shape": b"2,3,3",
    "ce_dtype": b"uint8",
    "ce_preparation": b"cd" * 32,
    "ce_size": b"640,480",
    "ce_crop": b"10,20,600,400",
    "ce_health": (
        b'{"luminance":0.5,"contrast":0.2,"clipped_low":0.0,"clipped_high":0.0,"sharpness":3.0,"noise":0.01,'
        b'"red_green":1.0,"blue_green":1.0}'
    ),
    "ce_origin": b'["camera.frames", 3, 77]',
}


def record(headers: dict[str, bytes], **given: bytes) -> Record:
    pairs = tuple((headers | given).items())
    return Record("camera.frames", 3, 77, b"weld-07", bytes(18), pairs, 1_700_000_001_500)


def test_a_frame_of_version_1_is_read_and_written_as_it_always_was():
    frame = read_frame(record(FRAME_V1))
    assert (frame.station, frame.epoch, frame.seq, str(frame.frame_id)) == (
        "weld-07",
        1_700_000_000_000,
        12,
        FRAME_V1["ce_id"].decode(),
    )
    assert FRAME_V1.items() <= dict(frame_headers(frame)).items()


def test_a_prepared_frame_of_version_1_is_read_and_written_as_it_always_was():
    prepared = read_prepared(record(PREPARED_V1))
    assert PREPARED_V1.keys() <= dict(prepared_headers(prepared)).keys()
    again = replace(record({}), headers=prepared_headers(prepared))
    assert read_prepared(again) == prepared


@pytest.mark.parametrize(("read", "headers"), [(read_frame, FRAME_V1), (read_prepared, PREPARED_V1)])
def test_a_frame_of_a_newer_andon_is_a_dead_letter_of_its_own_kind(read: Any, headers: dict[str, bytes]):
    with pytest.raises(Invalid) as told:
        read(record({"ce_type": headers["ce_type"][:-1] + b"2"}))
    assert (told.value.reason, told.value.detail) == (
        Reason.SCHEMA_TOO_NEW,
        "the frame has schema version 2, this Andon reads up to 1",
    )


@pytest.mark.parametrize("ce_type", [b"com.example.image.v7", b"andon.frame.captured", b""])
def test_whatever_type_another_producer_says_its_frame_is_read(ce_type: bytes):
    assert read_frame(record({"ce_type": ce_type})).foreign


@pytest.mark.parametrize("value", [b'{"schema_version":2}', b'{"schema_version":2,"station":{"name":"a"}}'])
def test_a_newer_record_is_told_by_its_version_whatever_else_has_changed_in_it(value: bytes):
    with pytest.raises(Invalid, match="schema version 2") as told:
        read_event(Score, value)
    assert told.value.reason == Reason.SCHEMA_TOO_NEW


@pytest.mark.parametrize(
    "value", [b'{"schema_version":"2"}', b"[2]", b"[" * 100_000, b'{"schema_version":' + b"9" * 5000]
)
def test_what_says_no_version_is_no_newer_record(value: bytes):
    with pytest.raises(Invalid) as told:
        read_event(Score, value)
    assert told.value.reason == Reason.BAD_RECORD
