"""Eight real sensors of a water loop at 1 Hz (SKAB): what can be learned of them, and what a valve does to them."""

import csv
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from andon.charts import BASE, Charts, Sample, TooFew, learn
from andon.records import Reading
from andon.records.baseline import SIGNALS, Baseline
from andon_drift.sensors import Sensors, beside

pytestmark = pytest.mark.factory
LEARNED = 5000
SETTLED = ("current", "pressure", "voltage")
RUN = 30 * 86_400 * 8  # one false ticket in 30 days, of eight charts
OTHERS = ("datetime", "anomaly", "changepoint")


@pytest.fixture(scope="module")
def skab(factory_images):
    """Names, values [n, 8], whether the valve is turned, and when, of one of the files."""

    def read(name):
        with (factory_images / "sensors" / f"skab_{name}.csv").open() as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        names = [each for each in rows[0] if each not in OTHERS]
        values = np.array([[float(row[each]) for each in names] for row in rows])
        turned = np.array([float(row.get("anomaly") or 0) for row in rows]) > 0
        times = [datetime.fromisoformat(row["datetime"]).replace(tzinfo=UTC) for row in rows]
        return [each.lower().replace(" ", "_") for each in names], values, turned, times

    return read


def sample(values, names):
    return Sample(values, tuple(names), np.zeros(len(values), bool))


def test_sensors_that_have_settled_raise_no_ticket_in_an_hour_and_a_quarter(skab):
    names, values, _, _ = skab("anomaly-free")
    values = values[:, [names.index(each) for each in SETTLED]]
    found = learn(sample(values[:LEARNED], SETTLED), run_length=RUN, ewma=(), together=True)
    assert set(found.watched) == set(SETTLED)
    start = datetime(2020, 2, 8, tzinfo=UTC)
    parts = {"watched": found.watched, "together": found.together}
    about = {"station": "loop", "bundle": SIGNALS, "since": start, "until": start}
    charts = Charts(Baseline(**about, **parts, frames=LEARNED, period_s=1, run_length=RUN, tickets=1))
    blocks = [values[at : at + BASE] for at in range(LEARNED, len(values) - BASE + 1, BASE)]
    assert len(blocks) > 400
    assert [alarm for each in blocks for alarm in charts.advance(sample(each, SETTLED)).alarms] == []


def test_sensors_that_are_still_warming_up_are_not_learned(skab):
    names, values, _, _ = skab("anomaly-free")
    for name in ("temperature", "thermocouple"):
        column = values[:LEARNED, [names.index(name)]]
        assert isinstance(learn(sample(column, (name,)), run_length=RUN, ewma=()), TooFew)


def test_the_flow_that_a_valve_throttled_is_named_with_its_onset(skab):
    names, values, turned, times = skab("valve1_6")
    onset, back = int(np.argmax(turned)), len(turned) - int(np.argmax(turned[::-1]))
    sensors = Sensors()
    for at, row in zip(times[:back], values[:back].tolist(), strict=True):
        sensors.take(Reading(station="loop", at=at, values=dict(zip(names, row, strict=True)), units={}))
    moved = {each.name: each for each in beside(sensors, times[onset] + timedelta(seconds=180), times[back - 1])}
    flow = moved["volume_flow_raterms"]
    assert flow.sigmas < -2
    assert abs((flow.since - times[onset]).total_seconds()) < 60
    assert moved.keys().isdisjoint(SETTLED)
