"""The budget the operator states is the false-call rate they get, as far as the good frames can tell."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import Mistake
from andon_training.calibrate import beta_interval, calibrate, conformal_rank, frames_to_prove, parse_budget


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
    found = calibrate(range(1, 1001), 0.01, folds=5)
    assert found.value == 991  # the smallest k with k/1001 >= 0.99
    assert found.calibration.method == "conformal"
    assert found.calibration.false_call_rate == 0.009
    assert found.calibration.warnings == ()


def test_the_conformal_rate_is_within_the_budget_on_unseen_frames() -> None:
    """Marginal coverage: over many draws the mean false-call rate is at most the budget, and close to it."""
    random, rates = np.random.default_rng(1), []
    for _ in range(400):
        scores = random.lognormal(size=200)
        threshold = calibrate(scores.tolist(), 0.05, folds=5).value
        rates.append(1 - _lognormal_below(threshold))
    assert np.mean(rates) <= 0.05 + 2 * np.std(rates) / math.sqrt(len(rates))
    assert np.mean(rates) > 0.04


def test_the_interval_holds_the_true_rate_as_often_as_it_says() -> None:
    random, inside = np.random.default_rng(2), 0
    for _ in range(400):
        found = calibrate(random.lognormal(size=150).tolist(), 0.05, folds=5)
        rate = 1 - _lognormal_below(found.value)
        inside += found.calibration.interval.low <= rate <= found.calibration.interval.high
    assert 0.86 <= inside / 400 <= 0.94


def test_beyond_the_sample_the_tail_is_extrapolated_and_the_record_says_so() -> None:
    scores = np.random.default_rng(3).pareto(8, size=200) + 1
    found = calibrate(scores.tolist(), 0.002, folds=5)
    assert found.calibration.method == "pareto-tail"
    assert found.calibration.good_frames_missing == 1497 - 200
    assert "extrapolated; 1297 more good frames would prove it" in found.calibration.warnings[0]
    assert found.value > np.quantile(scores, 0.98)


def test_the_extrapolated_rate_is_near_the_budget_on_a_pareto_tail() -> None:
    random, rates = np.random.default_rng(4), []
    for _ in range(300):
        threshold = calibrate((random.pareto(8, size=200) + 1).tolist(), 0.002, folds=5).value
        rates.append(threshold**-8.0)
    assert 0.0012 <= np.median(rates) <= 0.0033


def test_the_tail_interval_holds_the_true_rate_as_often_as_it_says() -> None:
    random, inside = np.random.default_rng(5), 0
    for _ in range(400):
        found = calibrate((random.pareto(8, size=300) + 1).tolist(), 0.002, folds=5)
        inside += found.calibration.interval.low <= found.value**-8.0 <= found.calibration.interval.high
    assert inside / 400 >= 0.84


@given(st.integers(20, 120), st.floats(0.0005, 0.5), st.integers(0, 1000))
def test_a_smaller_budget_never_lowers_the_threshold(n: int, budget: float, seed: int) -> None:
    scores = (np.random.default_rng(seed).pareto(5, size=n) + 1).tolist()
    if conformal_rank(n, budget) > n or conformal_rank(n, budget / 2) <= n:
        assert calibrate(scores, budget / 2, 5).value >= calibrate(scores, budget, 5).value


def test_few_frames_are_warned_of_and_too_few_refused() -> None:
    assert "40 good frames are few" in calibrate(range(1, 41), 0.05, 5).calibration.warnings[0]
    with pytest.raises(Mistake, match="19 good frames; calibration needs at least 20"):
        calibrate(range(1, 20), 0.05, 5)


def test_equal_scores_give_that_score() -> None:
    assert calibrate([3.0] * 50, 0.002, 5).value == 3.0


def test_the_beta_interval_is_the_known_one() -> None:
    """Beta(1, n) has the closed quantile 1 - (1 - p)^(1/n); Beta(2, 2) at p is the root of 3x^2 - 2x^3."""
    found = beta_interval(1, 50)
    assert found.low == pytest.approx(1 - 0.95 ** (1 / 50), rel=1e-6)
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 50), rel=1e-6)
    low = beta_interval(2, 2).low
    assert 3 * low**2 - 2 * low**3 == pytest.approx(0.05, rel=1e-6)


def test_how_many_frames_prove_a_budget() -> None:
    assert frames_to_prove(0.002) == 1497  # 0.998^1497 is just below 0.05
    assert 0.998**1497 <= 0.05 < 0.998**1496


def _lognormal_below(value: float) -> float:
    return 0.5 * (1 + math.erf(math.log(value) / math.sqrt(2)))
