"""What the doctor makes of assignments, bundles, clocks and the line file: each finding, and its healthy twin."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from andon_alerting.doctor.checks import bundles, clocks, line
from andon_alerting.doctor.facts.records import (
    Assigned,
    Bundles,
    Clock,
    Clocks,
    Models,
    Newest,
    SeenBundle,
    SeenFrame,
    SeenScore,
)
from andon_alerting.doctor.facts.world import Heard, LineFile
from andon_alerting.doctor.finding import Level

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
A, B = "a" * 64, "b" * 64


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def make_bundles(**changes: Any) -> Bundles:
    return Bundles("/data/bundles", (replace(SeenBundle(A, ("weld-07",), True), **changes),))


def test_a_bundle_that_is_there_whole_and_signed_is_no_finding():
    assert bundles.there(make_bundles()).level is Level.OK
    assert bundles.trusted(replace(make_bundles(), trusting=True)).level is Level.OK


def test_a_bundle_that_the_store_lacks_is_bad_where_it_serves_and_a_warning_where_it_is_a_shadow():
    (found,) = bundles.there(make_bundles(missing=True)).findings
    assert (found.level, found.where) == (Level.BAD, f"{A[:12]} (weld-07)")
    assert "andon assign weld-07 ANOTHER" in found.do
    assert bundles.there(make_bundles(missing=True, active=False)).level is Level.WARN


def test_a_bundle_of_every_station_is_assigned_anew_as_it_was_assigned():
    (found,) = bundles.there(make_bundles(missing=True, places=("every station",))).findings
    assert "andon assign '*' ANOTHER" in found.do


def test_a_bundle_that_is_not_what_its_digest_says_is_bad():
    (found,) = bundles.there(make_bundles(damaged="model.onnx is not what was proven")).findings
    assert found.level is Level.BAD


def test_where_keys_are_trusted_an_unsigned_bundle_is_bad_and_else_nobody_looks():
    unsigned = make_bundles(untrusted="it is not signed")
    assert bundles.trusted(unsigned).level is Level.OFF
    (found,) = bundles.trusted(replace(unsigned, trusting=True)).findings
    assert (found.level, found.do) == (Level.BAD, f"andon bundles sign {A[:12]} --key KEY.pem")


def test_keys_that_cannot_be_read_are_a_warning():
    assert bundles.trusted(replace(make_bundles(), trusting=True, unproven="no public key there")).level is Level.WARN


def make_models(**changes: Any) -> Models:
    return Models((replace(Assigned("weld-07", None, A, (), A, None, 900.0), **changes),), heard=1)


def test_a_proven_assignment_of_every_station_that_sends_is_no_finding():
    assert bundles.proven(make_models()).level is Level.OK
    assert bundles.assigned(make_models()).level is Level.OK


def test_a_refused_bundle_is_bad_with_the_reason():
    (found,) = bundles.proven(make_models(refused="golden frame good-01: score 0.9, was 0.1", proven=B)).findings
    assert found.level is Level.BAD
    assert "good-01" in found.what
    assert found.do.startswith("andon rollback weld-07 ")


@pytest.mark.parametrize(("age_s", "level"), [(900.0, Level.WARN), (60.0, Level.OK)])
def test_a_bundle_that_nobody_has_proven_is_a_warning_once_scoring_had_the_time(age_s: float, level: Level):
    assert bundles.proven(make_models(proven=B, age_s=age_s)).level is level


def test_a_station_that_sends_frames_without_a_bundle_is_a_warning():
    (found,) = bundles.assigned(replace(make_models(), without=("press-1",))).findings
    assert (found.level, found.where) == (Level.WARN, "press-1")


@pytest.mark.parametrize(
    ("ahead_s", "within_s", "level"),
    [
        (0.4, 0.1, Level.OK),
        (-1.9, 0.0, Level.OK),
        (2.4, 0.5, Level.OK),  # the Date of an answer tells whole seconds
        (2.6, 0.5, Level.WARN),
        (-5.0, 0.1, Level.WARN),
        (31.0, 0.5, Level.BAD),
    ],
)
def test_a_clock_that_is_off_is_told_as_far_as_it_is_known(ahead_s: float, within_s: float, level: Level):
    assert clocks.here(Clocks((Clock("Redis", ahead_s, within_s),), {})).level is level


def test_a_record_that_is_old_says_nothing_of_a_clock_and_one_of_the_future_does():
    assert clocks.here(Clocks((Clock("the brokers", -900.0, 0.0, at_least=True),), {})).level is Level.OK
    assert clocks.here(Clocks((Clock("the brokers", 4.0, 0.0, at_least=True),), {})).level is Level.WARN


def test_without_any_other_clock_it_says_why():
    judged = clocks.here(Clocks((), {"Redis": "Redis does not answer"}))
    assert judged.level is Level.OFF
    assert "Redis does not answer" in judged.says


def make_frames(*late_s: float | None, station: str = "weld-07") -> Newest:
    """Frames that were written so many seconds after they were taken; None: foreign ones."""
    return Newest(
        NOW,
        tuple(
            SeenFrame(station, "camera.frames", None if each is None else ago(each), NOW, by_broker=False)
            for each in late_s
        ),
        (),
    )


@pytest.mark.parametrize(
    ("late_s", "level"),
    [(0.2, Level.OK), (-1.0, Level.OK), (-3.0, Level.WARN), (-40.0, Level.BAD), (90.0, Level.WARN), (400.0, Level.BAD)],
)
def test_a_camera_whose_clock_is_off_is_told_by_station(late_s: float, level: Level):
    judged = clocks.cameras(make_frames(late_s, late_s, late_s))
    assert judged.level is level
    assert [each.where for each in judged.findings] == (["weld-07"] if level is not Level.OK else [])


def test_one_frame_that_waited_is_no_wrong_clock():
    assert clocks.cameras(make_frames(0.1, 0.1, 500.0)).level is Level.OK


def test_frames_that_do_not_tell_their_own_time_say_nothing_of_a_clock():
    assert clocks.cameras(make_frames(None, None)).level is Level.OFF


def make_scores(took_s: float = 0.1, *, by_broker: bool = False, written_s: float = 0.0, **changes: Any) -> Newest:
    score = SeenScore("weld-07", ago(10 + took_s), ago(10), ago(10 + written_s), by_broker, golden=False)
    return Newest(NOW, (), (replace(score, **changes),))


@pytest.mark.parametrize(
    ("took_s", "level"), [(0.1, Level.OK), (900.0, Level.OK), (-5.0, Level.WARN), (-60.0, Level.BAD)]
)
def test_a_frame_that_is_scored_before_it_is_taken_tells_of_a_wrong_clock(took_s: float, level: Level):
    assert clocks.machines(make_scores(took_s)).level is level


def test_a_score_that_is_made_after_the_broker_wrote_it_tells_of_scorings_clock():
    assert clocks.machines(make_scores(by_broker=True, written_s=5.0)).level is Level.WARN
    assert clocks.machines(make_scores(by_broker=False, written_s=5.0)).level is Level.OK


def test_a_line_file_with_mistakes_is_bad_with_each_of_them():
    facts = LineFile("line.yaml", mistakes=("line.yaml:3:5: ...", "line.yaml:9:1: ..."))
    assert [each.what for each in line.valid(facts).findings] == list(facts.mistakes)
    assert line.valid(LineFile("line.yaml", ("weld-07",))).level is Level.OK


def make_heard(names: tuple[str, ...], **ages_s: float) -> Heard:
    stations = {name.replace("_", "-"): ago(age) for name, age in ages_s.items()}
    return Heard(NOW, stations, LineFile("line.yaml", names))


def test_a_station_of_the_line_file_that_sends_nothing_is_a_warning():
    found = line.stations(make_heard(("weld-07", "press-1", "oven-*"), weld_07=4000)).findings
    assert [(each.level, each.where) for each in found] == [(Level.WARN, "weld-07"), (Level.WARN, "press-1")]
    assert "never been heard of" in found[1].what


def test_a_station_that_is_not_in_the_line_file_is_named_and_no_fault():
    judged = line.stations(make_heard(("weld-07", "oven-*"), weld_07=5, oven_3=5, press_1=5))
    assert judged.level is Level.OK
    assert judged.says.endswith("not in the line file: press-1")


def test_without_a_line_file_no_station_is_missed():
    assert line.stations(Heard(NOW, {}, None)).level is Level.OFF


def test_golden_frames_among_the_newest_scores_show_that_the_heart_beats():
    judged = line.heartbeat(make_scores(golden=True))
    assert judged.level is Level.OK
    assert "10 s ago" in judged.says


@pytest.mark.parametrize(("span_s", "level"), [(700, Level.WARN), (500, Level.OFF)])
def test_no_golden_frame_is_told_where_the_scores_reach_back_far_enough(span_s: float, level: Level):
    old, new = make_scores().scores[0], make_scores(scored_at=ago(10 + span_s)).scores[0]
    assert line.heartbeat(Newest(NOW, (), (old, new))).level is level
