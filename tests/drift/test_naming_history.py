"""The past of a place, in few points and few pictures, and how fast a number moves through it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import isnan, nan
from uuid import UUID

import numpy as np
import pytest

from andon.records import Evidence, FramePlace, Point
from andon_drift.naming import History
from andon_drift.naming.pace import pace

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
NAMES = ("luminance", "contrast", "clipped_low", "clipped_high", "sharpness", "noise")
NAMES += ("red_green", "blue_green", "right", "down", "score")
TEN_S = 10.0


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def picture(seconds: float, offset: int = 0) -> Evidence:
    place = FramePlace(topic="camera.frames", partition=3, offset=offset)
    scored = FramePlace(topic="scores", partition=3, offset=offset + 17)
    number = UUID(int=offset * 2**64 + 12345)
    return Evidence(frame_id=number, frame=place, scored=scored, captured_at=at(seconds), width=1280, height=1024)


def lived(seconds: float, every: float = TEN_S, names: Sequence[str] = NAMES) -> History:
    """Rows that say what second it was, and a picture for each."""
    history = History(names)
    for i in range(int(seconds / every)):
        history.add(at(i * every), [i * every] * len(names), picture(i * every, i))
    return history


def test_points_reach_back_from_now_for_a_week_and_no_farther() -> None:
    points = lived(10 * 86_400, every=300.0).points("score")
    ages = [(points[-1].at - point.at).total_seconds() for point in points]
    assert len(points) <= 64
    assert 3 * 86_400 < ages[0] <= 7 * 86_400


def test_half_of_the_points_are_of_the_last_hour() -> None:
    points = lived(86_400, every=20.0).points("score")
    recent = [point for point in points if points[-1].at - point.at <= timedelta(hours=1)]
    assert len(points) == 64
    assert len(recent) >= 25


def test_a_point_is_the_mean_of_what_it_stands_for() -> None:
    for point in lived(43_200).points("score"):
        assert point.value == pytest.approx((point.at - START).total_seconds(), abs=1.0)


def test_points_stay_in_the_order_of_time() -> None:
    assert all(a.at < b.at for a, b in pairwise(lived(43_200).points("noise")))


def test_a_row_that_is_not_newer_changes_nothing() -> None:
    history = lived(1000)
    before = history.dump()
    history.add(at(500), [99.0] * len(NAMES), picture(500, 99_999))
    assert history.dump() == before


def test_what_is_not_known_is_left_out_of_its_own_number_only() -> None:
    history = History(("right", "score"))
    for i in range(200):
        history.add(at(i), [nan if i < 100 else 4.0, 1.0])
    assert {point.value for point in history.points("right")} == {4.0}
    assert len(history.points("score")) == 64


def test_a_number_that_is_not_watched_has_no_past() -> None:
    assert lived(100).points("spindle_temperature") == ()


def test_a_dump_of_eleven_numbers_is_under_three_kilobytes() -> None:
    history, random = History(NAMES), np.random.default_rng(3)
    for i in range(1500):
        history.add(at(i * TEN_S), random.normal(5, 1, len(NAMES)), picture(i * TEN_S, 7_000_000 + i))
    assert len(history.dump()) < 3000


def test_a_dump_brings_back_points_and_pictures() -> None:
    history = lived(3000)
    again = History.load(NAMES, history.dump())
    assert again.pictures == history.pictures
    pairs = zip(again.points("score"), history.points("score"), strict=True)
    assert all(abs(a.value - b.value) < 0.1 and abs(a.at - b.at) < timedelta(seconds=0.1) for a, b in pairs)


def test_a_dump_brings_back_what_is_not_known_and_what_never_changes() -> None:
    history = History(("right", "noise"))
    for i in range(5):
        history.add(at(i), [nan, 0.25])
    again = History.load(("right", "noise"), history.dump())
    assert again.points("right") == ()
    assert [point.value for point in again.points("noise")] == [0.25] * 5


def test_an_empty_history_survives_a_dump() -> None:
    assert History.load(NAMES, History(NAMES).dump()).points("score") == ()


def test_a_dump_of_other_numbers_is_forgotten() -> None:
    assert History.load(("score",), lived(100).dump()).points("score") == ()


def test_pictures_spread_over_the_past_and_end_with_the_newest() -> None:
    history = lived(43_200)
    assert len(history.pictures) == 8
    assert history.after == history.pictures[-1] == picture(43_190, 4319)
    ages = [(history.pictures[-1].captured_at - each.captured_at).total_seconds() for each in history.pictures]
    assert ages == sorted(ages, reverse=True)
    assert ages[-2] <= 120
    assert ages[0] > 3600


def test_the_picture_before_is_the_newest_from_before_the_change() -> None:
    history = lived(43_200)
    before = history.before(at(40_000))
    assert before is not None
    assert before.captured_at < at(40_000)
    assert not any(before.captured_at < each.captured_at < at(40_000) for each in history.pictures)
    assert history.before(at(-1)) is None


def line(values: Sequence[float], every: float = 60.0) -> tuple[Point, ...]:
    return tuple(Point(at=at(i * every), value=value) for i, value in enumerate(values))


def test_a_steady_trend_says_when_it_meets_the_limit() -> None:
    steady = pace(line([0.22 + 0.001 * i for i in range(60)]), START)
    assert steady is not None
    assert steady.seconds_to(0.45) == pytest.approx((0.45 - 0.279) / 0.001 * 60, rel=0.01)


def test_a_trend_away_from_the_limit_never_meets_it() -> None:
    steady = pace(line([0.22 - 0.001 * i for i in range(60)]), START)
    assert steady is not None
    assert steady.seconds_to(0.45) is None


def test_a_trend_among_noise_is_found_once_it_is_sure() -> None:
    noise = np.random.default_rng(2).normal(0, 0.02, 400)
    steady = pace(line([0.22 + 0.001 * i + noise[i] for i in range(400)]), START)
    assert steady is not None
    assert steady.per_s == pytest.approx(0.001 / 60, rel=0.05)
    assert pace(line([0.22 + 0.001 * i + noise[i] for i in range(12)]), START) is None


@pytest.mark.parametrize(
    "values",
    [
        [0.22] * 10 + [0.31] * 50,  # a step that is over
        list(np.random.default_rng(1).normal(0.3, 0.05, 60)),  # no trend
        list(np.random.default_rng(1).normal([0.22] * 30 + [0.31] * 30, 0.02)),  # a step among noise
        [0.22, 0.23, 0.24],  # too few points
        [0.3] * 60,  # nothing moves
    ],
    ids=["step", "noise", "noisy step", "few", "constant"],
)
def test_what_is_no_steady_trend_has_no_pace(values: list[float]) -> None:
    assert pace(line(values), START) is None


def test_the_pace_is_of_the_time_since_the_change() -> None:
    flat_then_rising = [0.22] * 200 + [0.22 + 0.001 * i for i in range(60)]
    assert pace(line(flat_then_rising), at(200 * 60)) is not None


def test_points_far_apart_count_for_the_time_they_stand_for() -> None:
    """Ten points of the last minute wobble; the hour before them rises."""
    old = [Point(at=at(300 * i), value=0.2 + 0.01 * i) for i in range(12)]
    new = [Point(at=at(3310 + 6 * i), value=0.31 + (0.01 if i % 2 else -0.01)) for i in range(10)]
    steady = pace((*old, *new), START)
    assert steady is not None
    assert steady.per_s == pytest.approx(0.01 / 300, rel=0.1)
    assert not isnan(steady.value)
