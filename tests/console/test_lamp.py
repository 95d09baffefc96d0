"""What lights a station's lamp."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from andon.incidents.chronicle import Incident
from andon.records import (
    Cause,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Unscorable,
    Verdict,
)
from andon_console.board.lamp import SILENT_S, Colour, Flag, lamp

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
SPACE = UUID(int=9)


def scored(ago_s: float = 1, verdict: Verdict = Verdict.OK, **other: object) -> Score:
    at = NOW - timedelta(seconds=ago_s)
    given: dict[str, object] = {
        "frame_id": uuid5(SPACE, str(ago_s)), "station": "weld-07", "epoch": 1, "seq": 1, "captured_at": at,
        "scored_at": at, "verdict": verdict, "width": 8, "height": 8,
        "frame": FramePlace(topic="camera.frames", partition=0, offset=1), **other,
    }  # fmt: skip
    return Score.model_validate(given)


def incident(
    severity: Severity = Severity.CRITICAL, *kinds: IncidentKind, cause: Cause = Cause.DEFECT_SURGE, drill: bool = False
) -> Incident:
    """An incident with these turns after it opened."""
    name = uuid5(SPACE, f"{severity}{cause}{drill}")
    turns = [
        IncidentEvent(
            event_id=uuid5(name, kind), incident_id=name, kind=kind, station="weld-07", cause=cause, severity=severity,
            reason="k_of_n", at=NOW, opened_at=NOW, drill=drill, by="mira",
        )
        for kind in (IncidentKind.OPENED, *kinds)
    ]  # fmt: skip
    return Incident(turns)


def test_a_critical_incident_is_red_and_says_its_cause():
    found = lamp([incident()], scored(), NOW)
    assert (found.colour, found.word) == (Colour.RED, "defect surge")


def test_a_warning_is_amber():
    found = lamp([incident(Severity.WARNING, cause=Cause.STATION_DARK)], scored(), NOW)
    assert (found.colour, found.word) == (Colour.AMBER, "station dark")


def test_of_several_incidents_the_worst_lights_whatever_their_order():
    worst, other = incident(cause=Cause.SEVERE_DEFECT), incident(Severity.WARNING, cause=Cause.DRIFT)
    for those in ([worst, other], [other, worst]):
        assert lamp(those, scored(), NOW).word == "severe defect"


def test_what_is_only_to_be_known_lights_nothing():
    assert lamp([incident(Severity.INFO)], scored(), NOW).colour is Colour.GREEN


def test_a_drill_lights_nothing():
    assert lamp([incident(drill=True)], scored(), NOW).colour is Colour.GREEN


def test_an_incident_that_is_over_lights_nothing():
    assert lamp([incident(Severity.CRITICAL, IncidentKind.RESOLVED)], scored(), NOW).colour is Colour.GREEN


def test_a_silent_station_with_an_open_incident_stays_red():
    found = lamp([incident(cause=Cause.STATION_SILENT)], scored(3600), NOW, 60)
    assert (found.colour, found.word) == (Colour.RED, "station silent")


def test_frames_that_come_and_are_judged_are_green():
    assert lamp([], scored(), NOW).word == "ok"
    found = lamp([], scored(verdict=Verdict.ANOMALOUS), NOW)
    assert (found.colour, found.word) == (Colour.GREEN, "called")


@pytest.mark.parametrize(("limit_s", "ago_s", "colour"), [(60, 59, "green"), (60, 61, "grey"), (5, 6, "grey")])
def test_silence_is_as_long_as_the_plan_allows(limit_s: float, ago_s: float, colour: str):
    assert lamp([], scored(ago_s), NOW, limit_s).colour == colour


def test_where_the_plan_allows_silence_for_ever_the_lamp_does_not():
    assert lamp([], scored(SILENT_S - 1), NOW, None).colour is Colour.GREEN
    assert lamp([], scored(SILENT_S + 1), NOW, None).word == "silent"


def test_what_is_judged_long_after_it_was_captured_is_grey_and_says_so():
    late = scored(300).model_copy(update={"scored_at": NOW})
    found = lamp([], late, NOW, 60)
    assert (found.colour, found.word) == (Colour.GREY, "behind")


def test_a_camera_whose_clock_is_ahead_is_not_silent():
    assert lamp([], scored(-5), NOW, 60).colour is Colour.GREEN


def test_a_station_that_never_sent_is_grey():
    found = lamp([], None, NOW)
    assert (found.colour, found.word) == (Colour.GREY, "no frame")


def test_what_cannot_be_judged_is_grey_and_says_why():
    found = lamp([], scored(verdict=Verdict.UNSCORABLE, unscorable=Unscorable.NO_BUNDLE), NOW)
    assert (found.colour, found.word) == (Colour.GREY, "no bundle")
    assert lamp([], scored(verdict=Verdict.UNSCORABLE), NOW).word == "unscorable"


def test_acknowledged_is_said_when_somebody_took_on_all_that_is_open():
    taken = incident(Severity.CRITICAL, IncidentKind.ACKNOWLEDGED)
    assert lamp([taken], scored(), NOW).flags == (Flag.ACKNOWLEDGED,)
    assert lamp([taken, incident(Severity.WARNING)], scored(), NOW).flags == ()
    assert lamp([], scored(), NOW).flags == ()


def test_silenced_and_learning_are_said_whatever_the_colour():
    for those in ([], [incident()]):
        assert lamp(those, scored(), NOW, silenced=True, learning=True).flags == (Flag.SILENCED, Flag.LEARNING)
