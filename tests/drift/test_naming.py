"""Which pattern of numbers is which cause, and what people read. Numbers move as physics moves them together."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import expm1, log1p, nan
from typing import Any

import pytest

from andon.charts import PLACES, Alarm
from andon.records import Chart, Drift, DriftCause, Moved, Point
from andon.records.baseline import SIGNALS
from andon_drift.naming import Gathering, Number, Seen, ended, name, sentence
from andon_drift.naming.changes import changes_of

AT = datetime(2026, 3, 2, 14, 32, tzinfo=UTC)
SINCE = datetime(2026, 3, 2, 14, 2, tzinfo=UTC)
USUAL = {
    "luminance": 0.40,
    "contrast": 0.20,
    "clipped_low": 0.0,
    "clipped_high": 0.01,
    "sharpness": 5.0,
    "noise": 0.006,
    "red_green": 1.10,
    "blue_green": 0.90,
    "right": 0.0,
    "down": 0.0,
    "score": 0.22,
}
SD = {
    "luminance": 0.006,
    "contrast": 0.004,
    "clipped_low": 0.0005,
    "clipped_high": 0.001,
    "sharpness": 0.05,
    "noise": 0.0002,
    "red_green": 0.004,
    "blue_green": 0.004,
    "right": 0.5,
    "down": 0.5,
    "score": 0.03,
}
UNITS = {"right": "px", "down": "px"}
GRID = 144
Numbers = Mapping[str, float]


def place(now: Numbers = USUAL, **other: Any) -> Seen:
    """A picture of 1,000 by 800 whose numbers are `now` what they are; the one that moved farthest alarmed."""
    numbers = {each: measured(each, value) for each, value in (USUAL | dict(now)).items()}
    worst = max(numbers, key=lambda each: abs(numbers[each].sigmas) if numbers[each].sigmas else 0.0)
    numbers[worst] = replace(numbers[worst], alarm=alarm(worst))
    given: dict[str, Any] = {"station": "weld-07", "product": None, "bundle": "b" * 64, "at": AT, "since": SINCE}
    given |= {"width": 1000, "height": 800, "numbers": numbers, "threshold": 0.45}
    return Seen(**(given | other))


def measured(what: str, value: float) -> Number:
    sigmas = (value - USUAL[what]) / SD[what]
    z = max(-6.0, min(6.0, sigmas))
    return Number(USUAL[what], value, sigmas, z, UNITS.get(what, ""), least=0.2 * SD[what])


def alarm(what: str, chart: Chart = Chart.CUSUM, frames: int = 1800) -> Alarm:
    return Alarm(name=what, chart=chart, statistic=14.0, limit=9.0, up=True, frames=frames)


def usual_numbers() -> Mapping[str, Number]:
    """Nothing moved, nothing alarmed."""
    return {each: measured(each, value) for each, value in USUAL.items()}


def lit(gain: float) -> Numbers:
    """Light times `gain`: all that is a difference of grey levels goes with it."""
    return {
        "luminance": 0.40 * gain,
        "contrast": 0.20 * gain,
        "sharpness": log1p(expm1(5.0) * gain**2),
        "noise": 0.006 * gain,
        "score": 0.22 * gain,
    }


def grainy(sigma: float) -> Numbers:
    """Noise of `sigma`, and the edges that it adds."""
    added = 20 * 255**2 * (sigma**2 - 0.006**2)
    return {"noise": sigma, "sharpness": log1p(expm1(5.0) + added), "score": 0.27}


def gathered(share: float, cell: int = 40) -> Gathering:
    even = tuple([1 / GRID] * GRID)
    now = [(1 - share) / GRID] * GRID
    now[cell] += share
    return Gathering(12, 12, even, tuple(now), 200)


def gathers(frames: int = 40) -> Alarm:
    return alarm(PLACES, Chart.PLACES, frames)


def called(share: float) -> Number:
    return Number(0.004, share, 0.0, 0.0, alarm=alarm("rejects", Chart.BERNOULLI))


def at_once(frames: int = 40, noise: float = 0.02, **other: Any) -> Seen:
    """Brightness, edges and noise jump, and things cannot be found any more."""
    jumped = {"luminance": 0.5, "contrast": 0.1, "sharpness": 6.5, "noise": noise, "right": nan, "down": nan}
    numbers = place(jumped).numbers
    sure = {each: replace(numbers[each], alarm=alarm(each, frames=frames)) for each in ("sharpness", "noise")}
    return place(numbers={**numbers, **sure}, **other)


PRODUCT, NOISE = DriftCause.PRODUCT, DriftCause.NOISE
SOFT = {"sharpness": 4.6, "noise": 0.0058, "contrast": 0.1995}
CAUSES: list[tuple[str, Seen, DriftCause]] = [
    ("softer", place(SOFT), DriftCause.FOCUS),
    ("softer, and the scores fall with it", place({**SOFT, "score": 0.17}), DriftCause.FOCUS),
    ("sharper", place({"sharpness": 5.4, "noise": 0.0062}), DriftCause.FOCUS),
    ("a weaker lamp", place(lit(0.9)), DriftCause.EXPOSURE),
    ("a stronger lamp", place(lit(1.15)), DriftCause.EXPOSURE),
    ("a stronger lamp that clips what is bright", place({**lit(1.15), "clipped_high": 0.03}), DriftCause.EXPOSURE),
    ("a haze: brighter and flatter", place({"luminance": 0.46, "contrast": 0.18}), DriftCause.EXPOSURE),
    ("newly white, hardly brighter", place({"clipped_high": 0.05, "luminance": 0.42}), DriftCause.GLARE),
    ("noise, and the edges it brings", place(grainy(0.012)), DriftCause.NOISE),
    ("red against green", place({"red_green": 1.15, "luminance": 0.404}), DriftCause.COLOUR),
    ("blue against green", place({"blue_green": 0.86}), DriftCause.COLOUR),
    ("shifted, and the scores with it", place({"right": -11.0, "score": 0.35}), DriftCause.FRAMING),
    ("one place stands out", place({"score": 0.30}, places=gathered(0.6)), DriftCause.SPOT),
    (
        "one place stands out so crisply that it adds edges",
        place({"sharpness": 5.2, "score": 0.30}, places=gathered(0.6)),
        DriftCause.SPOT,
    ),
    ("scores alone", place({"score": 0.31}), DriftCause.PROCESS),
    ("everything at once, and the embedding", at_once(embedding=alarm("embedding", Chart.HOTELLING)), PRODUCT),
    ("two kinds at once, and all parts called", at_once(rejects=called(1.0), noise=0.006), PRODUCT),
    ("everything, but little by little", at_once(embedding=alarm("embedding", Chart.HOTELLING), frames=900), NOISE),
    ("everything at once, and nobody minds", at_once(), NOISE),
    ("the embedding alone", place(embedding=alarm("embedding", Chart.HOTELLING)), DriftCause.UNNAMED),
    ("a spread that changed", place(), DriftCause.UNNAMED),
]


@pytest.mark.parametrize(("seen", "cause"), [row[1:] for row in CAUSES], ids=[row[0] for row in CAUSES])
def test_the_pattern_of_all_numbers_names_the_cause(seen: Seen, cause: DriftCause) -> None:
    assert name(seen).named is cause


def test_the_number_that_alarmed_does_not_decide_the_cause() -> None:
    """Scores alarm first in most drifts; what the pictures say names them."""
    seen = place({**SOFT, "score": 0.17})
    numbers = {each: replace(number, alarm=None) for each, number in seen.numbers.items()}
    numbers["score"] = replace(numbers["score"], alarm=alarm("score"))
    assert name(replace(seen, numbers=numbers)).named is DriftCause.FOCUS


def test_edges_that_the_noise_explains_are_no_focus() -> None:
    noisy = grainy(0.012)
    assert changes_of(place(noisy)).edges == 0
    assert changes_of(place({"sharpness": noisy["sharpness"]})).edges > 1


def test_noise_that_the_light_explains_is_no_noise() -> None:
    assert changes_of(place(lit(1.3))).grain == pytest.approx(0, abs=0.1)
    assert changes_of(place({"noise": 0.006 * 1.3})).grain > 1


def test_a_change_within_chance_is_none() -> None:
    assert changes_of(place({"score": 0.31, "red_green": 1.1008})).tint == 0
    assert changes_of(place({"score": 0.31, "red_green": 1.108})).tint > 1


def test_what_has_alarmed_is_sure_however_small_it_is() -> None:
    seen = place({"red_green": 1.1008})
    assert changes_of(seen).tint == pytest.approx(0.145, abs=0.01)


def test_what_the_chart_of_places_is_sure_of_is_a_spot_however_few_frames_show_it() -> None:
    few = replace(gathered(0.3), frames=10)
    assert name(place(numbers=usual_numbers(), places=few)).named is DriftCause.UNNAMED
    drift = name(place(numbers=usual_numbers(), places=few, gathers=gathers()))
    assert drift.named is DriftCause.SPOT
    assert drift.where is not None
    (moved,) = drift.moved
    assert (moved.name, moved.chart, moved.statistic, moved.limit) == (PLACES, Chart.PLACES, 14.0, 9.0)
    assert (moved.before, moved.after) == (pytest.approx(9 / GRID), pytest.approx(0.3 + 0.7 * 9 / GRID))


def test_the_chart_of_places_alone_names_a_spot_only_where_more_maps_are_highest_there() -> None:
    assert name(place(numbers=usual_numbers(), places=gathered(0.02), gathers=gathers())).named is not DriftCause.SPOT


def test_a_picture_that_changed_as_a_whole_is_named_so_even_if_maps_gather() -> None:
    for seen in (place(SOFT), place(grainy(0.011)), place({"right": -11.0})):
        assert name(replace(seen, places=gathered(0.1), gathers=gathers())).named is name(seen).named


def test_readings_of_sensors_are_named_as_such() -> None:
    warm = number_of("spindle_temperature", 41.0, 47.0, "K")
    seen = place(bundle=SIGNALS, numbers={"spindle_temperature": warm})
    drift = name(seen)
    assert drift.named is DriftCause.SENSOR
    assert sentence(seen, drift) == "weld-07: spindle temperature rose 6 K since 14:02 UTC."


def test_the_most_telling_number_comes_first_then_what_moved_along() -> None:
    moved = name(place({**SOFT, "score": 0.31})).moved
    assert [each.name for each in moved] == ["sharpness", "noise", "score"]
    assert moved[0].chart is Chart.CUSUM
    assert moved[0].statistic == 14.0
    assert moved[1].chart is None


def test_shifts_are_told_of_framing_alone() -> None:
    assert (name(place({"right": -11.04})).right, name(place({"right": -11.04})).down) == (-11.0, 0.0)
    assert name(place(SOFT)).right == 0.0


def test_a_spot_says_where_in_the_original_picture() -> None:
    where = name(place({"score": 0.30}, places=gathered(0.6, cell=3 * 12 + 4))).where
    assert where is not None
    assert (where.x, where.y, where.width, where.height) == (333, 200, 83, 66)


def test_a_spot_on_an_edge_between_cells_is_one_spot() -> None:
    even, now = [1 / GRID] * GRID, [0.4 / GRID] * GRID
    for cell in (40, 41, 52):
        now[cell] += 0.2
    seen = place({"score": 0.30}, places=Gathering(12, 12, tuple(even), tuple(now), 200))
    assert name(seen).named is DriftCause.SPOT


def test_peaks_that_gather_by_chance_are_no_spot() -> None:
    even, now = [1 / GRID] * GRID, [0.0] * GRID
    for cell in range(0, GRID, 15):
        now[cell] = 0.1
    seen = place({"score": 0.30}, places=Gathering(12, 12, tuple(even), tuple(now), 10))
    assert name(seen).named is DriftCause.PROCESS


def number_of(what: str, before: float, after: float, unit: str) -> Number:
    return Number(before, after, (after - before) / 0.5, 6.0, unit, least=0.5, alarm=alarm(what))


def told(seen: Seen) -> str:
    return sentence(seen, name(seen))


SENTENCES: list[tuple[Seen, str]] = [
    (
        place({"right": -11.0}),
        "weld-07: framing moved 11 px left since 14:02 UTC; light, focus, noise, colour and scores as before.",
    ),
    (
        place({"right": -11.0, "down": 3.6}),
        "weld-07: framing moved 11 px left and 4 px down since 14:02 UTC; "
        "light, focus, noise, colour and scores as before.",
    ),
    (
        place({"sharpness": 4.1}),
        "weld-07: the picture gets softer since 14:02 UTC: sharpness 4.1, usually 5.0; "
        "light, colour, framing and scores as before.",
    ),
    (
        place({"luminance": 0.36}),
        "weld-07: the picture gets darker since 14:02 UTC: brightness 36 %, usually 40 %; "
        "focus, noise, colour, framing and scores as before.",
    ),
    (
        place({"score": 0.31}),
        "weld-07: scores rise since 14:02 UTC (0.31, usually 0.22, threshold 0.45) and the pictures are as before: "
        "the parts changed.",
    ),
    (
        place({"noise": 0.012, "sharpness": grainy(0.012)["sharpness"]}),
        "weld-07: the picture gets noisier since 14:02 UTC: noise 3.1 grey levels, usually 1.5 grey levels; "
        "light, colour, framing and scores as before.",
    ),
]


@pytest.mark.parametrize(("seen", "words"), SENTENCES, ids=[words[9:40] for _, words in SENTENCES])
def test_one_sentence_says_what_changed_and_what_did_not(seen: Seen, words: str) -> None:
    assert told(seen) == words


@pytest.mark.parametrize("seen", [row[1] for row in CAUSES], ids=[row[0] for row in CAUSES])
def test_every_cause_has_a_sentence_that_says_where_and_since_when(seen: Seen) -> None:
    words = told(seen)
    assert words.startswith("weld-07: ")
    assert " since 14:02 UTC" in words
    assert words.endswith(".")


def test_rejects_that_rose_say_that_it_does_harm() -> None:
    seen = place({"sharpness": 4.1}, rejects=called(0.019))
    assert told(seen).endswith("as before. It does harm: 1.9 % of parts are called, usually 0.4 %.")
    drift = name(seen)
    assert drift.rejects is not None
    assert drift.rejects.chart is Chart.BERNOULLI


def test_more_called_parts_in_pictures_as_before_are_the_process() -> None:
    seen = place(rejects=called(0.019), numbers={each: measured(each, USUAL[each]) for each in USUAL})
    assert name(seen).named is DriftCause.PROCESS
    assert "more parts are called since 14:02 UTC" in told(seen)


def test_lost_detail_and_a_local_reflection_have_words_of_their_own() -> None:
    fine = place({"noise": 0.0052})
    assert "loses fine detail since 14:02 UTC: noise 1.33 grey levels, usually 1.53 grey levels;" in told(fine)
    bright = place({"luminance": 0.41, "contrast": 0.21, "score": 0.30}, places=gathered(0.6))
    assert "one place of the picture gets brighter since 14:02 UTC, around x 374, y 233" in told(bright)
    assert name(bright).named is DriftCause.GLARE


def test_parts_that_look_otherwise_are_not_said_to_look_as_before() -> None:
    apart = place({"score": 0.31}, embedding=alarm("embedding", Chart.HOTELLING))
    assert name(apart).named is DriftCause.PROCESS
    assert "and light, focus, noise, colour and framing are as before: the parts changed." in told(apart)


def test_sensors_that_moved_with_it_are_told() -> None:
    warm = Moved(name="spindle_temperature", unit="K", before=41, after=47, sigmas=8)
    assert "; spindle temperature rose 6 K" in told(place({"score": 0.31}, sensors=(warm,)))


def test_a_change_of_another_day_says_the_day() -> None:
    seen = place({"right": -11.0}, since=SINCE - timedelta(days=2))
    assert "since 2026-02-28 14:02 UTC" in told(seen)


def test_scores_that_rise_steadily_tell_when_they_reach_the_threshold() -> None:
    """Tool wear, long before any part is called."""
    history = tuple(Point(at=SINCE + timedelta(seconds=30 * i), value=0.22 + 0.0015 * i) for i in range(61))
    worn = replace(measured("score", 0.31), alarm=alarm("score", Chart.EWMA), history=history)
    seen = place(numbers={**place().numbers, "score": worn})
    assert told(seen).endswith("the parts changed. At this pace the threshold is reached in about 47 min.")


def test_scores_that_stepped_tell_no_pace() -> None:
    history = tuple(
        Point(at=SINCE + timedelta(seconds=30 * i), value=0.31 + (0.002 if i % 2 else -0.002)) for i in range(61)
    )
    seen = place(numbers={**place().numbers, "score": replace(measured("score", 0.31), history=history)})
    assert "At this pace" not in told(seen)


@pytest.mark.parametrize("cause", list(DriftCause))
def test_every_cause_can_be_over(cause: DriftCause) -> None:
    words = ended("weld-07", cause, SINCE, AT)
    assert words.startswith("weld-07: ")
    assert words.endswith(", after 30 min.")


def test_what_the_finding_needs_travels_along() -> None:
    seen = place({"right": -11.0}, false_alarm_days=30.0, retrain=True)
    drift = name(seen)
    assert isinstance(drift, Drift)
    assert (drift.since, drift.false_alarm_days, drift.retrain) == (SINCE, 30.0, True)
    assert sentence(seen, drift).endswith("A retraining was asked for.")


def test_the_words_hold_no_number_that_is_not_one() -> None:
    assert "nan" not in told(place({"right": -11.0, "down": nan, "sharpness": 4.0}))
