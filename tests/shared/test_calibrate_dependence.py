"""How many independent frames a sample is worth, told from how neighbours score."""

import numpy as np
import pytest
from numpy.typing import NDArray

from andon.calibration.dependence import effective_frames

Doubles = NDArray[np.float64]


def worth(scores: Doubles) -> float:
    """As a share of all."""
    return effective_frames(scores) / len(scores)


@pytest.mark.parametrize("n", [20, 50, 200, 1000])
def test_independent_frames_keep_most_of_their_worth(n: int) -> None:
    random = np.random.default_rng(n)
    assert np.mean([worth(random.normal(size=n)) for _ in range(40)]) > 0.8


def test_frames_of_few_batches_are_worth_little_more_than_the_batches() -> None:
    random = np.random.default_rng(1)
    scores = np.repeat(random.normal(size=10), 30) + 0.1 * random.normal(size=300)
    assert 3 < effective_frames(scores) < 40


@pytest.mark.parametrize("batch", [10, 40])
def test_longer_batches_are_worth_less(batch: int) -> None:
    random = np.random.default_rng(2)
    found = [worth(np.repeat(random.normal(size=400 // batch), batch) + random.normal(size=400)) for _ in range(20)]
    assert {10: 0.15, 40: 0.03}[batch] < np.mean(found) < {10: 0.5, 40: 0.25}[batch]


def test_the_worth_is_near_what_the_variance_of_the_rate_says() -> None:
    """The design effect of the share of scores above their upper fifth, known from many samples."""
    random, rates, found = np.random.default_rng(3), [], []
    for _ in range(300):
        scores = np.sqrt(0.4) * np.repeat(random.normal(size=30), 10) + np.sqrt(0.6) * random.normal(size=300)
        rates.append((scores > 0.8416).mean())
        found.append(worth(scores))
    true = 0.2 * 0.8 / 300 / np.var(rates)
    assert 0.5 * true < np.median(found) < 1.5 * true


def test_batches_that_scatter_more_are_noticed_though_their_mean_is_the_same() -> None:
    random = np.random.default_rng(4)
    spread = np.repeat(np.exp(0.6 * random.normal(size=25)), 40)
    assert worth(spread * random.normal(size=1000)) < 0.7


def test_a_slow_drift_makes_frames_worth_few() -> None:
    random = np.random.default_rng(5)
    assert effective_frames(np.linspace(0, 4, 300) + random.normal(size=300)) < 60


@pytest.mark.parametrize("order", ["shuffled", "equal"])
def test_without_order_there_is_nothing_to_notice(order: str) -> None:
    random = np.random.default_rng(6)
    scores = random.permutation(np.repeat(random.normal(size=10), 20)) if order == "shuffled" else np.ones(200)
    assert worth(scores) > 0.7


@pytest.mark.parametrize("n", [20, 300])
def test_it_lies_between_one_and_all_of_them_and_depends_on_ranks_alone(n: int) -> None:
    rising = np.arange(1.0, n + 1)
    assert 1 <= effective_frames(rising) <= n
    assert effective_frames(rising) == effective_frames(np.exp(rising / 10))
