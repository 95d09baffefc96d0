"""Charts alarm falsely as rarely as asked, and soon when something changed: the gates of driftbench, small."""

from collections.abc import Callable

import numpy as np
import pytest
from chart_streams import Doubles, alarms, baseline, delays, learned, of_four_kinds, sample, stable

from andon.charts import Charts, TooFew, learn
from andon.charts.bernoulli import Ratio, limit
from andon.charts.run_length import RunLength, cusum, normal
from andon.charts.uncertainty import restless
from andon.charts.windows import TwoOfThree
from andon.charts.windows import alarms as of_two_in_three
from andon.records.baseline import Baseline
from andon.records.drift import Chart

NUMBERS = 24
KINDS = (Chart.CUSUM, Chart.EWMA, Chart.WASSERSTEIN)


def reference(correlation: float, run_length: float, seed: int = 0, frames: int = 5000) -> Baseline:
    values = of_four_kinds(stable(np.random.default_rng(seed), frames, NUMBERS, correlation))
    found = learn(sample(values), run_length=run_length, ewma=[f"n{at}" for at in range(NUMBERS)])
    return reference(correlation, run_length, seed, found.wanted) if isinstance(found, TooFew) else baseline(found)


@pytest.fixture(scope="module")
def halfway() -> Baseline:
    """Autocorrelation 0.5, one false alarm in 20,000 frames of each chart."""
    return reference(0.5, 20_000)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_false_alarms_are_as_rare_as_asked_at_every_autocorrelation(correlation: float) -> None:
    asked, frames = 4000, 8000
    charts = Charts(reference(correlation, asked))
    stream = of_four_kinds(stable(np.random.default_rng(1), frames, NUMBERS, correlation))
    told = [alarm.chart for _, alarm in alarms(charts, sample(stream))]
    achieved = {chart: frames * NUMBERS / asked / max(told.count(chart), 1) for chart in KINDS}
    assert all(0.5 <= ratio <= 3 for ratio in achieved.values()), achieved


def mostly_zero(random: np.random.Generator, frames: int) -> Doubles:
    return np.maximum(stable(random, frames, NUMBERS, 0.5) - 1, 0)


def hardly_ever(random: np.random.Generator, frames: int) -> Doubles:
    return np.maximum(stable(random, frames, NUMBERS, 0.3) - 2.3, 0)


def restless_noise(random: np.random.Generator, frames: int) -> Doubles:
    return np.exp(0.5 * stable(random, frames, NUMBERS, 0.98)) * random.standard_normal((frames, NUMBERS))


@pytest.mark.parametrize("odd", [mostly_zero, hardly_ever, restless_noise])
def test_false_alarms_are_as_rare_as_asked_of_numbers_that_are_not_at_all_normal(
    odd: Callable[[np.random.Generator, int], Doubles],
) -> None:
    asked, frames = 20_000, 12_000
    random = np.random.default_rng(12)
    charts = Charts(baseline(learned(odd(random, 5000), asked)))
    told = [alarm.chart for _, alarm in alarms(charts, sample(odd(random, frames)))]
    achieved = {chart: frames * NUMBERS / asked / max(told.count(chart), 1) for chart in KINDS}
    assert all(0.5 <= ratio < 10 for ratio in achieved.values()), achieved


def test_a_spread_that_wanders_is_known_to() -> None:
    random = np.random.default_rng(13)
    assert restless(random.standard_normal(500)) == 0
    assert restless(random.standard_normal(500) * np.repeat([0.6, 1.4], 250)) > 0.02


def test_values_that_are_missing_raise_no_more_false_alarms() -> None:
    asked, frames = 4000, 8000
    charts = Charts(reference(0.0, asked))
    stream = stable(np.random.default_rng(10), frames, NUMBERS)
    stream[np.random.default_rng(11).random(stream.shape) < 1 / 3] = np.nan
    told = [alarm.chart for _, alarm in alarms(charts, sample(of_four_kinds(stream)))]
    achieved = {chart: frames * NUMBERS / asked / max(told.count(chart), 1) for chart in KINDS}
    assert all(ratio >= 0.5 for ratio in achieved.values()), achieved


def test_half_a_standard_deviation_is_found_within_150_frames(halfway: Baseline) -> None:
    stream = of_four_kinds(stable(np.random.default_rng(2), 1500, NUMBERS, 0.5))
    spread = np.array([one.sd for one in halfway.watched.values()])
    stream[1000:] += 0.5 * spread
    assert np.median(delays(Charts(halfway), sample(stream), Chart.CUSUM, 1000)) <= 150


def test_a_spread_half_as_wide_again_is_found_within_1000_frames(halfway: Baseline) -> None:
    stream = of_four_kinds(stable(np.random.default_rng(3), 3000, NUMBERS, 0.5))
    mean = np.array([one.mean for one in halfway.watched.values()])
    stream[1000:] = mean + 1.5 * (stream[1000:] - mean)
    assert np.median(delays(Charts(halfway), sample(stream), Chart.WASSERSTEIN, 1000)) <= 1000


def test_the_ewma_finds_a_slow_trend_before_the_cusum(halfway: Baseline) -> None:
    stream = stable(np.random.default_rng(4), 6000, NUMBERS, 0.5)
    spread = np.array([one.sd for one in halfway.watched.values()])
    stream = of_four_kinds(stream) + 0.5 * spread * np.clip(np.arange(-1000, 5000)[:, None] / 5000, 0, 1)
    found = {chart: np.median(delays(Charts(halfway), sample(stream), chart, 1000)) for chart in KINDS}
    assert found[Chart.EWMA] < found[Chart.CUSUM]


def test_wild_values_in_the_reference_hide_nothing() -> None:
    random = np.random.default_rng(5)
    values = stable(random, 5000, 8)
    values[random.random(values.shape) < 0.01] = 50.0
    stream = stable(random, 1500, 8)
    stream[1000:] += 0.5
    charts = Charts(baseline(learned(values, 20_000)))
    assert np.median(delays(charts, sample(stream), Chart.CUSUM, 1000)) <= 120


def test_limits_stay_sane_at_the_run_length_of_thirty_days() -> None:
    found = learned(stable(np.random.default_rng(6), 28_800, 6, 0.5), 1e7)
    for one in found.watched.values():
        assert 9 < one.cusum < 17
        assert one.wasserstein is not None
        assert 0.15 < one.wasserstein < 0.6
        assert one.ewma is not None


def test_a_rough_reference_gets_wider_limits_than_a_good_one() -> None:
    few = learned(stable(np.random.default_rng(7), 5000, 4, 0.5), 1e6).watched.values()
    many = learned(stable(np.random.default_rng(7), 40_000, 4, 0.5), 1e6).watched.values()
    assert np.mean([one.cusum for one in few]) > 1.03 * np.mean([one.cusum for one in many])


def test_a_short_reference_is_itself_as_rough_as_a_window() -> None:
    short, long = (learned(stable(np.random.default_rng(1), frames, 6), 1e5) for frames in (1300, 40_000))
    found = [np.mean([one.wasserstein for one in each.watched.values()]) for each in (short, long)]
    assert found[0] > 1.2 * found[1]


def test_the_run_length_of_a_cusum_is_the_textbooks() -> None:
    """One side of k = 0.5: 938 at h = 5, 335.4 at h = 4 (Montgomery; Hawkins and Olwell)."""
    assert cusum(normal, 5, 0.5) == pytest.approx(938, rel=0.01)
    assert cusum(normal, 4, 0.5) == pytest.approx(335.4, rel=0.01)
    between = RunLength(normal).log(np.array([4.4, 5.0]), np.array([0.5, 0.37]))
    assert np.exp(between) == pytest.approx([cusum(normal, 4.4, 0.5), cusum(normal, 5, 0.37)], rel=0.02)


def test_two_windows_in_three_alarm_as_often_as_computed() -> None:
    random, share, windows = np.random.default_rng(8), 0.1, 3000
    rule, limit, there = TwoOfThree.new(40), np.full(40, 0.5), np.ones(40, dtype=np.bool_)
    alarmed = 0
    for _ in range(windows):
        rang, _ended = rule.advance((random.random(40) < share) * 1.0, limit, there)
        alarmed += int(rang.sum())
        rule.before[rang] = rule.earlier[rang] = rule.alarmed[rang] = 0
    assert alarmed / (40 * windows) == pytest.approx(float(of_two_in_three(np.array(share))), rel=0.1)


def test_anomalous_frames_alarm_falsely_as_rarely_as_asked() -> None:
    """The mean of exponential run lengths, over 200 of them, is within a fifth."""
    ratio = Ratio.of(0.02, 10**9)
    height = limit(ratio, 5000)
    random, lengths = np.random.default_rng(9), []
    gaps = random.geometric(ratio.share, 10**5).tolist()
    total = frames = 0.0
    for gap in gaps:
        frames += gap
        total = max(total + ratio.good * (gap - 1), 0.0) + ratio.bad
        if total > height:
            lengths.append(frames)
            total = frames = 0.0
    assert np.mean(lengths) == pytest.approx(5000, rel=0.2)
    assert len(lengths) > 200
