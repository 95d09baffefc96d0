"""The budget the operator states is the false-call rate they get, as far as the good frames can tell."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta, norm

from andon.budget import parse_budget
from andon.calibration import calibrate
from andon.calibration.budget import frames_to_prove
from andon.errors import Mistake

Doubles = NDArray[np.float64]


def shuffled(n: int) -> list[float]:
    """1 to n, in an order without a trend."""
    return np.random.default_rng(0).permutation(np.arange(1.0, n + 1)).tolist()


def in_batches(random: np.random.Generator, n: int, batch: int, share: float) -> Doubles:
    """Standard normal scores; `share` of their variance is one batch's own."""
    of_batch = np.repeat(random.normal(size=-(-n // batch)), batch)[:n]
    return np.asarray(math.sqrt(share) * of_batch + math.sqrt(1 - share) * random.normal(size=n))


def covered(draw: Callable[[], Doubles], rate_above: Callable[[float], float], budget: float, times: int) -> float:
    """How often the stated interval holds the true rate."""
    inside = 0
    for _ in range(times):
        found = calibrate(draw().tolist(), budget, folds=5)
        inside += found.calibration.interval.low <= rate_above(found.value) <= found.calibration.interval.high
    return inside / times


def normal_above(value: float) -> float:
    return float(norm.sf(value))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("2 per 1000", 0.002),
        ("2 per 1,000", 0.002),
        ("1 in 500", 0.002),
        ("1/500", 0.002),
        ("0.2%", 0.002),
        (" 0.002 ", 0.002),
        ("50 %", 0.5),
    ],
)
def test_a_budget_is_read_as_people_say_it(text: str, share: float) -> None:
    assert parse_budget(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "few", "0", "0 per 1000", "2 per 0", "3 per 4", "-1", "2 per 1000 parts", "nan"])
def test_a_budget_that_is_none_is_told(text: str) -> None:
    with pytest.raises(Mistake, match="budget"):
        parse_budget(text)


def test_within_the_sample_the_threshold_is_an_order_statistic() -> None:
    found = calibrate(shuffled(1000), 0.01, folds=5)
    assert found.value in (
        991,
        992,
    )  # the smallest k with k/1001 >= 0.99, or the next, should frames seem a little alike
    assert found.calibration.method == "conformal"
    assert found.calibration.false_call_rate == (1000 - found.value) / 1000
    assert found.calibration.effective_frames is not None
    assert found.calibration.effective_frames > 900
    assert found.calibration.warnings == ()


def test_for_independent_frames_the_interval_is_the_textbook_one() -> None:
    """The rate above the k-th of n is Beta(n+1-k, k)."""
    found = calibrate(shuffled(3000), 0.1, folds=5)
    rank = int(found.value)
    low, high = beta.ppf([0.05, 0.95], 3001 - rank, rank)
    assert found.calibration.interval.low == pytest.approx(low, rel=0.03)
    assert found.calibration.interval.high == pytest.approx(high, rel=0.03)


@pytest.mark.parametrize(("n", "budget"), [(50, 0.05), (200, 0.05), (200, 0.02), (500, 0.01)])
def test_the_mean_rate_on_unseen_frames_is_within_the_budget(n: int, budget: float) -> None:
    """Marginal coverage over many draws; more than half of the budget is used."""
    random = np.random.default_rng(1)
    rates = [normal_above(calibrate(random.normal(size=n).tolist(), budget, 5).value) for _ in range(300)]
    assert np.mean(rates) <= budget + 2 * np.std(rates) / math.sqrt(len(rates))
    assert np.mean(rates) > 0.5 * budget


@pytest.mark.parametrize(("n", "budget"), [(60, 0.05), (60, 0.005), (200, 0.05), (200, 0.002), (600, 0.02)])
def test_the_interval_holds_the_true_rate_of_independent_frames_as_often_as_it_says(n: int, budget: float) -> None:
    """In 85 % of draws at least, less what 250 of them can miss by chance."""
    random = np.random.default_rng(2)
    assert covered(lambda: random.normal(size=n), normal_above, budget, 250) >= 0.85 - 0.04


@pytest.mark.parametrize("budget", [0.1, 0.02, 0.002])
@pytest.mark.parametrize(("n", "batch"), [(200, 10), (200, 40), (600, 40)])
def test_the_interval_holds_the_true_rate_when_frames_of_a_batch_score_alike(n: int, batch: int, budget: float) -> None:
    random = np.random.default_rng(3)
    assert covered(lambda: in_batches(random, n, batch, 0.4), normal_above, budget, 150) >= 0.85 - 0.05


def test_an_interval_that_took_such_frames_as_independent_would_not() -> None:
    """The same frames in shuffled order: what neighbours have in common is hidden, and the interval fails."""
    random = np.random.default_rng(3)
    hidden = covered(lambda: random.permutation(in_batches(random, 200, 40, 0.4)), normal_above, 0.02, 150)
    assert hidden < 0.75


def test_the_threshold_looks_ahead_to_batches_not_seen() -> None:
    """Ten batches of twenty: the rate expected of new ones comes nearer to the budget than the known frames' own."""
    random, ahead, known = np.random.default_rng(4), [], []
    for _ in range(200):
        scores = in_batches(random, 200, 20, 0.5)
        ahead.append(normal_above(calibrate(scores.tolist(), 0.02, 5).value))
        known.append(normal_above(float(np.sort(scores)[math.ceil(201 * 0.98) - 1])))
    assert np.mean(known) > 1.2 * 0.02
    assert abs(np.mean(ahead) - 0.02) < abs(np.mean(known) - 0.02)


def test_frames_that_score_alike_are_told_and_count_for_fewer() -> None:
    scores = in_batches(np.random.default_rng(5), 340, 60, 0.5)
    found = calibrate(scores.tolist(), 0.02, 5).calibration
    assert found.effective_frames is not None
    assert found.effective_frames < 60
    assert "tell as much as" in found.warnings[0]
    assert found.good_frames_missing == math.ceil(frames_to_prove(0.02) - found.effective_frames)


def test_beyond_the_sample_the_tail_is_extrapolated_and_the_record_says_so() -> None:
    scores = np.random.default_rng(6).normal(size=200)
    found = calibrate(scores.tolist(), 0.002, 5)
    assert found.calibration.method == "pareto-tail"
    assert found.calibration.good_frames_missing >= 1497 - 200
    assert f"{found.calibration.good_frames_missing} more good frames" in found.calibration.warnings[-1]
    assert found.value >= scores.max()


@given(st.integers(20, 120), st.floats(0.0005, 0.5), st.floats(0.3, 1), st.integers(0, 1000), st.booleans())
def test_a_smaller_budget_never_lowers_the_threshold(
    n: int, budget: float, less: float, seed: int, batches: bool
) -> None:
    random = np.random.default_rng(seed)
    scores = (in_batches(random, n, 10, 0.6) if batches else random.normal(size=n)).tolist()
    assert calibrate(scores, budget * less, 5).value >= calibrate(scores, budget, 5).value


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.sampled_from([0.05, 0.02, 0.001]))
def test_scores_may_be_any_numbers_and_the_threshold_moves_with_them(shift: float, scale: float, budget: float) -> None:
    scores = in_batches(np.random.default_rng(7), 80, 8, 0.3)
    plain, moved = calibrate(scores.tolist(), budget, 5), calibrate((shift + scale * scores).tolist(), budget, 5)
    assert moved.value == pytest.approx(shift + scale * plain.value, abs=1e-6 * (scale + abs(shift)))
    assert moved.calibration.interval.high == pytest.approx(plain.calibration.interval.high, rel=1e-3)


def test_few_frames_are_warned_of_and_too_few_refused() -> None:
    assert "40 good frames are few" in calibrate(shuffled(40), 0.05, 5).calibration.warnings[0]
    with pytest.raises(Mistake, match="19 good frames; calibration needs at least 20"):
        calibrate(shuffled(19), 0.05, 5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(Mistake, match="no finite score"):
        calibrate([*shuffled(30), bad], 0.05, 5)


@pytest.mark.parametrize("budget", [0.1, 0.002])
def test_equal_scores_give_that_score_and_may_never_be_exceeded(budget: float) -> None:
    found = calibrate([3.0] * 50, budget, 5)
    assert found.value == 3.0
    assert found.calibration.interval.low < 0.002


def test_how_many_frames_prove_a_budget() -> None:
    assert frames_to_prove(0.002) == 1497  # 0.998^1497 is just below 0.05
    assert 0.998**1497 <= 0.05 < 0.998**1496
