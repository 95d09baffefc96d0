"""What moved around the onset of something else, and when it began: what moved before the pictures is named first."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from andon.records import Reading
from andon.records.baseline import Baseline, Watched
from andon_drift.sensors import Sensors, beside

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MINUTE = 60


def at(seconds):
    return START + timedelta(seconds=seconds)


def sensors_of(seed=0, seconds=7200, **given):
    """One reading a second: each number is 100 with a spread of 1, plus what `given` makes of the seconds."""
    rng, t = np.random.default_rng(seed), np.arange(seconds)
    columns = {name: 100 + rng.normal(0, 1, seconds) + make(t) for name, make in given.items()}
    sensors = Sensors()
    for n in range(seconds):
        values = {name: float(column[n]) for name, column in columns.items()}
        sensors.take(Reading(station="weld-07", at=at(n), values=values, units=dict.fromkeys(values, "K")))
    return sensors


def step(begin, by):
    return lambda t: np.where(t >= begin, by, 0.0)


def ramp(begin, end, by):
    return lambda t: np.clip((t - begin) / (end - begin), 0, 1) * by


def still(t):
    return np.zeros(t.size)


def baseline(**sds):
    def watched(sd):
        return Watched(
            quantiles=(99.0, 101.0),
            mean=100.0,
            sd=sd,
            correlation=0,
            block=10,
            centre=0,
            spread=0.3,
            slack=0.5,
            cusum=8,
        )

    return Baseline(
        station="weld-07",
        bundle="signals",
        since=at(-9 * 3600),
        until=at(-3600),
        frames=8000,
        period_s=1.0,
        run_length=1e7,
        tickets=1,
        watched={name: watched(sd) for name, sd in sds.items()},
    )


def test_what_moved_before_the_pictures_is_named_first_though_another_moved_farther():
    sensors = sensors_of(spindle=step(6000, 4), bath=step(6600, 40), feed=still)
    moved = beside(sensors, at(6500), at(7199))
    assert [each.name for each in moved] == ["spindle", "bath"]
    early = moved[0]
    assert abs((early.since - at(6000)).total_seconds()) < 2 * MINUTE
    assert (early.before, early.after) == pytest.approx((100, 104), abs=0.3)
    assert early.sigmas == pytest.approx(4, rel=0.35)
    assert early.unit == "K"


def test_the_onset_of_a_slow_rise_is_near_its_foot_and_its_height_is_what_it_is_now():
    (moved,) = beside(sensors_of(a=ramp(5400, 7199, 6)), at(6300), at(7199))
    assert at(5400) - timedelta(minutes=2) <= moved.since < at(6300)
    assert moved.after - moved.before == pytest.approx(5.5, abs=0.8)


def test_the_earliest_comes_first_and_of_the_same_minute_the_largest():
    sensors = sensors_of(a=step(6000, 5), c=step(6000, -9), b=step(5500, 3))
    assert [each.name for each in beside(sensors, at(6500), at(7199))] == ["b", "c", "a"]


@pytest.mark.parametrize("seed", range(5))
def test_readings_that_did_not_move_are_not_named(seed):
    assert beside(sensors_of(seed, a=still, b=still, c=still), at(6500), at(7199)) == ()


def test_what_moved_and_came_back_or_moved_long_before_is_not_named():
    def back(t):
        return np.where((t >= 5000) & (t < 5600), 9.0, 0.0)

    assert beside(sensors_of(a=back), at(6500), at(7199)) == ()
    assert beside(sensors_of(a=step(600, 9)), at(6900), at(7199)) == ()


def test_what_moved_an_hour_before_and_stayed_is_not_named():
    assert beside(sensors_of(a=step(6000, 9), seconds=10_700), at(10_000), at(10_699)) == ()


def test_what_rises_as_far_every_hour_is_not_named():
    def rinsed(t):
        return np.where(t % 3000 >= 2400, np.where(t < 10_000, 12.0, 9.0), 0.0)

    assert beside(sensors_of(a=rinsed, seconds=11_900), at(11_450), at(11_899)) == ()


def test_sigmas_are_those_of_the_reference_where_there_is_one():
    sensors = sensors_of(a=step(6000, 6), b=step(6000, 6))
    moved = beside(sensors, at(6500), at(7199), baseline(a=2.0, b=4.0))
    assert [each.name for each in moved] == ["a"]
    assert moved[0].sigmas == pytest.approx(3, rel=0.1)


def test_a_ring_that_begins_after_the_onset_is_held_against_the_reference():
    sensors = sensors_of(seconds=600, a=step(0, 6))
    (moved,) = beside(sensors, at(0), at(599), baseline(a=1.0))
    assert (moved.before, moved.after) == pytest.approx((100, 106), abs=0.3)
    assert beside(sensors, at(0), at(599)) == ()


def test_a_setpoint_that_never_varies_is_named_when_it_is_changed():
    sensors = Sensors()
    for n in range(3600):
        sensors.take(Reading(station="weld-07", at=at(n), values={"feed": 40.0 if n < 3000 else 45.0, "off": 0.0}))
    (moved,) = beside(sensors, at(3100), at(3599))
    assert (moved.name, moved.before, moved.after) == ("feed", 40, 45)
    assert np.isfinite(moved.sigmas)


def test_the_history_reaches_from_before_the_change_to_now():
    (moved,) = beside(sensors_of(a=step(6000, 4)), at(6500), at(7199))
    assert moved.history[0].at < at(600)
    assert moved.history[-1].at > at(7150)
    assert len(moved.history) <= 64
    assert [point.at for point in moved.history] == sorted(point.at for point in moved.history)


def test_a_restart_between_the_change_and_the_question_changes_no_answer():
    sensors = sensors_of(early=step(6000, 4), late=step(6600, 40))
    again = Sensors.load(sensors.dump())
    first, second = (beside(each, at(6500), at(7199)) for each in (sensors, again))
    assert [each.name for each in first] == [each.name for each in second]
    assert [each.sigmas for each in first] == pytest.approx([each.sigmas for each in second], rel=1e-3)


def test_no_readings_no_names():
    assert beside(Sensors(), at(0), at(100), baseline(a=1.0)) == ()
