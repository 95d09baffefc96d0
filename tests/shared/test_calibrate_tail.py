"""Beyond the sample the threshold follows the tail, and says how little is known of it."""

import numpy as np
import pytest
from scipy.stats import genpareto

from andon.calibration.tail import MOST, fit_tail, rate_interval, tail_frames


def test_the_tail_is_the_upper_tenth_ten_frames_at_least() -> None:
    assert [tail_frames(n) for n in (20, 100, 101, 1000, 100_000)] == [10, 10, 11, 100, MOST]


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.2])
def test_with_many_frames_the_true_tail_is_found(shape: float) -> None:
    scores = np.sort(genpareto.rvs(shape, size=2500, random_state=np.random.default_rng(1)))
    found = fit_tail(scores).quantile(0.02) - scores[-251]
    scale = 1 + shape * scores[-251]
    assert found == pytest.approx(genpareto.isf(0.02, shape, scale=scale), rel=0.2)


def test_few_frames_are_taken_as_nearly_exponential() -> None:
    """The prior holds the shape where ten excesses say next to nothing."""
    random = np.random.default_rng(2)
    shapes = []
    for _ in range(50):
        tail = fit_tail(np.sort(random.exponential(size=50)))
        shapes.append(float(tail.weights @ tail.shape))
    assert abs(np.mean(shapes)) < 0.1
    assert np.std(shapes) < 0.15


def test_a_tail_that_ends_has_nothing_above_its_end() -> None:
    tail = fit_tail(np.linspace(0, 1, 1000))
    assert float(tail.weights @ tail.shares_above(1.5)) < 1e-3


def test_dependent_frames_say_less_of_the_tail() -> None:
    scores = np.sort(np.random.default_rng(3).normal(size=400))
    sure = rate_interval(fit_tail(scores), 3.0, 0.1, 400, 0.9)
    unsure = rate_interval(fit_tail(scores, 0.1), 3.0, 0.1, 40, 0.9)
    assert unsure[0] < sure[0] < sure[1] < unsure[1]


def test_the_tail_moves_and_scales_with_the_scores() -> None:
    scores = np.sort(np.random.default_rng(4).gumbel(size=200))
    plain, moved = fit_tail(scores), fit_tail(5 * scores - 100)
    assert moved.quantile(0.01) == pytest.approx(5 * plain.quantile(0.01) - 100)


def test_a_tail_of_equal_scores_is_that_score() -> None:
    assert fit_tail(np.append(np.arange(10.0), np.full(20, 50.0))).quantile(1e-6) == pytest.approx(50)
