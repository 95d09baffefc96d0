"""Maintenance windows: when they are and until when, also through midnight and where clocks jump."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import Mistake
from andon.line.clocks import earliest, latest
from andon.line.windows import in_zone, window

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def until(text: str, at: str, zone: ZoneInfo = UTC_ZONE) -> str | None:
    """When the window around `at` ends, both as clocks of `zone` show it; '+01:00' tells which of two alike."""
    moment = datetime.fromisoformat(at)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    end = in_zone(window(text), zone).until(aware)
    return end.astimezone(zone).isoformat(sep=" ", timespec="minutes") if end else None


# 2026-11-22 is a Sunday


@pytest.mark.parametrize(
    ("text", "at", "end"),
    [
        ("Sundays 06:00 to 10:00", "2026-11-22 06:00", "2026-11-22 10:00+00:00"),
        ("Sundays 06:00 to 10:00", "2026-11-22 09:59", "2026-11-22 10:00+00:00"),
        ("Sundays 06:00 to 10:00", "2026-11-22 10:00", None),
        ("Sundays 06:00 to 10:00", "2026-11-22 05:59", None),
        ("Sundays 06:00 to 10:00", "2026-11-23 07:00", None),
        ("sunday 06:00 to 10:00", "2026-11-22 07:00", "2026-11-22 10:00+00:00"),
        ("Sun 6:00 to 10:00", "2026-11-22 07:00", "2026-11-22 10:00+00:00"),
        ("every day 12:00 to 12:30", "2026-11-24 12:15", "2026-11-24 12:30+00:00"),
        ("daily 12:00 to 12:30", "2026-11-24 12:30", None),
        ("weekdays 12:00 to 12:30", "2026-11-23 12:00", "2026-11-23 12:30+00:00"),
        ("weekdays 12:00 to 12:30", "2026-11-22 12:00", None),
        ("weekends all day", "2026-11-22 23:59", "2026-11-23 00:00+00:00"),
        ("weekends all day", "2026-11-23 00:00", None),
        ("Mondays to Wednesdays 12:00 to 13:00", "2026-11-25 12:00", "2026-11-25 13:00+00:00"),
        ("Mondays to Wednesdays 12:00 to 13:00", "2026-11-26 12:00", None),
        ("Saturdays to Mondays all day", "2026-11-23 08:00", "2026-11-24 00:00+00:00"),
        ("Mondays, Wednesdays and Fridays 06:00 to 07:00", "2026-11-27 06:30", "2026-11-27 07:00+00:00"),
        ("Mondays, Wednesdays and Fridays 06:00 to 07:00", "2026-11-26 06:30", None),
        ("Fridays 22:00 to Mondays 05:00", "2026-11-22 12:00", "2026-11-23 05:00+00:00"),
        ("Fridays 22:00 to Mondays 05:00", "2026-11-20 21:59", None),
        ("Fridays 22:00 to Mondays 05:00", "2026-11-23 05:00", None),
        ("Mondays 06:00 to Mondays 05:00", "2026-11-22 12:00", "2026-11-23 05:00+00:00"),
        ("Mondays 06:00 to Mondays 05:00", "2026-11-23 05:30", None),
        ("Sundays 20:00 to 24:00", "2026-11-22 23:59", "2026-11-23 00:00+00:00"),
        ("2026-11-22 00:00 to 2026-11-25 06:00", "2026-11-24 12:00", "2026-11-25 06:00+00:00"),
        ("2026-11-22 00:00 to 2026-11-25 06:00", "2026-11-25 06:00", None),
        ("2026-11-22 08:00 to 09:00", "2026-11-22 08:30", "2026-11-22 09:00+00:00"),
        ("2026-11-22", "2026-11-22 23:59", "2026-11-23 00:00+00:00"),
        ("2026-11-22 to 2026-11-24", "2026-11-24 23:59", "2026-11-25 00:00+00:00"),
    ],
)
def test_a_window_lasts_until_its_end(text: str, at: str, end: str | None) -> None:
    assert until(text, at) == end


def test_a_window_through_midnight_belongs_to_the_day_it_begins_on() -> None:
    text = "Saturdays 22:00 to 04:00"
    assert until(text, "2026-11-22 03:59") == "2026-11-22 04:00+00:00"
    assert until(text, "2026-11-21 23:00") == "2026-11-22 04:00+00:00"
    assert until(text, "2026-11-22 22:30") is None
    assert until(text, "2026-11-21 03:00") is None


def test_the_later_end_counts_where_a_window_meets_itself() -> None:
    assert until("every day 06:00 to 05:00", "2026-11-22 12:00") == "2026-11-23 05:00+00:00"
    assert until("every day all day", "2026-11-22 12:00") == "2026-11-23 00:00+00:00"


def test_clocks_are_those_of_the_line_in_summer_and_winter() -> None:
    text = "every day 12:00 to 12:30"
    assert until(text, "2026-07-01 10:15+00:00", BERLIN) == "2026-07-01 12:30+02:00"
    assert until(text, "2026-12-01 11:15+00:00", BERLIN) == "2026-12-01 12:30+01:00"
    assert until(text, "2026-12-01 10:15+00:00", BERLIN) is None


# Berlin: on 2026-03-29 at 02:00+01:00 clocks jump to 03:00+02:00; on 2026-10-25 at 03:00+02:00 back to 02:00+01:00


def test_where_the_beginning_is_skipped_the_window_begins_when_clocks_jump() -> None:
    text = "Sundays 02:30 to 03:15"
    assert until(text, "2026-03-29 00:59+00:00", BERLIN) is None
    assert until(text, "2026-03-29 01:00+00:00", BERLIN) == "2026-03-29 03:15+02:00"
    assert until(text, "2026-03-29 01:15+00:00", BERLIN) is None


def test_where_the_end_is_skipped_the_window_ends_when_clocks_jump() -> None:
    text = "Sundays 01:30 to 02:30"
    assert until(text, "2026-03-29 00:45+00:00", BERLIN) == "2026-03-29 03:00+02:00"
    assert until(text, "2026-03-29 01:00+00:00", BERLIN) is None


def test_a_time_that_comes_twice_begins_a_window_at_the_first_and_ends_it_at_the_second() -> None:
    text = "Sundays 01:00 to 02:30"
    assert until(text, "2026-10-25 00:29+00:00", BERLIN) == "2026-10-25 02:30+01:00"
    assert until(text, "2026-10-25 01:29+00:00", BERLIN) == "2026-10-25 02:30+01:00"
    assert until(text, "2026-10-25 01:30+00:00", BERLIN) is None
    assert until("Sundays 02:15 to 04:00", "2026-10-25 00:15+00:00", BERLIN) == "2026-10-25 04:00+01:00"
    assert until("Sundays 02:15 to 04:00", "2026-10-25 00:14+00:00", BERLIN) is None


def test_a_window_that_clocks_jump_over_is_seen_to_be_none() -> None:
    assert not in_zone(window("2026-03-29 02:10 to 02:50"), BERLIN).ever
    assert in_zone(window("2026-03-29 02:10 to 02:50"), UTC_ZONE).ever
    assert until("2026-03-29 02:10 to 02:50", "2026-03-29 01:00+00:00", BERLIN) is None


zones = st.sampled_from(["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"])
moments = st.integers(0, 6 * 366 * 24 * 60).map(lambda each: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=each))
walls = moments.map(lambda each: each.replace(tzinfo=None))


@given(wall=walls, zone=zones.map(ZoneInfo))
def test_a_wall_time_begins_when_clocks_first_reach_it(wall: datetime, zone: ZoneInfo) -> None:
    first, last = earliest(wall, zone), latest(wall, zone)
    assert first <= last <= first + timedelta(hours=2)
    assert first.astimezone(zone).replace(tzinfo=None) >= wall
    assert (first - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < wall
    assert (last - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < wall


@given(at=moments, zone=zones.map(ZoneInfo))
@pytest.mark.parametrize(
    "text", ["Saturdays 23:30 to 02:30", "every day 02:15 to 02:45", "Fridays 22:00 to Mondays 05:00"]
)
def test_a_window_ends_after_it_is_and_is_over_when_it_ends(text: str, at: datetime, zone: ZoneInfo) -> None:
    found = in_zone(window(text), zone)
    end = found.until(at)
    if end is not None:
        assert end > at
        assert found.until(end) is None
        assert found.until(end - timedelta(seconds=1)) == end


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sometimes", "say 'Sundays 06:00 to 10:00'"),
        ("Sundys 06:00 to 10:00", "'sundys' is no day of the week"),
        ("Sundays 06:00 to 06:00", "say 'all day' where that is meant"),
        ("Mondays 06:00 to Mondays 06:00", "it never is"),
        ("Sundays 06:00 to 25:00", "'25:00': a time lies between 00:00 and 24:00"),
        ("Sundays 06:75 to 07:00", "'06:75'"),
        ("Sundays 24:00 to 07:00", "begins at 00:00 of the next day"),
        ("2026-02-30 06:00 to 07:00", "'2026-02-30': there is no such day"),
        ("2026-12-24 06:00 to 2026-12-23 06:00", "ends before it begins, so it never is"),
        ("2026-12-24 06:00 to 06:00", "ends before it begins, so it never is"),
        ("2026-12-24 to 2026-12-23", "ends before it begins, so it never is"),
    ],
)
def test_what_is_no_time_is_a_mistake_that_says_so(text: str, told: str) -> None:
    with pytest.raises(Mistake, match=re.escape(told)):
        window(text)


texts = st.text(max_size=80) | st.lists(
    st.sampled_from(["Sundays", "to", "06:00", "99:99", "2026-02-30", "2026-12-24", "all day", "and", ",", "²"]),
    max_size=8,
).map(" ".join)


@given(text=texts)
def test_no_text_makes_a_window_raise_anything_but_a_mistake(text: str) -> None:
    try:
        in_zone(window(text), BERLIN).until(datetime(2026, 3, 29, 1, tzinfo=UTC))
    except Mistake:
        return
