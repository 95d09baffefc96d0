"""Lengths of time and moments, as people type them and as they are told."""

from datetime import UTC, datetime, timedelta

import pytest

from andon.errors import Mistake
from andon.incidents.when import ahead, length, past, spoken

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("20min", 1200), ("20m", 1200), ("2h", 7200), ("1d", 86400), ("1h30min", 5400), ("1.5 h", 5400)],
)
def test_lengths_of_time_as_people_type_them(text: str, seconds: float):
    assert length(text, "TIME") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "2 hours", "-2h", "2h!", "1e9h", "0min", "٣h"])
def test_what_is_no_length_of_time(text: str):
    with pytest.raises(Mistake):
        length(text, "TIME")


def test_a_length_beyond_all_measure_is_ten_years():
    assert length("9999999d", "TIME") == timedelta(days=3650)


def test_moments_to_come_and_gone():
    assert ahead("2026-03-02T15:00+00:00", "--until", NOW) == NOW + timedelta(hours=1)
    assert past("8h", "--since", NOW) == NOW - timedelta(hours=8)
    assert past("2026-03-02T13:00+00:00", "--since", NOW) == NOW - timedelta(hours=1)
    for text in ("2027-01-01", "tomorrow", ""):
        with pytest.raises(Mistake):
            past(text, "--since", NOW)


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (720, "12 min"), (11100, "3 h 5 min"), (7200, "2 h"), (187200, "2 d 4 h")]
)
def test_lengths_of_time_as_they_are_told(seconds: float, words: str):
    assert spoken(timedelta(seconds=seconds)) == words
