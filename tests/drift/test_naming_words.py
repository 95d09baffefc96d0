"""Numbers, times and directions as people read them."""

from datetime import UTC, datetime

import pytest

from andon_drift.naming.words import clock, figures, lasting, listed, way, words_for

AT = datetime(2026, 3, 2, 14, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "after", "before", "unit", "told"),
    [
        ("sharpness", 4.1, 4.6, "", "4.1 usually 4.6"),
        ("score", 0.31, 0.22, "", "0.31 usually 0.22"),
        ("score", 0.2231, 0.2204, "", "0.2231 usually 0.2204"),
        ("luminance", 0.36, 0.40, "", "36 % usually 40 %"),
        ("luminance", 0.3954, 0.4, "", "39.5 % usually 40.0 %"),
        ("rejects", 0.019, 0.004, "", "1.9 % usually 0.4 %"),
        ("pressure", 1512.0, 1498.0, "bar", "1512 bar usually 1498 bar"),
        ("noise", 0.012, 0.006, "", "3.1 grey levels usually 1.5 grey levels"),
        ("score", 5.0, 5.0, "", "5 usually 5"),
    ],
)
def test_two_values_have_the_digits_that_tell_them_apart(
    name: str, after: float, before: float, unit: str, told: str
) -> None:
    assert " usually ".join(figures(name, (after, before), unit)) == told


@pytest.mark.parametrize(
    ("right", "down", "told"),
    [
        (-11.0, 0.2, "11 px left"),
        (3.0, -4.0, "3 px right and 4 px up"),
        (0.0, 2.6, "3 px down"),
        (-0.6, 0.1, "0.6 px left"),
    ],
)
def test_a_shift_says_how_far_and_which_way(right: float, down: float, told: str) -> None:
    assert way(right, down) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(20, "1 min"), (45 * 60, "45 min"), (100 * 60, "2 h"), (3.2 * 3600, "3 h"), (5 * 86_400, "5 days")],
)
def test_how_long_is_told_in_the_unit_people_use(seconds: float, told: str) -> None:
    assert lasting(seconds) == told


def test_a_time_of_another_day_says_the_day() -> None:
    assert clock(AT, AT) == "14:02 UTC"
    assert clock(AT, AT.replace(day=3)) == "2026-03-02 14:02 UTC"


def test_a_name_of_several_words_is_read_as_words() -> None:
    assert words_for("spindle_temperature") == "spindle temperature"
    assert words_for("luminance") == "brightness"


def test_things_are_listed_as_people_list_them() -> None:
    assert (listed(["light"]), listed(["light", "focus"])) == ("light", "light and focus")
    assert listed(["light", "focus", "framing"]) == "light, focus and framing"
    assert listed([]) == ""
