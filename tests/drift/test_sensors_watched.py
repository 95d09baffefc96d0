"""A station's readings learned and watched by the real charts: what is told, and what is too small to be."""

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from andon.charts import BASE, TOGETHER, Charts, Sample, learn
from andon.records import DriftCause, Reading
from andon.records.baseline import SIGNALS, Baseline
from andon.records.drift import Chart
from andon_drift.naming import Seen, name, sentence
from andon_drift.sensors import Sensors, matters, numbers

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
NAMES = ("pressure", "pump_current", "spindle_temperature")
MEANS, SDS = np.array([1.5, 8.0, 310.0]), np.array([0.02, 0.4, 0.8])
LEARNED, RUN = 5000, 30 * 86_400 * 8
UNITS = {"pressure": "bar", "spindle_temperature": "K"}


def drawn(count, seed):
    """Normal scores, float64 [count, 3]: the first two go together, by 0.98."""
    z = np.random.default_rng(seed).normal(size=(count, 3))
    z[:, 1] = 0.98 * z[:, 0] + np.sqrt(1 - 0.98**2) * z[:, 1]
    return z


@cache
def baseline():
    """Learned from what the sensors said while all was well."""
    rows = _rows(Sensors(), drawn(LEARNED + 1, 1), 0)
    values = np.stack([row.vector(NAMES) for row in rows])
    found = learn(Sample(values, NAMES, np.zeros(len(values), bool)), run_length=RUN, ewma=(), together=True)
    return Baseline(
        station="weld-07",
        bundle=SIGNALS,
        since=rows[0].at,
        until=rows[-1].at,
        frames=len(rows),
        period_s=1,
        run_length=RUN,
        tickets=1,
        watched=found.watched,
        together=found.together,
    )


def _rows(sensors, z, first):
    rows = []
    for n, read in enumerate(MEANS + SDS * z, first):
        values = dict(zip(NAMES, read.tolist(), strict=True))
        taken = sensors.take(Reading(station="weld-07", at=START + timedelta(seconds=n), values=values, units=UNITS))
        rows += [taken.row] if taken.row else []
    return rows


def watched(z, seed=2):
    """The sentence and the drift of the first alarm that matters, of readings that are `z` [n, 3] off; or None."""
    sensors, charts = Sensors(), Charts(baseline())
    rows = _rows(sensors, drawn(len(z) + 1, seed)[: len(z)] + z, LEARNED)
    for begin in range(0, len(rows) - BASE + 1, BASE):
        block = rows[begin : begin + BASE]
        values = np.stack([row.vector(charts.names) for row in block])
        alarms = charts.advance(Sample(values, charts.names, np.zeros(BASE, bool))).alarms
        found = numbers(sensors, baseline(), charts.means(), alarms, block[-1].at)
        told = [alarm for alarm in alarms if matters(alarm, found.get(alarm.name), baseline())]
        if told:
            since = block[-1].at - timedelta(seconds=max(alarm.frames for alarm in told))
            seen = Seen("weld-07", None, SIGNALS, block[-1].at, since, 1, 1, found)
            drift = name(seen)
            return begin, told, drift, sentence(seen, drift)
    return None


def off(count, **by):
    z = np.zeros((count, 3))
    for name_, value in by.items():
        z[:, NAMES.index(name_)] += value
    return z


def test_a_reading_that_moved_is_told_with_its_name_and_unit():
    begin, alarms, drift, said = watched(off(1000, spindle_temperature=2))
    assert begin < 100
    assert {alarm.name for alarm in alarms} == {"spindle_temperature"}
    assert drift.named is DriftCause.SENSOR
    moved = drift.moved[0]
    assert (moved.name, moved.unit, moved.chart) == ("spindle_temperature", "K", Chart.CUSUM)
    assert moved.sigmas == pytest.approx(2, abs=0.5)
    assert said.startswith("weld-07: spindle temperature rose 2.0 K since 06:2")


def test_readings_that_stay_as_they_were_are_never_told():
    assert watched(off(10_000)) is None


def test_a_change_of_less_than_half_a_sigma_is_nobodys_ticket_however_sure():
    small = off(3000, spindle_temperature=0.3)
    charts = Charts(baseline())
    z = drawn(3000, 2) + small
    step = [
        charts.advance(Sample(MEANS + SDS * z[at : at + BASE], NAMES, np.zeros(BASE, bool)))
        for at in range(0, 3000, BASE)
    ]
    assert any(alarm.name == "spindle_temperature" for each in step for alarm in each.alarms)
    assert watched(small) is None


def test_readings_that_do_not_go_together_any_more_are_told_though_each_is_within_its_own_range():
    _, alarms, drift, said = watched(off(1000, pressure=0.2, pump_current=-0.2))
    assert {alarm.name for alarm in alarms} == {TOGETHER}
    assert drift.moved[0].chart is Chart.HOTELLING
    assert drift.moved[0].name in ("pressure", "pump_current")
    assert "do not go together as they used to" in said


def test_a_reading_that_varies_more_is_told_as_that():
    z = off(2000)
    z[:, 2] = np.random.default_rng(3).normal(0, 1.5, 2000)
    _, alarms, _, said = watched(z)
    assert {alarm.chart for alarm in alarms} == {Chart.WASSERSTEIN}
    assert "spindle temperature varies otherwise than it used to" in said


def test_a_reading_that_nobody_hears_any_more_is_not_told():
    sensors = Sensors()
    _rows(sensors, drawn(100, 4), LEARNED)
    later = START + timedelta(seconds=LEARNED + 1000)
    assert np.isnan(numbers(sensors, baseline(), {}, [], later)["pressure"].after)
    assert np.isnan(numbers(Sensors(), baseline(), {}, [], later)["pressure"].after)
