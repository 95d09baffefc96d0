"""Which trace a frame belongs to: read from its headers, made where it brings none, and never trusted as text."""

import pytest

from andon.health import ImageHealth
from andon.records import PreparedFrame, frame_headers, identity_headers, prepared_headers, read_frame, read_prepared
from andon.stage import Record
from andon.tracing.context import (
    TraceContext,
    context_in,
    own_trace,
    read_context,
    trace_id,
    traceparent,
    traceparent_in,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEALTH = ImageHealth(
    luminance=0.5, contrast=0, clipped_low=0, clipped_high=0, sharpness=0, noise=0, red_green=1, blue_green=1
)
GOOD = f"00-{TRACE}-{SPAN}-01"
HOSTILE = [
    "",
    GOOD.upper(),
    GOOD[:-1],
    GOOD + "-more",
    GOOD + "\n",
    "ff" + GOOD[2:],
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    GOOD + "\x1b[31mred",
    "<script>" + GOOD,
    "0" * 100_000,
]


def frame_record(*headers: tuple[str, bytes | None], offset: int = 7) -> Record:
    return Record("camera.frames", 1, offset, b"press-4", b"image", headers, 1_772_460_000_000)  # type: ignore[arg-type]


def test_a_traceparent_is_read():
    assert read_context(GOOD) == TraceContext(TRACE, SPAN, True)
    assert trace_id(GOOD) == TRACE


def test_only_the_last_bit_of_the_flags_says_sampled():
    assert [read_context(f"00-{TRACE}-{SPAN}-{flags}").sampled for flags in ("00", "01", "02", "03", "ff")] == [
        False, True, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_traceparent_is_none(text: str):
    assert traceparent(text) is None
    assert read_context(text) is None


@pytest.mark.parametrize("value", [*(text.encode() for text in HOSTILE), b"\xff\xfe", None])
def test_a_hostile_traceparent_costs_nobody_a_frame_and_is_not_passed_on(value: bytes | None):
    frame = read_frame(frame_record(("traceparent", value)))
    assert frame.traceparent == own_trace(frame.frame_id)
    assert dict(identity_headers(frame))["traceparent"] == frame.traceparent.encode()


def test_cloud_events_own_name_is_read_too():
    assert read_frame(frame_record(("ce_traceparent", GOOD.encode()))).traceparent == GOOD


def test_a_foreign_frame_without_a_trace_gets_one_that_is_called_as_the_frame_is():
    frame, again, other = read_frame(frame_record()), read_frame(frame_record()), read_frame(frame_record(offset=8))
    assert trace_id(frame.traceparent) == frame.frame_id.hex
    assert frame.traceparent == again.traceparent != other.traceparent
    assert read_context(frame.traceparent) is not None


def test_a_frame_of_ours_that_names_no_trace_has_none():
    whole = frame_headers(read_frame(frame_record(("traceparent", GOOD.encode()))))
    ours = tuple({"ce_epoch": (name, b"12")}.get(name, (name, value)) for name, value in whole if name != "traceparent")
    assert read_frame(frame_record(*ours)).traceparent is None


def test_a_hostile_traceparent_of_a_prepared_frame_is_dropped():
    prepared = PreparedFrame(
        frame=read_frame(frame_record()),
        shape=(1, 1, 1),
        preparation="p",
        width=1,
        height=1,
        crop=(0, 0, 1, 1),
        health=HEALTH,
    )
    headers = tuple((n, b"evil" if n == "traceparent" else v) for n, v in prepared_headers(prepared))
    record = Record("frames.prepared", 0, 0, b"press-4", b"\0", headers)
    assert read_prepared(record).frame.traceparent is None
    assert read_prepared(Record("t", 0, 0, b"press-4", b"\0", prepared_headers(prepared))).frame == prepared.frame


def test_headers_are_read_as_they_came():
    assert traceparent_in((("x", b"y"), ("traceparent", GOOD.encode()))) == GOOD
    assert context_in((("x", b"y"),)) is None
