"""Drift for people: its words, its drawings, and how far a station has learned."""

import math
from datetime import timedelta
from itertools import pairwise

import pytest
from drifts import BUNDLE, NOW, SINCE, chart, drift, lid, moved, place, points, station, told
from troubles import STATION

from andon.baselines import Known
from andon.drift_state import PlaceState
from andon.incidents import Incident
from andon.places import Standing, standings
from andon.records import (
    Cause,
    Change,
    ChangeKind,
    Chart,
    DriftCause,
    IncidentEvent,
    Point,
    Relearn,
    Severity,
    read_event,
)
from andon_console.board.lamp import Colour, lamp
from andon_console.drifting import words
from andon_console.drifting.drifted import Line, drifted
from andon_console.drifting.learning import Bar, Learning
from andon_console.drifting.shift import SHORTEST, arrow
from andon_console.drifting.trace import HEIGHT, LEAST_BEFORE, WIDTH, around, trace, usual
from andon_console.incidents.words import change_words


@pytest.mark.parametrize("named", list(DriftCause))
def test_each_named_cause_has_words(named: DriftCause):
    assert words.IN_SHORT[named]


@pytest.mark.parametrize("kind", list(Chart))
def test_each_chart_has_words(kind: Chart):
    assert all(words.CHARTS[kind])


@pytest.mark.parametrize(
    ("name", "values", "unit", "said"),
    [
        ("luminance", (0.412, 0.398), "", ["41.2 %", "39.8 %"]),
        ("sharpness", (4.6, 4.1), "", ["4.6", "4.1"]),
        ("rejects", (0.004, 0.019), "", ["0.4 %", "1.9 %"]),
        ("spindle_temperature", (311.2, 317.4), "K", ["311 K", "317 K"]),
        ("right", (0.0, -11.0), "px", ["0 px", "-11 px"]),
        ("score", (0.5, 0.5), "", ["0.5", "0.5"]),
        ("flow", (0.0, 0.0), "l/s", ["0 l/s", "0 l/s"]),
        ("score", (59.97713, 59.99214), "", ["59.98", "59.99"]),
        ("red_green", (0.9998, 0.99999), "", ["0.9998", "1.0000"]),
        ("pressure", (101_325.0, 99_000.0), "Pa", ["101325 Pa", "99000 Pa"]),
    ],
)
def test_two_values_have_as_many_digits_as_tell_them_apart(
    name: str, values: tuple[float, float], unit: str, said: list[str]
):
    assert words.number_words(name, values, unit) == said


@pytest.mark.parametrize(
    ("right", "down", "said"),
    [(-11.0, 0.2, "11 px left"), (3.0, 7.0, "3 px right and 7 px down"), (0, -2.4, "2.4 px up"), (0.1, -0.3, "")],
)
def test_a_shift_is_said_in_pixels_and_directions(right: float, down: float, said: str):
    assert words.shift_words(right, down) == said


@pytest.mark.parametrize(
    ("days", "said"),
    [(30, "about once a month"), (28, "about once a month"), (90, "about once in 90 days"), (1, "about once a day")],
)
def test_the_promise_is_said_in_days_or_months(days: float, said: str):
    assert words.promise_words(days) == said


def test_numbers_are_called_as_elsewhere_in_the_console():
    assert [words.number_name(each) for each in ("luminance", "clipped_low", "right", "spindle_temperature")] == [
        "brightness",
        "black pixels",
        "shift to the right",
        "spindle temperature",
    ]


def test_a_line_tells_before_after_what_is_usual_and_which_chart():
    line = Line(moved(), None)
    assert (line.name, line.before, line.after, line.usual) == ("sharpness", "4.6", "4.1", "4.4 to 4.8")
    assert line.sigmas == "5 standard deviations below usual"
    assert line.chart == "12.3 against its limit of 8.4 (CUSUM, for a lasting step)"
    along = Line(moved(chart=None, statistic=None, limit=None, sigmas=0.0), None)
    assert (along.chart, along.sigmas, along.usual) == ("", "", "")


# The drawing


def test_the_line_runs_from_left_to_right_within_the_picture():
    drawn = trace(moved(), SINCE)
    assert drawn is not None
    xs, ys = zip(*((float(v) for v in each.split(",")) for each in drawn.points.split()), strict=True)
    assert (xs[0], xs[-1]) == (0.0, float(WIDTH))
    assert all(a <= b for a, b in pairwise(xs))
    assert all(0 < y < HEIGHT for y in ys)
    assert ys[-1] > ys[0]  # it falls


def test_the_change_stands_where_it_began_and_the_band_where_the_number_usually_is():
    drawn = trace(moved(), SINCE)
    assert drawn is not None
    assert drawn.usual is not None
    assert drawn.onset == pytest.approx(WIDTH * ((SINCE - drawn.begin) / (drawn.end - drawn.begin)))
    assert (drawn.low, drawn.high) == (pytest.approx(4.4), pytest.approx(4.8))
    ys = [float(each.split(",")[1]) for each in drawn.points.split()]
    top, bottom = drawn.usual[0], sum(drawn.usual)
    assert top < ys[0] < bottom
    assert 0 <= top < bottom <= HEIGHT


def test_a_week_before_does_not_press_the_change_against_the_edge():
    week = tuple(Point(at=SINCE - timedelta(hours=6 * n), value=4.6) for n in range(28, 0, -1))
    shown = around((*week, *points(before=20)), SINCE)
    assert SINCE - shown[0].at < timedelta(hours=1)
    assert len([each for each in shown if each.at < SINCE]) >= LEAST_BEFORE


def test_where_there_are_few_points_before_it_all_of_them_are_shown():
    week = tuple(Point(at=SINCE - timedelta(hours=6 * n), value=4.6) for n in range(5, 0, -1))
    assert around((*week, *points(before=0)), SINCE)[0] == week[0]


@pytest.mark.parametrize("history", [(), points()[:1], (points()[0], points()[0])])
def test_a_number_without_a_history_has_no_drawing(history: tuple[Point, ...]):
    assert trace(moved(history=history), SINCE) is None


def test_moments_of_several_days_are_told_with_their_day():
    week = tuple(Point(at=SINCE - timedelta(hours=6 * n), value=4.6 + n) for n in range(5, 0, -1))
    long, short = trace(moved(history=(*week, *points(before=0))), SINCE), trace(moved(), SINCE)
    assert long is not None
    assert short is not None
    assert (long.time, short.time) == ("date", "clock")


def test_a_number_that_never_changes_is_a_line_in_the_middle():
    flat = tuple(Point(at=SINCE + timedelta(minutes=n), value=0.0) for n in range(3))
    drawn = trace(moved(before=0.0, after=0.0, sigmas=0.0, history=flat), SINCE)
    assert drawn is not None
    assert {each.split(",")[1] for each in drawn.points.split()} == {f"{HEIGHT / 2:.1f}"}
    assert usual(moved(sigmas=0.0)) is None


def test_a_shift_of_a_few_pixels_is_an_arrow_that_can_be_seen():
    drawn = arrow(1920, 1080, -3.0, 0.0)
    assert drawn is not None
    corners = [tuple(float(v) for v in each.split(",")) for each in drawn.head.split()]
    tip = corners[0]
    assert drawn.x1 - tip[0] == pytest.approx(SHORTEST * 1080, abs=0.2)
    assert tip[1] == pytest.approx(540)
    assert drawn.x2 > tip[0]  # the head lies before the tip


def test_a_long_shift_is_as_long_as_it_is_and_stays_within_the_picture():
    down = arrow(640, 480, 0.0, 200.0)
    far = arrow(640, 480, 0.0, 4000.0)
    assert down is not None
    assert far is not None
    assert float(down.head.split()[0].split(",")[1]) - down.y1 == pytest.approx(200, abs=0.2)
    assert math.isclose(far.y1, 0.0)
    assert arrow(640, 480, 0.2, 0.1) is None
    assert arrow(0, 0, 20.0, 0.0) is None


# What an incident tells


def incident(*turns: IncidentEvent) -> Incident:
    return Incident([read_event(IncidentEvent, told().value), *turns])


def test_the_latest_turn_that_tells_of_a_drift_counts_and_its_pictures_are_found_among_all_turns():
    first = read_event(IncidentEvent, told().value)
    again = first.model_copy(update={"drift": drift(DriftCause.EXPOSURE), "evidence": ()})
    found = drifted(Incident([first, again, first.model_copy(update={"drift": None})]))
    assert found is not None
    assert found.drift.named is DriftCause.EXPOSURE
    assert found.before is not None
    assert found.after is not None
    assert found.title == "Exposure: more or less light on the whole picture"


@pytest.mark.parametrize(
    ("named", "number", "sigmas", "said"),
    [
        (DriftCause.FOCUS, "sharpness", -5.0, "Focus: the picture became softer"),
        (DriftCause.FOCUS, "sharpness", 5.0, "Focus: the picture became sharper"),
        (DriftCause.EXPOSURE, "luminance", -5.0, "Exposure: less light on the whole picture"),
        (DriftCause.EXPOSURE, "contrast", -5.0, "Exposure: more or less light on the whole picture"),
        (DriftCause.NOISE, "noise", 5.0, "Noise: the picture is noisier: gain, or heat"),
    ],
)
def test_a_cause_is_said_with_its_direction_where_its_number_tells_it(
    named: DriftCause, number: str, sigmas: float, said: str
):
    found = drifted(
        incident(read_event(IncidentEvent, told(drift=drift(named, moved=(moved(number, sigmas=sigmas),))).value))
    )
    assert found is not None
    assert found.title == said


def test_a_picture_that_is_not_among_the_evidence_is_none():
    first = read_event(IncidentEvent, told(evidence=()).value)
    found = drifted(Incident([first]))
    assert found is not None
    assert (found.before, found.after) == (None, None)
    assert drifted(Incident([first.model_copy(update={"drift": None})])) is None


def test_a_drift_lights_amber_and_says_what_drifted():
    assert (lamp([incident()], None, NOW).colour, lamp([incident()], None, NOW).word) == (Colour.AMBER, "drift: focus")


def test_a_drift_that_does_harm_is_red_as_its_severity_says():
    worse = read_event(IncidentEvent, told(severity=Severity.CRITICAL).value)
    assert lamp([Incident([worse])], None, NOW).colour is Colour.RED


def test_defects_that_came_with_a_drift_are_called_defects():
    rejects = read_event(IncidentEvent, told(cause=Cause.REJECT_RATE).value)
    assert lamp([Incident([rejects])], None, NOW).word == "reject rate"


def test_a_drift_before_an_incident_is_told_in_its_own_sentence():
    change = Change(kind=ChangeKind.DRIFT, at=NOW - timedelta(minutes=8), sentence="spindle temperature rose 6 K")
    assert change_words(change, NOW) == "spindle temperature rose 6 K (8 min before)"


# How far a station has learned


def learning(standing: Standing) -> Learning:
    return Learning(standing, NOW)


def test_what_still_learns_says_how_far_and_how_long():
    shown = place(
        PlaceState.LEARNING, frames=3100, wanted=5000, ratio=0.62, period_s=4.0, seconds=12_400, wanted_s=28_800
    )
    (found,) = standings([], [station(shown)])
    assert learning(found).progress == "62 %, 3,100 of 5,000 frames, about 4 h 33 min to go"
    assert learning(found).learns
    assert learning(found).bars == []


def test_every_number_is_a_bar_against_its_limit():
    charts = (chart(), chart("noise", 9.0, active=True, value=None, usual=None), chart("noise", 1.0))
    (found,) = standings([], [station(place(charts=charts))])
    noise, sharpness = learning(found).bars
    assert (noise.name, noise.words, noise.fill) == ("noise", "beyond its limit", pytest.approx(85.7, abs=0.1))
    assert (sharpness.words, sharpness.means) == ("85 % of its limit", "step: 7.1 against 8.4")
    assert sharpness.now == "4.40, usually 4.60"
    assert noise.now == ""
    assert Bar(chart(statistic=900.0), 100.0).fill == 100


def test_nothing_is_shown_against_a_reference_that_was_given_up():
    waits = Relearn(station=STATION, product="lid", bundle=BUNDLE, by="rosa", why="new lamp", at=NOW)
    (found,) = standings([Known(relearn=waits)], [station(place(charts=(chart(),)))])
    assert (learning(found).state, learning(found).bars) == ("to be learned anew", [])


def test_a_form_carries_another_stamp_once_the_reference_is_another():
    stamps = [learning(Standing(known=each, place=known.place)).stamp
              for known in (Known(lid()),) for each in (Known(lid()), Known(lid(frames=7)), None)]  # fmt: skip
    assert len(set(stamps)) == 3
