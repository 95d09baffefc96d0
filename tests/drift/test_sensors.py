"""Readings become rows, rows a day's memory; what is late, sent twice or from the future changes nothing."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from andon.records import Reading
from andon_drift.sensors import HOLD_S, NEAR_S, Sensors, Why
from andon_drift.sensors.part import Part
from andon_drift.sensors.ring import MOST, REACH_S, Ring
from andon_drift.sensors.rows import AHEAD_S, FORGET_S, Row

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


def reading(seconds, source="", units=None, **values):
    return Reading(station="weld-07", source=source, at=at(seconds), values=values, units=units or {})


def rows(sensors, *readings):
    found = [sensors.take(each).row for each in readings]
    return [(row.at, row.values) for row in found if row is not None]


def test_a_row_is_closed_by_the_next_reading():
    found = rows(Sensors(), *(reading(n, a=float(n)) for n in range(3)))
    assert found == [(at(0), {"a": 0}), (at(1), {"a": 1})]


def test_numbers_of_several_sources_share_a_row_at_the_pace_of_the_fastest():
    fast = [reading(n, "plc", a=float(n)) for n in range(5)]
    slow = [reading(0.5, "lab", b=10.0), reading(2.5, "lab", b=20.0)]
    mixed = sorted([*fast, *slow], key=lambda each: each.at)
    assert [values for _, values in rows(Sensors(), *mixed)] == [
        {"a": 0, "b": 10},
        {"a": 1, "b": 10},
        {"a": 2, "b": 20},
        {"a": 3, "b": 20},
    ]


def test_a_number_that_is_not_heard_any_more_becomes_unknown():
    sensors = Sensors()
    found = rows(sensors, reading(0, "lab", b=1.0), *(reading(n, "plc", a=0.0) for n in range(0, int(HOLD_S) + 3)))
    assert found[int(HOLD_S)][1] == {"a": 0, "b": 1}
    assert found[int(HOLD_S) + 1][1] == {"a": 0}
    row = Row(*found[-1])
    assert np.isnan(row.vector(["a", "b"])).tolist() == [False, True]


def test_a_number_that_is_silent_for_a_day_is_none_of_the_station_any_more():
    sensors = Sensors()
    rows(sensors, reading(0, "lab", b=1.0), reading(1, "plc", a=0.0), reading(FORGET_S, "plc", a=0.0))
    assert sensors.names == ("a", "b")
    rows(sensors, reading(FORGET_S + 2, "plc", a=0.0), reading(FORGET_S + 3, "plc", a=0.0))
    assert sensors.names == ("a",)


def test_what_is_not_newer_than_the_last_of_its_source_changes_nothing():
    sensors = Sensors()
    rows(sensors, reading(1, "plc", a=1.0), reading(2, "plc", a=2.0))
    before = sensors.dump()
    assert [sensors.take(reading(s, "plc", a=9.0)).why for s in (2, 1)] == [Why.LATE] * 2
    assert sensors.dump() == before
    assert sensors.take(reading(1, "lab", b=1.0)).why is Why.TAKEN


def test_what_is_a_minute_behind_the_other_sources_changes_nothing():
    """A table of last year is sent while the sensors read."""
    sensors = Sensors()
    rows(sensors, reading(1000, "plc", a=1.0))
    assert sensors.take(reading(1000 - HOLD_S - 1, "table", a=9.0)).why is Why.LATE
    assert sensors.take(reading(1000 - HOLD_S, "slow", b=9.0)).why is Why.TAKEN
    found = rows(sensors, *(reading(n, "plc", a=1.0) for n in range(1001, 1004)))
    assert [when for when, _ in found] == [at(1000), at(1001), at(1002)]


def test_a_reading_from_the_future_is_passed_over_and_the_next_true_one_counts():
    sensors = Sensors()
    now_ms = int(at(0).timestamp() * 1000)
    assert sensors.take(reading(AHEAD_S + 1, a=1.0), now_ms).why is Why.AHEAD
    assert sensors.take(reading(0, a=1.0), now_ms).why is Why.TAKEN


def test_units_are_known_by_name_as_somebody_last_said_them():
    sensors = Sensors()
    rows(sensors, reading(0, a=1.0, units={"a": "K"}), reading(1, a=1.0), reading(2, b=1.0))
    assert sensors.units == {"a": "K", "b": ""}


def fed(count, period_s=1.0, numbers=8, seed=0):
    """Sensors that read `count` times."""
    rng = np.random.default_rng(seed)
    sensors = Sensors()
    for n in range(count):
        values = {f"spindle_temperature_{i}": float(v) for i, v in enumerate(rng.normal(200, 3, numbers))}
        sensors.take(reading(n * period_s, "plc_of_weld_07", dict.fromkeys(values, "K"), **values))
    return sensors


def test_a_frame_finds_the_reading_nearest_to_it_in_time_within_a_minute():
    sensors = Sensors()
    for n in range(200):
        sensors.take(reading(n, a=float(n)))
    assert sensors.near(at(104))["a"] == pytest.approx(104, abs=10)
    assert sensors.near(at(198))["a"] == pytest.approx(195, abs=5)
    assert sensors.near(at(-30))["a"] == pytest.approx(0, abs=10)
    assert sensors.near(at(198 + NEAR_S + 1)) == {}
    assert sensors.near(at(-NEAR_S - 1)) == {}


def test_eight_sensors_are_remembered_in_less_than_4_kb_of_plain_ascii():
    text = fed(3000).dump()
    assert len(text) < 4096
    assert text.isascii()
    assert text.isprintable()


def test_a_restart_anywhere_goes_on_as_if_there_had_been_none():
    whole, broken = fed(1500, numbers=3), Sensors()
    rng = np.random.default_rng(0)
    for n in range(1500):
        values = {f"spindle_temperature_{i}": float(v) for i, v in enumerate(rng.normal(200, 3, 3))}
        broken.take(reading(n, "plc_of_weld_07", dict.fromkeys(values, "K"), **values))
        if n % 217 == 5:
            broken = Sensors.load(broken.dump())
    assert (broken.names, broken.units) == (whole.names, whole.units)
    np.testing.assert_allclose(broken.ring.means, whole.ring.means, rtol=1e-4)
    np.testing.assert_allclose(broken.ring.begin, whole.ring.begin, atol=0.06)
    np.testing.assert_allclose(broken.ring.within, whole.ring.within, rtol=1e-5)
    assert broken.take(reading(1600, "plc_of_weld_07", spindle_temperature_0=1.0)).row is not None


def test_what_is_kept_is_what_is_known_now_however_often_it_is_kept():
    sensors = Sensors()
    for n in range(300):
        sensors.take(reading(n, a=float(n), **({"b": 1.0} if n > 200 else {})))
        again = Sensors.load(sensors.dump())
        assert again.ring.names == sensors.ring.names
        assert again.ring.begin.tolist() == pytest.approx(sensors.ring.begin.tolist())
        assert again.near(at(n)) == pytest.approx(sensors.near(at(n)), abs=0.1)


def ring_of(values, period_s=1.0):
    ring = Ring()
    for n, value in enumerate(values):
        ring.add(Row(at(n * period_s), {} if value is None else {"a": value}))
    return ring


def test_the_ring_keeps_the_last_minutes_close_and_reaches_back_a_day():
    ring = ring_of([1.0] * 20_000, 6.0)
    end = at(20_000 * 6).timestamp()
    span = ring.end - ring.begin
    assert ring.begin.size == MOST
    assert end - ring.begin[0] > 0.9 * REACH_S
    assert end - ring.begin[0] < 1.2 * REACH_S
    assert span[ring.end > end - 300].max() <= 60
    assert (span / (end - ring.end + 300)).max() < 0.16


def test_the_ring_leaves_nothing_out_of_its_means():
    values = np.random.default_rng(1).normal(10, 2, 12_345)
    ring = ring_of(values)
    full = int(ring.rows.sum())
    assert full > 12_300
    assert np.average(ring.means[:, 0], weights=ring.rows) == pytest.approx(values[:full].mean(), rel=1e-9)
    assert ring.variance("a") == pytest.approx(4, rel=0.25)


def test_the_ring_keeps_a_gap_as_a_gap_and_a_new_number_from_when_it_came():
    ring = ring_of([1.0] * 40 + [None] * 40 + [3.0] * 40)
    begin, end, _, mean = ring.series("a")
    assert set(mean.tolist()) == {1, 3}
    assert not any((begin < at(70).timestamp()) & (end > at(50).timestamp()))
    ring.add(Row(at(500), {"b": 2.0}))
    for n in range(10):
        ring.add(Row(at(510 + n), {"b": 2.0}))
    assert ring.series("b")[0].size >= 1
    again = Ring.load(ring.dump())
    assert again.names == ("a", "b")
    assert np.isnan(again.means[0]).tolist() == [False, True]


def test_a_part_has_the_mean_and_variance_of_its_rows():
    values = np.random.default_rng(2).normal(1e6, 0.01, 10)
    part = Part(0, 0)
    for n, value in enumerate(values):
        part.add(float(n), {"a": float(value)} if n else {"a": float(value), "b": 1.0})
    part = Part.load(part.dump(("a", "b")), ("a", "b"))
    assert part.mean(("a", "b", "c"))[:2].tolist() == pytest.approx([values.mean(), 1])
    assert part.variance(("a",))[0] == pytest.approx(values.var(ddof=1), rel=1e-3)
    assert np.isnan(part.variance(("b", "c"))).all()
