"""Readings through the whole service, over the twins of Kafka and Redis: learned, watched, told, joined with frames."""

from datetime import timedelta

import numpy as np
import pytest
from drift_service import Service
from drift_stream import START, frames

from andon.drift_state import PlaceState
from andon.records import DriftCause, FindingKind, Reading
from andon.records.baseline import SIGNALS
from andon_drift.sensors import STALE_S
from andon_drift.watch.collecting import Enough
from andon_drift.watch.rules import Rules

RULES = Rules(enough=Enough(frames=1200, seconds=1000))
UNITS = {"spindle_temperature": "K", "pressure": "bar"}


def at(seconds):
    return START + timedelta(seconds=seconds)


def readings(begin, end, warmer=0.0, seed=0, **other):
    """One a second; the spindle is `warmer` by so many K than usual."""
    rng = np.random.default_rng([seed, begin])
    for n in range(begin, end):
        values = {"spindle_temperature": 310 + warmer + rng.normal(0, 0.5), "pressure": rng.normal(1.5, 0.02)}
        fields = {"station": "weld-07", "source": "plc", "at": at(n), "values": values, "units": UNITS}
        yield Reading(**fields | other)


@pytest.fixture
def service(limits):
    return Service(limits, RULES)


def learned(limits):
    """A service that knows what the readings of the first 1,300 seconds are like."""
    service = Service(limits, RULES)
    service.send([*readings(0, 1300)])
    service.run(batch=200)
    return service


def test_a_reading_that_moved_is_a_finding_with_its_name_and_unit_until_it_is_back(limits):
    service = learned(limits)
    service.send([*readings(1300, 1800, warmer=6), *readings(1800, 3000)])
    service.run(batch=200)
    assert [each.bundle for each in service.baselines] == [SIGNALS]
    began, ended = service.findings
    assert (began.kind, ended.kind) == (FindingKind.BEGAN, FindingKind.ENDED)
    assert began.drift.named is DriftCause.SENSOR
    moved = began.drift.moved[0]
    assert (moved.name, moved.unit, began.bundle, began.product) == ("spindle_temperature", "K", None, None)
    assert abs((began.since - at(1300)).total_seconds()) < 60
    assert "spindle temperature rose 6" in began.sentence
    assert " K since 06:2" in began.sentence


def test_readings_sent_twice_or_late_change_nothing(limits):
    once, twice = learned(limits), learned(limits)
    sent = [*readings(1300, 1800, warmer=6)]
    once.send(sent)
    again = [each for n, reading in enumerate(sent) for each in (reading, reading, sent[max(0, n - 50)])]
    twice.send(again)
    once.run(batch=200)
    twice.run(batch=200)
    assert len(once.findings) == 1
    assert [each.finding_id for each in twice.findings] == [each.finding_id for each in once.findings]


def test_what_became_of_readings_is_counted(limits):
    service = Service(limits, RULES)
    sent = [*readings(0, 30)]
    service.send([*sent, *sent[:10]])
    service.run(batch=7)
    assert service.shows("andon_readings_total", station="weld-07", outcome="taken") == 30
    assert service.shows("andon_readings_total", station="weld-07", outcome="late") == 10


def test_a_process_that_is_killed_goes_on_with_the_readings_where_it_was(limits):
    whole, killed = learned(limits), learned(limits)
    sent = [*readings(1300, 1800, warmer=6)]
    for each in (whole, killed):
        each.send(sent)
    whole.run(batch=100)
    for turn in (3, 5, 2):
        killed.run(batch=100, crash=lambda turns, turn=turn: turns == turn)
    killed.run(batch=100)
    assert len(whole.findings) == 1
    assert {each.finding_id for each in killed.findings} == {each.finding_id for each in whole.findings}


def test_a_drift_of_the_pictures_names_the_reading_that_moved_before_it(limits):
    service = learned(limits)
    service.send([*readings(1300, 1500), *readings(1500, 2400, warmer=6)])
    service.run(batch=200)
    service.send([*frames(2000), *frames(400, 2000, changed={"sharpness": -0.3})])
    service.run(batch=200)
    (found,) = [each for each in service.findings if each.drift.named is not DriftCause.SENSOR]
    (warm,) = found.drift.sensors
    assert (warm.name, warm.unit) == ("spindle_temperature", "K")
    assert abs((warm.since - at(1500)).total_seconds()) < 120
    assert warm.since < found.since
    assert warm.after - warm.before == pytest.approx(6, abs=0.3)
    assert "spindle temperature rose 6 K since 06:2" in found.sentence
    assert "min before)" in found.sentence
    assert [each.kind for each in service.findings if each.drift and each.drift.named is DriftCause.SENSOR] == [
        FindingKind.BEGAN
    ], "frames that come meanwhile end no finding of the sensors"


def test_readings_that_come_while_no_picture_does_end_no_finding_of_the_pictures(service):
    service.send([*frames(2000), *frames(400, 2000, changed={"sharpness": -0.3})])
    service.run(batch=200)
    service.send([*readings(2400, 3600)])
    service.run(batch=200)
    assert [(each.drift.named, each.kind) for each in service.findings] == [(DriftCause.FOCUS, FindingKind.BEGAN)]


def test_sensors_that_fall_silent_raise_no_alarm_and_are_shown_as_stale(limits):
    service = learned(limits)
    service.send([*readings(1300, 1350), *frames(int(1340 + STALE_S))])
    service.run(batch=200)
    (sensors,) = [each for each in service.standing().places if each.sensors]
    assert sensors.state is PlaceState.ACTIVE
    assert {each.name: each.unit for each in sensors.charts}["pressure"] == "bar"
    service.send(frames(100, int(1340 + STALE_S)))
    service.run(batch=200)
    (sensors,) = [each for each in service.standing().places if each.sensors]
    assert sensors.state is PlaceState.STALE
    assert sensors.why == "the sensors have said nothing since 2026-03-02 06:22 UTC"
    assert service.findings == []


def test_a_number_that_is_new_while_the_sensors_are_learned_is_learned_too(service):
    service.send(
        [
            *readings(0, 600),
            *(
                each.model_copy(update={"values": each.values | {"flow": n % 7}})
                for n, each in enumerate(readings(600, 2000))
            ),
        ]
    )
    service.run(batch=200)
    assert set(service.baselines[0].watched) == {"flow", "pressure", "spindle_temperature"}
