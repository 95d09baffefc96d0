"""Sensors in the service: learned and watched as frames are, and named beside what drifts in the pictures."""

from datetime import timedelta

import numpy as np
import pytest
from drift_service import Service
from drift_stream import BUNDLE, START, frames

from andon.charts import Learned, Sample, learn
from andon.drift_state import PlaceState
from andon.records import Baseline, Cause, Reading, write_event
from andon.records.baseline import SIGNALS
from andon.stage import Message
from andon.topics import BASELINES, DEAD_LETTERS
from andon.topics import SIGNALS as SIGNALS_TOPIC
from andon_drift.limits import Limits
from andon_drift.watch.collecting import Enough
from andon_drift.watch.rules import Rules

LIMITS = Limits(brightness=0.4, sharpness=5, dark=0.2, bright=0.6, white=0.3, blurred=3)
RULES = Rules(enough=Enough(1500, 0), rest=10)
NAMES = ("pressure", "spindle_temperature")


def readings(count: int, first: int = 0, *, hotter: float = 0.0) -> list[Reading]:
    """One a second."""
    rng = np.random.default_rng([first, 5])
    made: list[Reading] = []
    for at in range(first, first + count):
        values = {"spindle_temperature": rng.normal(60 + hotter, 0.5), "pressure": rng.normal(5, 0.05)}
        units = {"spindle_temperature": "K", "pressure": "bar"}
        when = START + timedelta(seconds=at)
        made.append(Reading(station="weld-07", source="plc", at=when, values=values, units=units))
    return made


def usual_readings() -> Baseline:
    rng = np.random.default_rng(3)
    values = np.column_stack([rng.normal(5, 0.05, 6000), rng.normal(60, 0.5, 6000)])
    sample = Sample(values, NAMES, np.zeros(6000, np.bool_))
    return baseline(SIGNALS, learn(sample, run_length=1e7, ewma=(), together=True))


def usual_frames() -> Baseline:
    """Of their brightness alone."""
    rng = np.random.default_rng(4)
    sample = Sample(rng.normal(0.4, 0.01, (6000, 1)), ("luminance",), np.zeros(6000, np.bool_))
    return baseline(BUNDLE, learn(sample, run_length=1e7))


def baseline(bundle: str, learned: object) -> Baseline:
    assert isinstance(learned, Learned)
    until = START - timedelta(seconds=1)
    return Baseline(
        station="weld-07",
        bundle=bundle,
        since=until - timedelta(hours=2),
        until=until,
        frames=6000,
        period_s=1,
        run_length=1e7,
        tickets=1,
        watched=learned.watched,
        together=learned.together,
    )


def say(service: Service, *words: Baseline) -> None:
    for each in words:
        service.kafka.append(Message(BASELINES, each.key.encode(), write_event(each)))


@pytest.fixture
def service() -> Service:
    made = Service(LIMITS, RULES)
    say(made, usual_readings(), usual_frames())
    return made


def test_sensors_are_learned_as_a_place_of_their_own() -> None:
    service = Service(LIMITS, RULES)
    service.send(readings(1700))
    service.run(batch=64)
    (learned,) = service.baselines
    assert (learned.bundle, learned.product, sorted(learned.watched)) == (SIGNALS, None, list(NAMES))
    assert learned.together is not None
    assert learned.rejects is None
    service.send(readings(100, 1700))
    service.run()
    standing = service.standing()
    assert standing is not None
    assert [(each.sensors, each.state) for each in standing.places] == [(True, PlaceState.ACTIVE)]
    assert service.shows("andon_drift_active", station="weld-07", feature="pressure", chart="cusum") == 0


def test_a_reading_that_moves_is_a_finding_with_its_unit(service: Service) -> None:
    service.send([*readings(300), *readings(300, 300, hotter=6)])
    service.run(batch=64)
    (found,) = service.findings
    assert (found.cause, found.bundle) == (Cause.DRIFT, None)
    assert found.drift is not None
    assert found.drift.named == "sensor"
    assert found.sentence.startswith("weld-07: spindle temperature rose 6")
    assert found.drift.moved[0].unit == "K"


def test_a_reading_that_wavers_as_usual_is_none(service: Service) -> None:
    service.send(readings(3000))
    service.run(batch=64)
    assert service.findings == []


def test_what_drifts_in_the_pictures_names_the_reading_that_moved_before_it(service: Service) -> None:
    for first in range(0, 1000, 100):
        service.send(frames(100, first, changed={"luminance": -0.04 if first >= 600 else 0.0}))
        service.send(readings(100, first, hotter=6 if first >= 500 else 0))
        service.run(batch=64)
    named = {each.drift.named.value: each for each in service.findings if each.drift}
    assert set(named) == {"sensor", "exposure"}
    exposure = named["exposure"].drift
    assert exposure is not None
    assert [each.name for each in exposure.sensors] == ["spindle_temperature"]
    assert exposure.sensors[0].since is not None
    assert exposure.sensors[0].since < exposure.since


def test_a_fault_of_the_camera_leaves_the_sensors_alone(service: Service) -> None:
    dark = frames(400, changed={"luminance": -0.3})
    service.send([*dark, *readings(100), *readings(300, 100, hotter=6)])
    service.run(batch=64)
    assert ("drift", "began") in service.story
    assert ("station_dark", "began") in service.story


def test_repeated_and_late_readings_change_nothing(service: Service) -> None:
    made = readings(400)
    service.send([*made, *readings(300, 50, hotter=6), *made])
    service.run(batch=64)
    assert service.findings == []


def test_what_is_no_reading_is_a_dead_letter(service: Service) -> None:
    service.kafka.append(Message(SIGNALS_TOPIC, b"weld-07", b'{"station": "weld-07"}'))
    service.send(readings(10))
    service.run()
    (letter,) = service.kafka.records(DEAD_LETTERS)
    assert letter.header("andon-topic") == b"signals"
