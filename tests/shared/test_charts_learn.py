"""A reference is learned from enough frames, keeps every number in proportion, and says what it leaves out."""

import numpy as np
import pytest
from chart_streams import Doubles, alarms, baseline, learned, sample, stable

from andon.charts import COLUMNS, ENOUGH, ROWS, Charts, Learned, TooFew, cell, learn, z
from andon.charts.bernoulli import Ratio, clumped
from andon.charts.blocks import choose
from andon.charts.dependence import dependence
from andon.charts.sample import base_means
from andon.records.baseline import Baseline, Watched

RANDOM = np.random.default_rng


def watched(values: list[float]) -> Watched:
    """With these quantiles, and a standard deviation of 1."""
    return Watched(quantiles=tuple(values), mean=0, sd=1, correlation=0, block=10, centre=0, spread=1, slack=1, cusum=1)


def test_the_middle_of_the_reference_scores_zero_and_a_quartile_its_probit() -> None:
    assert z(watched([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([2.0, 1.0])) == pytest.approx([0.0, -0.6745], abs=1e-4)


def test_a_value_that_comes_often_scores_as_its_middle_rank() -> None:
    assert z(watched([0.0, 0.0, 0.0, 1.0, 2.0]), np.array([0.0])) == pytest.approx([-0.6745], abs=1e-4)


def test_beyond_the_ends_a_score_grows_by_one_a_standard_deviation_and_ends_at_six() -> None:
    one = watched([0.0, 1.0, 2.0])
    beyond = z(one, np.array([3.0, 2.0])), z(one, np.array([-1.0, 0.0]))
    assert beyond[0][0] - beyond[0][1] == pytest.approx(1)
    assert beyond[1][0] - beyond[1][1] == pytest.approx(-1)
    assert z(one, np.array([1e9, -1e9])).tolist() == [6, -6]


def test_what_is_not_known_has_no_score() -> None:
    assert np.isnan(z(watched([0.0, 1.0]), np.array([np.nan]))).all()


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_how_frames_depend_on_each_other_is_found(correlation: float) -> None:
    found = dependence(stable(RANDOM(1), 20_000, 4, correlation), 200)
    assert found.correlation == pytest.approx(correlation, abs=0.03)
    assert found.long_run == pytest.approx((1 + correlation) / (1 - correlation), rel=0.2)
    lags = np.arange(1, 50)
    of_means = (50 + 2 * float((50 - lags) @ correlation**lags)) / 50**2
    assert found.variance_of_means(50) == pytest.approx(of_means, rel=0.2)


def test_blocks_are_as_long_as_neighbours_resemble_each_other() -> None:
    sizes = [learned(stable(RANDOM(3), 10_000, 1, phi), 1e5).watched["n0"].block for phi in (0.0, 0.5, 0.9)]
    assert sizes[0] == 10
    assert sizes[1] <= 20
    assert 50 <= sizes[2] <= 100


def test_frames_that_come_in_lots_make_blocks_of_several_lots() -> None:
    random = RANDOM(21)
    lots = 0.6 * np.repeat(random.standard_normal((500, 1)), 40, axis=0) + 0.8 * random.standard_normal((20_000, 1))
    assert learned(lots, 1e5).watched["n0"].block >= 80


def test_frames_are_believed_where_the_model_says_they_are_independent() -> None:
    independent = dependence(stable(RANDOM(22), 20_000, 1), 2000)
    assert choose(*base_means(stable(RANDOM(22), 20_000, 1)), independent).tolist() == [1]
    assert choose(*base_means(stable(RANDOM(22), 20_000, 1, 0.95)), independent)[0] >= 4


def test_a_slow_number_asks_for_more_frames_but_not_for_ever() -> None:
    slow = stable(RANDOM(4), ENOUGH, 1, 0.98)
    few = learn(sample(slow[:5000]), run_length=1e5)
    assert isinstance(few, TooFew)
    assert 5000 < few.wanted <= ENOUGH
    assert isinstance(learn(sample(slow), run_length=1e5), Learned)


def test_a_thousand_frames_are_the_least() -> None:
    assert learn(sample(stable(RANDOM(5), 990, 1)), run_length=1e5) == TooFew(990, 1000)


def test_constant_and_unknown_numbers_are_left_out_and_told() -> None:
    values = stable(RANDOM(6), 5000, 3)
    values[:, 1] = 0.25
    values[RANDOM(7).random(5000) < 0.8, 2] = np.nan
    found = learned(values, 1e5)
    assert list(found.watched) == ["n0"]
    assert found.constant == {"n1": 0.25}
    assert found.unknown == ("n2",)


def test_nothing_to_watch_is_a_reference_without_numbers() -> None:
    found = learned(np.ones((2000, 2)), 1e5)
    assert found.watched == {}
    assert not alarms(Charts(baseline(found)), sample(np.ones((50, 0))))


@pytest.mark.parametrize("share", [0.5, 0.99, 0.9998])
def test_a_number_that_is_nearly_always_the_same_keeps_quiet_and_still_tells_a_change(share: float) -> None:
    random = RANDOM(8)

    def nearly(frames: int) -> np.ndarray:
        return np.where(random.random((frames, 1)) < share, 0.0, random.random((frames, 1)))

    reference = nearly(5000)
    reference[-1] = 0.7  # at least once
    charts = Charts(baseline(learned(reference, 1e5)))
    assert not alarms(charts, sample(nearly(3000)))
    assert alarms(charts, sample(nearly(600) + 0.9))


def test_a_number_with_a_third_of_its_values_missing_is_learned() -> None:
    values = stable(RANDOM(9), 5000, 1, 0.5)
    values[RANDOM(10).random(5000) < 1 / 3] = np.nan
    assert learned(values, 2e4).watched["n0"].cusum == pytest.approx(7.4, rel=0.3)


def test_the_share_of_anomalous_frames_is_never_taken_for_nothing() -> None:
    values = stable(RANDOM(11), 5000, 1)
    rejects = learned(values, 1e5).rejects
    assert rejects is not None
    assert rejects.ratio == 1 / 5000


def test_a_share_is_taken_for_the_most_that_it_may_be() -> None:
    """Ten of 5,000: with 95 % at most 17 (the exact limit of Clopper and Pearson is 16.96)."""
    assert Ratio.of(0.002, 5000).share * 5000 == pytest.approx(16.96, rel=0.02)


def test_anomalous_frames_that_come_in_lots_are_known_to() -> None:
    random = RANDOM(12)
    alone = random.random(10_000) < 0.02
    lots = (random.random(10_000) < 0.5) & np.repeat(random.random(500) < 0.04, 20)
    assert clumped(alone) == 1
    assert clumped(lots) > 4
    of_alone, of_lots = (learned(stable(random, 10_000, 1), 1e5, anomalous=each).rejects for each in (alone, lots))
    assert of_alone is not None
    assert of_lots is not None
    assert of_lots.limit > 2 * of_alone.limit


def test_places_are_shares_of_cells() -> None:
    peak = np.full(2000, -1, dtype=np.int16)
    peak[:1000] = cell(0.99, 0.0)
    peak[1000:1500] = cell(0.0, 1.0)
    places = learned(stable(RANDOM(13), 2000, 1), 1e5, peak=peak).places
    assert places is not None
    assert places.shares[COLUMNS - 1] == pytest.approx(2 / 3, abs=1e-4)
    assert places.shares[COLUMNS * (ROWS - 1)] == pytest.approx(1 / 3, abs=1e-4)
    assert learned(stable(RANDOM(13), 2000, 1), 1e5, peak=np.full(2000, -1, dtype=np.int16)).places is None


def test_the_same_frames_give_the_same_reference() -> None:
    values = stable(RANDOM(14), 5000, 2, 0.5)
    assert learned(values, 1e6) == learned(values, 1e6)


def test_an_embedding_with_dead_directions_is_watched_in_the_others() -> None:
    embedding = stable(RANDOM(15), 3000, 8).astype(np.float32)
    embedding[:, 5] = 1.0
    embedding[:, 6] = embedding[:, 7]
    pooled = learned(stable(RANDOM(16), 3000, 1), 1e5, embedding=embedding).embedding
    assert pooled is not None
    assert len(pooled.whiten) == 6
    assert 10 < pooled.limit < 25
    assert learned(stable(RANDOM(16), 3000, 1), 1e5, embedding=np.ones((3000, 8), np.float32)).embedding is None


def test_frames_without_an_embedding_are_passed_over() -> None:
    embedding = stable(RANDOM(17), 3000, 4).astype(np.float32)
    embedding[RANDOM(18).random(3000) < 0.3] = np.nan
    numbers = stable(RANDOM(19), 3000, 1)
    found = learned(numbers, 1e5, embedding=embedding)
    assert found.embedding is not None
    assert not alarms(Charts(baseline(found)), sample(numbers, embedding=embedding))
    assert learned(numbers, 1e5, embedding=np.full((3000, 4), np.nan, np.float32)).embedding is None


T = np.arange(20_000.0)


@pytest.mark.parametrize(
    "values",
    [
        T,
        T % 2,
        np.sin(T),
        np.sin(T / 3000),
        T > 10_000,
        T == 5,
        1e300 * RANDOM(20).random(20_000),
        1e-300 * RANDOM(20).random(20_000),
        np.tan(np.pi * (RANDOM(20).random(20_000) - 0.5)),
        RANDOM(20).standard_normal(20_000).cumsum(),
        np.where((T // 50) % 2 == 0, np.nan, RANDOM(20).random(20_000)),
        np.where((T // 3000) % 2 == 0, np.nan, RANDOM(20).random(20_000)),
        np.where(T > 30, np.nan, T),
        np.full(20_000, np.nan),
    ],
)
def test_whatever_a_number_does_there_is_a_reference_on_which_it_is_quiet_or_it_is_left_out(values: Doubles) -> None:
    column = values.astype(np.float64)[:, None]
    found = learn(sample(column), run_length=1e7, ewma=("n0",), together=True)
    assert isinstance(found, Learned)
    if found.watched:
        again = Baseline.model_validate_json(baseline(found).model_dump_json())
        assert not alarms(Charts(again), sample(column[-3000:]))
