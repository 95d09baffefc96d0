"""Bad parts among the good are left out; a long tail of good ones, or another kind of good part, is not."""

import numpy as np
import pytest

from andon_training.suspects import MOST_SHARE, suspects


def good(n: int = 200, seed: int = 0, spread: float = 0.15) -> np.ndarray:
    """Held-out scores of good frames: near 1, lognormal."""
    return np.exp(np.random.default_rng(seed).normal(0, spread, n)).astype(np.float32)


@pytest.mark.parametrize("bad", [1, 5, 10])
@pytest.mark.parametrize("seed", range(5))
def test_bad_parts_that_stand_apart_are_found_and_hardly_a_good_one_with_them(bad: int, seed: int) -> None:
    found = suspects(np.concatenate([good(seed=seed), np.linspace(2.6, 4, bad, dtype=np.float32)]))
    assert found[200:].all()
    assert found[:200].sum() <= 1


def test_it_does_not_matter_where_in_the_line_they_stand_nor_in_what_unit() -> None:
    scores = np.concatenate([good(), [3.0, 3.5]]).astype(np.float32)
    shuffled = np.random.default_rng(1).permutation(len(scores))
    np.testing.assert_array_equal(suspects(scores[shuffled]), suspects(scores)[shuffled])
    np.testing.assert_array_equal(suspects(scores * 1000), suspects(scores))


TAILS = {
    "lognormal, narrow": lambda random, n: np.exp(random.normal(0, 0.05, n)),
    "lognormal, wide": lambda random, n: np.exp(random.normal(0, 1.0, n)),
    "exponential": lambda random, n: 1 + random.exponential(0.5, n),
    "gamma": lambda random, n: random.gamma(2.0, 1.0, n),
    "two kinds of good part": lambda random, n: np.exp(random.normal(0, 0.1, n)) * np.where(np.arange(n) < n / 2, 1, 2),
}


@pytest.mark.parametrize("tail", TAILS)
def test_heavy_but_continuous_tails_are_left_alone(tail: str) -> None:
    """Over 50 lines of 200 good frames each."""
    lost = [suspects(TAILS[tail](np.random.default_rng(seed), 200).astype(np.float32)).sum() for seed in range(50)]
    assert np.mean(lost) / 200 < 0.0005


def test_the_heaviest_tails_lose_less_than_one_frame_in_a_hundred() -> None:
    """Pareto scores: exponential even in logarithms."""
    lost = [suspects(np.exp(np.random.default_rng(seed).exponential(0.3, 200)).astype("f")).sum() for seed in range(50)]
    assert 0 < np.mean(lost) / 200 < 0.01


@pytest.mark.parametrize("n", [20, 50, 200])
def test_never_more_than_a_share_and_then_the_highest(n: int) -> None:
    bad = n // 11  # more than may be left out, few enough to stand apart
    scores = np.concatenate([good(n - bad, spread=0.05), np.linspace(5, 9, bad)]).astype(np.float32)
    found = suspects(scores)
    assert found.sum() == min(int(MOST_SHARE * n), bad)
    assert scores[found].min() >= np.sort(scores)[-found.sum()]


def test_of_equal_scores_no_more_than_the_share_are_left_out() -> None:
    scores = np.concatenate([good(91, spread=0.05), np.full(9, 5)]).astype(np.float32)
    assert suspects(scores).sum() == 8


def test_too_few_frames_to_spare_one_keep_all() -> None:
    assert not suspects(np.array([1, 1.1, 0.9, 1, 50], np.float32)).any()


@pytest.mark.parametrize("scores", [np.ones(40), np.zeros(40), np.append(np.ones(39), 50), np.append(np.zeros(39), 1)])
def test_scores_without_a_spread_are_no_crash_and_nobody_is_suspected(scores: np.ndarray) -> None:
    """What never varies says nothing about how far is far."""
    assert not suspects(scores.astype(np.float32)).any()


def test_a_score_of_nothing_is_no_crash() -> None:
    assert not suspects(np.concatenate([good(40), [0.0]]).astype(np.float32)).any()
