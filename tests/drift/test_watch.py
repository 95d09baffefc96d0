"""What is usual at a station is learned, frozen and watched: from frames to findings, through every accident."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from drift_service import NOW, Service
from drift_stream import BUNDLE, START, THRESHOLD, USUAL, frames

from andon.charts import Sample, learn
from andon.drift_state import PlaceState
from andon.records import (
    Baseline,
    Cause,
    Finding,
    FindingKind,
    Notice,
    Relearn,
    Request,
    Wish,
    read_event,
    write_event,
)
from andon.stage import Message
from andon.topics import BASELINES, NOTICES, REQUESTS
from andon_drift.limits import Limits
from andon_drift.numbers import NAMES
from andon_drift.watch.collecting import Enough
from andon_drift.watch.rules import Rules

LIMITS = Limits(brightness=0.4, sharpness=5, dark=0.2, bright=0.6, white=0.3, blurred=3)
RULES = Rules(enough=Enough(1500, 0), rest=10)
RUN_LENGTH = 30 * 86_400 * 20.0
DARKER = {"luminance": -0.04}
SOFTER = {"sharpness": -0.4}


@pytest.fixture(scope="module")
def usual() -> Baseline:
    """The reference of `frames`, as it would be learned of 6,000 of them."""
    rng = np.random.default_rng(7)
    means, spreads = (np.array([each[way] for each in USUAL.values()]) for way in (0, 1))
    shifts = np.full((6000, 2), np.nan)
    values = np.column_stack([rng.normal(means, spreads, (6000, 8)), shifts, rng.normal(0.05, 0.005, 6000)])
    sample = Sample(values.clip(min=0), NAMES, rng.random(6000) < 0.01)
    learned = learn(sample, run_length=RUN_LENGTH)
    return Baseline(
        station="weld-07",
        bundle=BUNDLE,
        since=START - timedelta(hours=2),
        until=START - timedelta(seconds=1),
        frames=6000,
        period_s=1,
        run_length=RUN_LENGTH,
        tickets=1,
        watched=learned.watched,
        rejects=learned.rejects,
    )


def say(service: Service, *words: Baseline | Relearn) -> None:
    for each in words:
        service.kafka.append(Message(BASELINES, each.key.encode(), write_event(each)))


@pytest.fixture
def service(usual: Baseline) -> Service:
    """A station that is watched from its first frame on."""
    made = Service(LIMITS, RULES)
    say(made, usual)
    return made


@pytest.fixture
def newcomer() -> Service:
    return Service(LIMITS, RULES)


def notices(service: Service) -> list[str]:
    return [read_event(Notice, record.value).sentence for record in service.kafka.records(NOTICES)]


def state(service: Service) -> PlaceState:
    standing = service.standing()
    assert standing is not None
    return standing.places[0].state


def said(finding: Finding) -> tuple[object, ...]:
    """What must be the same when it is said again."""
    named = finding.drift.named if finding.drift else None
    return finding.finding_id, finding.kind, finding.cause, named, finding.since, finding.at, finding.sentence


# Learning


def test_a_station_learns_once_and_says_so(newcomer: Service) -> None:
    newcomer.send(frames(1350))
    newcomer.run()
    assert state(newcomer) is PlaceState.LEARNING
    standing = newcomer.standing()
    assert standing is not None
    assert (standing.places[0].frames, standing.places[0].wanted, standing.places[0].ratio) == (1350, 1500, 0.9)
    assert newcomer.baselines == []
    newcomer.send(frames(300, 1350))
    newcomer.run()
    (learned,) = newcomer.baselines
    assert (learned.station, learned.bundle, learned.frames, learned.every) == ("weld-07", BUNDLE, 1500, 1)
    assert learned.key == f"weld-07//{BUNDLE}"
    assert learned.period_s == pytest.approx(1)
    assert learned.since < learned.until == START + timedelta(seconds=1499)
    assert notices(newcomer) == [
        "weld-07: how it looks when all is well is known, from 1,500 frames in 0.4 h; drift is watched from now on."
    ]
    assert state(newcomer) is PlaceState.ACTIVE
    assert newcomer.memory.bytes == {}, "what it was learned from is not needed any more"
    newcomer.send(frames(1500, 1650))
    newcomer.run()
    assert len(newcomer.baselines) == 1


def test_frames_are_not_enough_without_a_shift_of_time(newcomer: Service) -> None:
    newcomer.rules = replace(RULES, enough=Enough(1500, 3600))
    newcomer.send(frames(1800))
    newcomer.run()
    assert newcomer.baselines == []
    standing = newcomer.standing()
    assert standing is not None
    assert standing.places[0].ratio == pytest.approx(1800 / 3600, abs=0.01)


def test_a_time_without_frames_is_no_time(newcomer: Service) -> None:
    newcomer.rules = replace(RULES, enough=Enough(1500, 3600))
    late = [each.model_copy(update={"captured_at": each.captured_at + timedelta(days=3)}) for each in frames(300, 1400)]
    newcomer.send([*frames(1400), *late])
    newcomer.run()
    assert newcomer.baselines == []


def test_what_is_no_picture_of_a_part_is_not_learned_from(newcomer: Service) -> None:
    """Golden frames, repeated pictures, frames that nobody measured, and all while a fault of the camera is open."""
    golden = [each.model_copy(update={"golden": f"{BUNDLE}/golden/0.png"}) for each in frames(50, 0)]
    same = [each.model_copy(update={"sha256": "f" * 64}) for each in frames(3, 100)]
    blind = [each.model_copy(update={"health": None}) for each in frames(50, 200)]
    dark = frames(100, 300, changed={"luminance": -0.35})
    newcomer.send([*golden, *same, *blind, *dark])
    newcomer.run()
    standing = newcomer.standing()
    assert standing is not None
    assert standing.places == () or standing.places[0].frames == 0


@pytest.mark.parametrize("turns", [3, 40, 41, 190])
def test_learning_survives_a_crash_at_any_turn(turns: int, newcomer: Service) -> None:
    newcomer.send(frames(1500))
    newcomer.run(save_s=20, crash=lambda turn: turn == turns)
    newcomer.run()
    whole = Service(LIMITS, RULES)
    whole.send(frames(1500))
    whole.run()
    assert newcomer.baselines == whole.baselines != []


def test_when_redis_loses_what_was_collected_it_is_collected_anew(newcomer: Service) -> None:
    newcomer.send(frames(1400))
    newcomer.run()
    newcomer.memory.bytes.clear()
    newcomer.send(frames(200, 1400))
    newcomer.run()
    assert newcomer.baselines == []
    newcomer.send(frames(1500, 1600))
    newcomer.run()
    (learned,) = newcomer.baselines
    assert learned.since > START + timedelta(seconds=1400)


def test_a_long_shift_is_thinned_evenly_and_watched_as_thinly(newcomer: Service) -> None:
    newcomer.rules = replace(RULES, enough=Enough(1500, 5000))
    newcomer.send(frames(6100))
    newcomer.run(batch=64)
    (learned,) = newcomer.baselines
    assert (learned.every, learned.frames) == (4, 6010)
    assert learned.run_length == pytest.approx(30 * 86_400 / 4 * 24, rel=0.1)


def test_a_station_that_moves_while_it_is_learned_goes_on_learning_and_is_frozen_with_a_warning(
    newcomer: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["andon.charts.learn"], "ENOUGH", 5900)
    fading = [frames(100, 100 * step, changed={"luminance": -0.002 * step}) for step in range(78)]
    newcomer.send([each for made in fading[:15] for each in made])
    newcomer.run()
    assert newcomer.baselines == []
    standing = newcomer.standing()
    assert standing is not None
    assert standing.places[0].why == "luminance moved while it was learned; more frames will tell what is usual"
    newcomer.send([each for made in fading[15:] for each in made])
    newcomer.run(batch=64)
    assert len(newcomer.baselines) == 1
    assert 6000 <= newcomer.baselines[0].frames <= 8000
    assert "luminance moved while it was learned: look whether all was well" in notices(newcomer)[0]


def test_numbers_that_change_slowly_ask_for_more_frames(newcomer: Service) -> None:
    """A thousand frames whose brightness wanders are too few to know it; more of them are awaited, and told."""
    slow = np.random.default_rng(3).normal(size=2000)
    for at in range(1, 2000):
        slow[at] = 0.97 * slow[at - 1] + 0.24 * slow[at]
    made = [
        each.model_copy(update={"health": each.health.model_copy(update={"luminance": 0.4 + 0.01 * by})})
        for each, by in zip(frames(2000), slow.tolist(), strict=True)
        if each.health
    ]
    newcomer.send(made[:1600])
    newcomer.run()
    assert newcomer.baselines == []
    standing = newcomer.standing()
    assert standing is not None
    assert "its numbers change slowly" in standing.places[0].why


def test_two_processes_never_watch_against_two_references(newcomer: Service, usual: Baseline) -> None:
    """The first word counts; the second is corrected, so that compaction keeps the first."""
    other = usual.model_copy(update={"until": usual.until - timedelta(minutes=5)})
    say(newcomer, usual, other)
    newcomer.send(frames(30))
    newcomer.run()
    standing = newcomer.standing()
    assert standing is not None
    assert standing.places[0].until == usual.until
    assert newcomer.baselines == [usual, other, usual]
    newcomer.send(frames(30, 30))
    newcomer.run()
    assert newcomer.baselines == [usual, other, usual]


def test_a_bundle_brings_its_references_with_it(usual: Baseline) -> None:
    frozen = usual.model_copy(update={"bundle": "a" * 64})  # learned under the bundle that this one was made from
    service = Service(LIMITS, RULES, carried={BUNDLE: (frozen,)})
    service.send(frames(30))
    service.run()
    assert state(service) is PlaceState.ACTIVE
    assert service.baselines == []


def test_what_the_station_learned_later_counts_more_than_what_the_bundle_brings(usual: Baseline) -> None:
    older = usual.model_copy(update={"until": usual.until - timedelta(days=9)})
    for given, said in ((older, usual), (usual, older)):
        service = Service(LIMITS, RULES, carried={BUNDLE: (given,)})
        say(service, said)
        service.send(frames(30))
        service.run()
        standing = service.standing()
        assert standing is not None
        assert standing.places[0].until == usual.until


def test_a_wish_to_learn_anew_ends_the_watching_and_its_findings(service: Service, usual: Baseline) -> None:
    service.send([*frames(200), *frames(300, 200, changed=DARKER)])
    service.run()
    assert service.drifts == [("exposure", "began")]
    say(service, Relearn(station="weld-07", bundle=BUNDLE, by="kim", why="new lamp", at=NOW))
    service.send(frames(600, 500, changed=DARKER))
    service.run()
    assert service.drifts == [("exposure", "began"), ("exposure", "ended")]
    assert "learned anew" in service.findings[-1].sentence
    assert state(service) is PlaceState.LEARNING
    service.send(frames(1200, 1100, changed=DARKER))
    service.run()
    assert service.baselines[-1].watched["luminance"].mean == pytest.approx(0.36, abs=0.005)
    assert state(service) is PlaceState.ACTIVE


# Watching


def test_a_station_that_does_not_change_raises_no_finding(service: Service) -> None:
    service.send(frames(3000, rejects=0.01))
    service.run(batch=64)
    assert service.findings == []
    assert state(service) is PlaceState.ACTIVE


def test_a_drift_is_one_finding_with_its_cause_and_ends_when_the_number_is_back(service: Service) -> None:
    service.send([*frames(300), *frames(400, 300, changed=DARKER), *frames(2000, 700)])
    service.run(batch=64)
    began, ended = service.findings
    assert (began.cause, began.kind, ended.kind) == (Cause.DRIFT, FindingKind.BEGAN, FindingKind.ENDED)
    assert began.finding_id == ended.finding_id
    assert began.by == "drift"
    assert began.drift is not None
    assert began.drift.named == "exposure"
    assert abs((began.since - START).total_seconds() - 300) <= 20
    assert (began.at - began.since).total_seconds() <= 90
    assert began.drift.false_alarm_days == pytest.approx(30, rel=0.2)
    (moved, *_) = began.drift.moved
    assert (moved.name, moved.before, moved.after) == (
        "luminance",
        pytest.approx(0.4, abs=0.001),
        pytest.approx(0.36, abs=0.01),
    )
    assert moved.statistic is not None
    assert moved.limit is not None
    assert moved.statistic > moved.limit
    assert [point.at for point in moved.history] == sorted(point.at for point in moved.history)


def test_before_and_after_are_among_the_evidence(service: Service) -> None:
    service.send([*frames(300), *frames(200, 300, changed=DARKER)])
    service.run()
    (began,) = service.findings
    shown = {each.frame_id: each for each in began.evidence}
    assert began.drift is not None
    assert began.drift.before is not None
    assert began.drift.after is not None
    assert shown[began.drift.before].captured_at < began.since
    assert shown[began.drift.after].captured_at >= began.since
    assert shown[began.drift.after].scored is not None


def test_a_change_too_small_to_matter_is_nobodys_ticket_until_it_grows(service: Service) -> None:
    """0.6 of a per cent darker is sure after a few hundred frames; it is told when it is 1.5 % darker."""
    service.send(frames(1500, changed={"luminance": -0.006}))
    service.run(batch=64)
    assert service.findings == []
    standing = service.standing()
    assert standing is not None
    assert [each.name for each in standing.places[0].charts if each.active][:1] == ["luminance"]
    service.send(frames(400, 1500, changed={"luminance": -0.015}))
    service.run(batch=64)
    assert service.drifts == [("exposure", "began")]


def test_a_fault_of_the_camera_is_never_told_as_drift_too(service: Service) -> None:
    service.send([*frames(300), *frames(500, 300, changed={"luminance": -0.3}), *frames(1000, 800)])
    service.run(batch=64)
    assert service.story == [("station_dark", "began"), ("station_dark", "ended")]


def test_while_a_fault_is_open_nothing_advances_and_people_are_told(service: Service) -> None:
    service.send([*frames(300), *frames(60, 300, changed={"luminance": -0.3})])
    service.run()
    standing = service.standing()
    assert standing is not None
    assert standing.places[0].resting
    assert standing.places[0].charts == ()


def test_a_drift_that_outlasts_a_fault_of_the_camera_is_not_told_twice(service: Service) -> None:
    dark = {"luminance": -0.3}
    service.send([*frames(300), *frames(300, 300, changed=DARKER), *frames(30, 600, changed=dark)])
    service.send(frames(1500, 630, changed=DARKER))
    service.run(batch=64)
    assert service.drifts == [("exposure", "began")]


def test_a_drift_that_a_fault_of_the_camera_ended_is_over(service: Service) -> None:
    dark = {"luminance": -0.3}
    service.send([*frames(300), *frames(300, 300, changed=DARKER), *frames(30, 600, changed=dark)])
    service.send(frames(1200, 630))
    service.run(batch=64)
    assert service.drifts == [("exposure", "began"), ("exposure", "ended")]


def test_two_different_drifts_are_two_findings(service: Service) -> None:
    service.send([*frames(300), *frames(1000, 300, changed=DARKER)])
    service.send(frames(600, 1300, changed=DARKER | {"sharpness": -0.6, "noise": -0.002}))
    service.send(frames(1500, 1900, changed=SOFTER))
    service.run(batch=64)
    named = [name for name, kind in service.drifts if kind == "began"]
    assert named[0] == "exposure"
    assert len(named) == len(set(named)) >= 1


@pytest.mark.parametrize("turns", [2, 40, 60, 75, 100])
def test_killed_at_any_turn_the_same_findings_have_the_same_ids(turns: int, service: Service, usual: Baseline) -> None:
    story = [*frames(300), *frames(400, 300, changed=DARKER), *frames(800, 700)]
    service.send(story)
    service.run(save_s=20, crash=lambda turn: turn == turns)
    service.run()
    whole = Service(LIMITS, RULES)
    say(whole, usual)
    whole.send(story)
    whole.run()
    assert set(map(said, service.findings)) == set(map(said, whole.findings))
    assert len(whole.findings) == 2


@pytest.mark.parametrize("records", [1, 50, 500])
def test_redelivery_changes_nothing(records: int, service: Service) -> None:
    service.send([*frames(300), *frames(200, 300, changed=DARKER)])
    service.run()
    found, rows = service.findings, dict(service.memory.rows)
    service.move_back(records)
    service.run()
    assert service.findings == found
    assert service.memory.rows == rows


def test_late_frames_change_nothing(service: Service) -> None:
    made = frames(400)
    service.send([*made, *frames(200, 100, changed=DARKER)])
    service.run()
    assert service.findings == []


def test_when_redis_is_emptied_an_open_drift_is_not_told_again_and_still_ends(service: Service) -> None:
    service.send([*frames(300), *frames(300, 300, changed=DARKER)])
    service.run()
    service.memory.flush()
    service.send(frames(600, 600, changed=DARKER))
    service.run(batch=64)
    assert service.drifts == [("exposure", "began")]
    service.memory.flush()
    service.send(frames(1100, 1200))
    service.run(batch=64)
    assert service.drifts == [("exposure", "began"), ("exposure", "ended")]
    assert service.findings[0].finding_id == service.findings[1].finding_id


def test_another_product_or_bundle_is_another_place_and_no_drift(service: Service) -> None:
    service.send([*frames(300), *frames(300, 300, changed=DARKER, product="gear"), *frames(300, 600)])
    service.send(frames(300, 900, changed=DARKER, bundle="c" * 64))
    service.run(batch=64)
    assert service.findings == []
    standing = service.standing()
    assert standing is not None
    assert [(each.product, each.state) for each in standing.places] == [
        (None, PlaceState.LEARNING),
        (None, PlaceState.ACTIVE),
        ("gear", PlaceState.LEARNING),
    ]


def test_a_place_that_was_left_for_good_takes_its_findings_with_it(service: Service) -> None:
    service.send([*frames(300), *frames(300, 300, changed=DARKER), *frames(900, 600, product="gear")])
    service.run(batch=64)
    assert service.drifts == [("exposure", "began")]
    service.send(frames(200, 1500, product="gear"))
    service.run(batch=64)
    assert service.drifts == [("exposure", "began"), ("exposure", "ended")]
    assert "nobody can tell any more" in service.findings[-1].sentence
    service.send(frames(200, 1700, changed=DARKER))
    service.run(batch=64)
    assert service.drifts[2:] == [("exposure", "began")]


def test_products_that_alternate_are_each_measured_against_their_own(service: Service, usual: Baseline) -> None:
    other = usual.model_copy(update={"product": "gear"})
    say(service, other)
    for first in range(0, 1200, 40):
        service.send(frames(20, first))
        service.send(frames(20, first + 20, product="gear"))
    service.run(batch=64)
    assert service.findings == []


def test_the_newest_eight_places_are_remembered(service: Service) -> None:
    for number in range(11):
        service.send(frames(10, 10 * number, product=f"type-{number}"))
    service.run()
    kept = [name for name in service.memory.rows["weld-07"] if name.startswith("place/")]
    assert sorted(kept) == sorted(f"place/{BUNDLE}/type-{number}" for number in range(3, 11))


def test_more_rejects_are_defects_not_drift(service: Service) -> None:
    service.send([*frames(300, rejects=0.01), *frames(600, 300, rejects=0.1)])
    service.run(batch=64)
    assert service.story == [("reject_rate", "began")]
    (found,) = service.findings
    assert found.measure is not None
    assert found.measure.name == "rejects"
    assert found.measure.value > 2 * found.measure.limit > 0.02
    assert found.drift is None
    assert "usually 1.1%; the pictures are as before" in found.sentence
    service.send(frames(4000, 900, rejects=0.01))
    service.run(batch=64)
    assert service.story == [("reject_rate", "began"), ("reject_rate", "ended")]


def test_rejects_that_rise_while_something_drifts_say_so(service: Service) -> None:
    service.send([*frames(300, rejects=0.01), *frames(300, 300, changed=DARKER, rejects=0.01)])
    service.send(frames(600, 600, changed=DARKER, rejects=0.1))
    service.run(batch=64)
    drift, rejects = service.findings
    assert (drift.cause, rejects.cause) == (Cause.DRIFT, Cause.REJECT_RATE)
    assert rejects.drift is not None
    assert rejects.drift.named == "exposure"
    assert rejects.drift.rejects is not None
    assert "while exposure drifts" in rejects.sentence


def test_a_drift_that_begins_while_rejects_are_up_says_that_it_does_harm(service: Service) -> None:
    service.send([*frames(300, rejects=0.01), *frames(600, 300, rejects=0.1)])
    service.send(frames(300, 900, changed=DARKER, rejects=0.1))
    service.run(batch=64)
    rejects, drift = service.findings
    assert (rejects.cause, drift.cause) == (Cause.REJECT_RATE, Cause.DRIFT)
    assert drift.drift is not None
    assert drift.drift.rejects is not None
    assert drift.drift.rejects.after > 2 * drift.drift.rejects.before


def test_anomalous_frames_are_in_no_statistic_of_the_score(service: Service) -> None:
    """A tenth of the parts are bad: their scores, twice the threshold, do not move the score's charts."""
    service.send([*frames(300), *frames(600, 300, rejects=0.1)])
    service.run(batch=64)
    standing = service.standing()
    assert standing is not None
    assert [each.name for each in standing.places[0].charts if each.active] == ["rejects"]


def test_tool_wear_is_told_before_any_part_crosses_the_threshold(service: Service) -> None:
    made = [*frames(300)]
    for step in range(60):
        made += frames(20, 300 + 20 * step, score=0.05 + 0.0004 * step)
    service.send(made)
    service.run(batch=64)
    (found,) = service.findings
    assert found.drift is not None
    assert found.drift.named == "process"
    assert all(each.score is not None and each.score < THRESHOLD for each in made)


@pytest.mark.parametrize("asked", [False, True])
def test_a_retraining_is_asked_for_once_where_that_is_wanted(asked: bool, service: Service) -> None:
    service.rules = replace(RULES, retrain=asked)
    service.send([*frames(300), *frames(400, 300, score=0.065)])
    service.run(batch=64)
    service.move_back(200)
    service.run(batch=64)
    (found,) = service.findings
    assert found.drift is not None
    assert found.drift.retrain is asked
    requests = [read_event(Request, record.value) for record in service.kafka.records(REQUESTS)]
    assert [(each.wish, each.by, each.bundle) for each in requests] == (
        [(Wish.RETRAIN, "drift", BUNDLE)] if asked else []
    )


def test_an_old_reference_and_another_pace_are_told(service: Service) -> None:
    service.rules = replace(RULES, stale_after=timedelta(minutes=5))
    service.send(frames(200))
    service.run()
    assert state(service) is PlaceState.ACTIVE
    service.send(frames(200, 200))
    service.run()
    assert state(service) is PlaceState.STALE
    assert service.shows("andon_drift_state", station="weld-07", state="stale") == 1


def test_frames_that_come_at_another_pace_make_the_promise_stale(service: Service) -> None:
    service.send(frames(1500, period_s=0.3))
    service.run(batch=64)
    standing = service.standing()
    assert standing is not None
    assert standing.places[0].state is PlaceState.STALE
    assert "every 0.3 s instead of every 1 s" in standing.places[0].why


# What is shown


def test_every_chart_shows_its_statistic_and_its_limit(service: Service) -> None:
    service.send([*frames(300), *frames(100, 300, changed=DARKER)])
    service.run()
    labels = {"station": "weld-07", "feature": "luminance", "chart": "cusum"}
    statistic, limit = (service.shows(f"andon_drift_{each}", **labels) for each in ("statistic", "limit"))
    assert statistic is not None
    assert limit is not None
    assert statistic > limit
    assert service.shows("andon_drift_active", **labels) == 1
    assert service.shows("andon_drift_detections_total", **labels) == 1
    assert service.shows("andon_drift_state", station="weld-07", state="active") == 1
    assert service.shows("andon_drift_state", station="weld-07", state="learning") == 0
    assert service.shows("andon_drift_learning_ratio", station="weld-07") == 1
    assert service.shows("andon_drift_reference_frames", station="weld-07") == 6000
    until = (START - timedelta(seconds=1)).timestamp()
    assert service.shows("andon_drift_reference_timestamp_seconds", station="weld-07") == until
    assert service.shows("andon_drift_false_alarm_seconds", station="weld-07") == pytest.approx(30 * 86_400, rel=0.2)
    assert len(list(_samples(service))) <= 300


def test_a_station_that_went_elsewhere_is_shown_no_more(service: Service) -> None:
    service.send(frames(300))
    service.run()
    assert service.shows("andon_drift_state", station="weld-07", state="active") == 1
    service.assignment = []
    service.shows("andon_drift_state")
    assert list(_samples(service)) == []


def _samples(service: Service) -> Iterator[str]:
    """Gauges of the station that drift shows; counters stay."""
    for family in service.metrics.registry.collect():
        if family.name.startswith(("andon_drift_", "andon_image_")) and family.type == "gauge":
            yield from (sample.name for sample in family.samples)


# Memory


def test_offsets_are_committed_only_with_what_was_saved(service: Service) -> None:
    service.send(frames(100))
    service.run(batch=10, save_s=1e9, crash=lambda turn: turn == 8)
    assert service.memory.saved == 0
    assert service.kafka.committed("drift", "scores", 0) == 0
    service.run(batch=10, save_s=1e9)
    assert service.memory.saved == 1, "once, at the end"
    assert service.kafka.committed("drift", "scores", 0) == 100


def test_a_partition_that_moves_away_is_forgotten(service: Service) -> None:
    service.send(frames(50))
    service.run()
    assert "weld-07" in service.board.cards
    service.board.drop([("signals", 1)])
    assert "weld-07" in service.board.cards
    service.board.drop([("signals", 0)])
    assert service.board.cards == {}


def test_what_is_remembered_of_a_station_is_small(service: Service) -> None:
    service.send(frames(2000))
    service.run(batch=64)
    assert sum(len(text) for text in service.memory.rows["weld-07"].values()) < 12_000
