"""Identity: the same thing has the same id everywhere, and names are safe to log, to key and to show."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import Invalid
from andon.ids import derived_id, foreign_frame_id, frame_id, label, sha256_hex, station_id, suggest_station
from andon.reasons import Reason


def test_a_frames_id_never_changes_from_one_version_to_the_next() -> None:
    """Ids lie in Kafka and in people's pages: another formula would make every repeat a new frame."""
    assert frame_id("weld-07", 1_700_000_000_000, 12) == UUID("225e91af-72e5-54a6-ba16-0456514abcb0")
    assert foreign_frame_id("camera.frames", 3, 77) == UUID("797a904f-1e53-5b2c-b931-883b85f74fbb")
    assert derived_id(frame_id("weld-07", 1_700_000_000_000, 12), "weld-07", "defect_surge") == UUID(
        "af86961f-3533-5356-ace8-62c7408b4469"
    )


def test_whatever_differs_gives_another_id() -> None:
    ours = [frame_id(station, epoch, seq) for station in ("a", "b") for epoch in (1, 11) for seq in (1, 11, 111)]
    foreign = [foreign_frame_id(topic, 1, offset) for topic in ("a", "b") for offset in (1, 11)]
    derived = [derived_id(ours[0], *parts) for parts in (("a",), ("b",), ("a", "b"))]
    assert len({*ours, *foreign, *derived}) == len(ours) + len(foreign) + len(derived)


@pytest.mark.parametrize("text", ["a", "7", "weld-07", "line.3_cam-2", "a" * 64])
def test_a_plain_name_may_name_a_station(text: str) -> None:
    assert station_id(text) == text


HOSTILE = ["", " ", "Weld", "weld 07", "weld\n07", "../etc", "a/b", "-a", ".a", "_a", "a" * 65, "schweiß", "a\x00", "٣"]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_other_name_is_refused_in_one_printable_line(text: str) -> None:
    with pytest.raises(Invalid) as told:
        station_id(text)
    assert told.value.reason is Reason.BAD_STATION
    assert told.value.detail.isprintable()


@pytest.mark.parametrize(
    ("text", "hint"),
    [("Weld 07", "weld-07"), (" ../Cam #3 ", "cam-3"), ("schweiß", "schwei"), ("ÄÖ", ""), ("A" * 99, "a" * 64)],
)
def test_the_nearest_legal_name_is_offered(text: str, hint: str) -> None:
    assert suggest_station(text) == hint
    with pytest.raises(Invalid) as told:
        station_id(text)
    assert (f"try '{hint}'" in told.value.detail) == bool(hint)


@given(st.text(max_size=80))
def test_what_is_offered_is_legal(text: str) -> None:
    hint = suggest_station(text)
    assert hint == "" or station_id(hint) == hint


@pytest.mark.parametrize("text", ["cup", "Cup 0.3", "SN/4711:a#1+b", "7", "a" * 128])
def test_a_label_may_hold_what_serial_numbers_hold(text: str) -> None:
    assert label(text, "part") == text


@pytest.mark.parametrize("text", ["", " cup", "cup\n", "cup\r\nevil: 1", "a" * 129, "<b>", "ü", '"', "{}"])
def test_any_other_label_is_refused_in_one_printable_line(text: str) -> None:
    with pytest.raises(Invalid) as told:
        label(text, "part")
    assert told.value.reason is Reason.BAD_HEADER
    assert told.value.detail.isprintable()
    assert told.value.detail.startswith("part ")


def test_sha256_is_the_published_one() -> None:
    """FIPS 180-2, appendix B.1."""
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
