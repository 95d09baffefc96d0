"""Shifts: which one is on, from when until when, also where clocks jump, and what is told of wrong ones."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import Mistake
from andon.line import Plan
from andon.line.parse import parse
from andon.line.shifts import begins, named, shifts

BERLIN = ZoneInfo("Europe/Berlin")
THREE = "time zone: Europe/Berlin\nshifts: {early: 06:00, late: 14:00, night: 22:00}\n"
QUARTER_S = 15 * 60


def plan(text: str, station: str = "weld-07") -> Plan:
    return parse(text.encode(), "line.yaml").of(station)


def on(text: str, at: str, zone: ZoneInfo = BERLIN) -> tuple[str, str, str]:
    """The shift that is on, as clocks of `zone` show it; '+01:00' tells which of two alike."""
    moment = datetime.fromisoformat(at)
    shift = plan(text).shift_of(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    begin, end = (each.astimezone(zone).isoformat(" ", "minutes") for each in (shift.begins, shift.ends))
    return shift.name, begin, end


@pytest.mark.parametrize(
    ("at", "shift"),
    [
        ("2026-07-01 06:00", ("early", "2026-07-01 06:00+02:00", "2026-07-01 14:00+02:00")),
        ("2026-07-01 13:59", ("early", "2026-07-01 06:00+02:00", "2026-07-01 14:00+02:00")),
        ("2026-07-01 14:00", ("late", "2026-07-01 14:00+02:00", "2026-07-01 22:00+02:00")),
        ("2026-07-01 23:59", ("night", "2026-07-01 22:00+02:00", "2026-07-02 06:00+02:00")),
        ("2026-07-01 05:59", ("night", "2026-06-30 22:00+02:00", "2026-07-01 06:00+02:00")),
    ],
)
def test_a_shift_goes_on_until_the_next_one_begins(at: str, shift: tuple[str, str, str]) -> None:
    assert on(THREE, at) == shift


def test_the_order_in_the_file_does_not_matter() -> None:
    assert on("time zone: Europe/Berlin\nshifts: {night: 22:00, early: 6:00}", "2026-07-01 12:00")[0] == "early"


def test_without_shifts_there_is_one_a_day_in_the_time_zone_of_the_file() -> None:
    assert on("time zone: Europe/Berlin", "2026-07-01 12:00") == (
        "day",
        "2026-07-01 00:00+02:00",
        "2026-07-02 00:00+02:00",
    )
    assert plan("line: a").shift_of(datetime(2026, 7, 1, 23, tzinfo=BERLIN)).begins == datetime(2026, 7, 1, tzinfo=UTC)
    assert Plan("built-in").shift_of(datetime(2026, 7, 1, 12, tzinfo=UTC)).name == "day"


def test_a_line_of_the_file_may_have_other_shifts_and_then_none_of_the_files() -> None:
    text = THREE + "stations: {press-*: {line: press, shifts: {day: 06:00, dark: 18:00}}}"
    at = datetime(2026, 7, 1, 15, tzinfo=BERLIN)
    assert [plan(text, name).shift_of(at).name for name in ("press-1", "weld-07", "drill.press-1")] == [
        "day",
        "late",
        "day",
    ]


def test_shifts_of_the_defaults_hold_for_every_station_without_its_own() -> None:
    text = "time zone: UTC\nshifts: {a: 00:00}\ndefaults: {shifts: {b: 00:00}}\nstations: {weld-07: {route: x}}"
    assert plan(text).shift_of(datetime(2026, 7, 1, tzinfo=UTC)).name == "b"


# Berlin: on 2026-03-29 at 02:00+01:00 clocks jump to 03:00+02:00; on 2026-10-25 at 03:00+02:00 back to 02:00+01:00


def test_the_night_in_which_clocks_change_is_an_hour_shorter_or_longer() -> None:
    for day, hours in (("2026-03-29", 7), ("2026-10-25", 9), ("2026-11-25", 8)):
        shift = plan(THREE).shift_of(datetime.fromisoformat(f"{day} 05:00").replace(tzinfo=BERLIN))
        assert (shift.name, (shift.ends - shift.begins) / timedelta(hours=1)) == ("night", hours)


def test_a_shift_whose_time_is_skipped_begins_when_clocks_jump() -> None:
    text = "time zone: Europe/Berlin\nshifts: {a: 00:00, b: 02:30}"
    assert on(text, "2026-03-29 03:00") == ("b", "2026-03-29 03:00+02:00", "2026-03-30 00:00+02:00")
    assert on(text, "2026-03-29 01:59")[2] == "2026-03-29 03:00+02:00"


def test_a_shift_that_clocks_jump_over_whole_is_left_out_that_day() -> None:
    text = "time zone: Europe/Berlin\nshifts: {a: 00:00, b: 02:15, c: 02:45}"
    assert on(text, "2026-03-29 01:00")[0] == "a"
    assert on(text, "2026-03-29 03:00")[0] == "c"
    assert on(text, "2026-03-30 02:30")[0] == "b"


def test_a_shift_whose_time_comes_twice_begins_at_the_first() -> None:
    text = "time zone: Europe/Berlin\nshifts: {a: 00:00, b: 02:30}"
    for at in ("2026-10-25 02:30+02:00", "2026-10-25 02:15+01:00", "2026-10-25 02:30+01:00"):
        assert on(text, at)[:2] == ("b", "2026-10-25 02:30+02:00")


zones = st.sampled_from(
    [
        *("Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"),
        *("Pacific/Chatham", "America/Sao_Paulo", "Antarctica/Troll", "Pacific/Apia", "UTC"),
    ]
)
moments = st.integers(0, 20 * 366 * 24 * 60).map(
    lambda each: datetime(2008, 1, 1, tzinfo=UTC) + timedelta(minutes=each)
)
quarters = st.integers(0, 95).map(lambda each: time(each // 4, each % 4 * 15))
given_shifts = st.lists(quarters, min_size=1, max_size=6, unique=True).map(
    lambda each: {f"s{place}": start for place, start in enumerate(each)}
)


@given(at=moments, zone=zones.map(ZoneInfo), starts=given_shifts)
def test_every_moment_belongs_to_one_shift_and_the_next_one_begins_where_it_ends(
    at: datetime, zone: ZoneInfo, starts: dict[str, time]
) -> None:
    found = shifts(starts, zone)
    shift = found.on(at)
    assert shift.begins <= at < shift.ends
    assert found.on(shift.begins) == found.on(shift.ends - timedelta(seconds=1)) == shift
    after = found.on(shift.ends)
    assert after.begins == shift.ends
    assert len(starts) == 1 or after.name != shift.name or shift.ends - shift.begins > timedelta(hours=20)


@given(at=moments, zone=zones.map(ZoneInfo), starts=given_shifts)
def test_a_shift_is_a_sum_of_quarter_hours_of_utc(at: datetime, zone: ZoneInfo, starts: dict[str, time]) -> None:
    shift = shifts(starts, zone).on(at)
    assert shift.begins.timestamp() % QUARTER_S == shift.ends.timestamp() % QUARTER_S == 0
    assert shift.begins.tzinfo is shift.ends.tzinfo is UTC


@given(at=moments, zone=zones.map(ZoneInfo), starts=given_shifts)
def test_clocks_show_its_time_when_a_shift_begins_or_have_jumped_over_it(
    at: datetime, zone: ZoneInfo, starts: dict[str, time]
) -> None:
    shift = shifts(starts, zone).on(at)
    wall = shift.begins.astimezone(zone)
    before = (shift.begins - timedelta(seconds=1)).astimezone(zone)
    jumped = wall.utcoffset() > before.utcoffset()  # type: ignore[operator]
    assert wall.time() == starts[shift.name] or jumped


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("6", "say when it begins, such as '06:00'"),
        ("24:00", "say when it begins"),
        ("06:60", "say when it begins"),
        ("06:00 to 14:00", "it goes on until the next one begins"),
        ("06:10", "try '06:00'"),
        ("9:59", "try '09:45'"),
    ],
)
def test_what_is_no_beginning_is_told_with_what_would_be(text: str, told: str) -> None:
    with pytest.raises(Mistake, match=told):
        begins(text)


def test_a_shift_is_not_called_like_the_last_24_hours_nor_by_what_labels_cannot_show() -> None:
    for name in ("24h", "", "a/b", "x" * 33, " early", "a\nb"):
        with pytest.raises(Mistake):
            named(name)
    assert named("Früh 1") == "Früh 1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "shifts: {early: 06:00}",
            "1:1: shifts: in which time zone? say at the top, such as 'time zone: Europe/Berlin'",
        ),
        (THREE + "stations: {a: {shifts: {x: 1:00, y: 01:00}}}", "3:24: station 'a': shifts: 'x' and 'y' both begin"),
        ("time zone: UTC\nshifts:\n  early: 06:05\n", "3:10: shifts: early: '06:05': frames are counted by quarter"),
        ("time zone: UTC\nshifts:\n  24h: 06:00\n", "3:3: shifts: '24h': is what the last 24 hours are called"),
        ("shifts: 06:00", "1:9: shifts: needs names beneath it"),
        ("shifts:\nline: a", "1:1: shifts: says nothing"),
        ("shfits: {a: 06:00}", "1:1: there is no 'shfits' here; try 'shifts'"),
        (
            "time zone: UTC\nshifts: {"
            + ", ".join(f"s{each}: {each // 4}:{each % 4 * 15:02}" for each in range(25))
            + "}",
            "2:9: shifts: 25 shifts; 24 a day are the most",
        ),
    ],
)
def test_wrong_shifts_are_told_with_their_line_and_column(text: str, told: str) -> None:
    with pytest.raises(Mistake) as mistake:
        plan(text)
    assert str(mistake.value).startswith(f"line.yaml:{told}")
