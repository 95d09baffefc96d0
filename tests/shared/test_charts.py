"""Charts tell a change of any kind, once, and are the same wherever they were put down and taken up again."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from chart_streams import Doubles, alarms, baseline, blocks, learned, sample, stable

from andon.charts import BASE, Charts, Sample, learn
from andon.charts.learn import Learned
from andon.records.baseline import Baseline
from andon.records.drift import Chart

RANDOM = np.random.default_rng


@pytest.fixture(scope="module")
def whole() -> Baseline:
    """Eleven numbers, an embedding of 32, a few anomalous frames."""
    random = RANDOM(1)
    found = learned(
        stable(random, 5000, 11, 0.4),
        20_000,
        anomalous=random.random(5000) < 0.01,
        embedding=stable(random, 5000, 32).astype(np.float32),
        peak=random.integers(-1, 144, 5000).astype(np.int16),
    )
    return baseline(found)


@pytest.fixture(scope="module")
def one() -> Baseline:
    """One number, independent from frame to frame."""
    return baseline(learned(stable(RANDOM(2), 5000, 1), 20_000))


def drifting(random: np.random.Generator) -> Sample:
    """600 frames as in `whole`, then everything drifts at once, then it is back."""
    moved = np.zeros((3000, 1))
    moved[600:1500] = 1.0
    return sample(
        stable(random, 3000, 11, 0.4) + moved,
        anomalous=random.random(3000) < 0.01 + 0.2 * moved[:, 0],
        embedding=(stable(random, 3000, 32) + 0.5 * moved).astype(np.float32),
        peak=np.where(random.random(3000) < 0.4 * moved[:, 0], 40, random.integers(-1, 144, 3000)).astype(np.int16),
    )


@pytest.mark.parametrize("cut", [1, 37, 61, 88, 150, 210])
def test_charts_put_down_and_taken_up_again_tell_the_same(whole: Baseline, cut: int) -> None:
    stream = blocks(drifting(RANDOM(3)))
    through = Charts(whole)
    steps = [through.advance(block) for block in stream]
    first = Charts(whole)
    for block in stream[:cut]:
        first.advance(block)
    second = Charts.load(whole, first.dump())
    assert [second.advance(block) for block in stream[cut:]] == steps[cut:]
    assert second.dump() == through.dump()
    assert {alarm.chart for step in steps for alarm in step.alarms} == set(Chart)


def test_the_state_of_eleven_numbers_and_an_embedding_is_small(whole: Baseline) -> None:
    charts = Charts(whole)
    alarms(charts, drifting(RANDOM(4)))
    assert len(charts.dump()) < 6000


def test_a_state_of_another_reference_is_not_taken_over(whole: Baseline, one: Baseline) -> None:
    charts = Charts(whole)
    alarms(charts, drifting(RANDOM(4)))
    assert Charts.load(one, charts.dump()).dump() == Charts(one).dump()
    anew = whole.model_copy(update={"run_length": 2.0})
    assert Charts.load(anew, charts.dump()).dump() == Charts(anew).dump()
    assert Charts.load(whole, charts.dump()[:-1]).dump() == Charts(whole).dump()
    assert Charts.load(whole, b"").dump() == Charts(whole).dump()


def test_a_block_of_another_shape_is_refused(one: Baseline) -> None:
    with pytest.raises(ValueError, match="10 frames of 1 numbers"):
        Charts(one).advance(sample(np.zeros((9, 1))))


def test_an_alarm_says_what_moved_which_way_and_when(one: Baseline) -> None:
    stream = stable(RANDOM(5), 1400, 1)
    stream[1000:] -= 1.0
    at, alarm = next((at, alarm) for at, alarm in alarms(Charts(one), sample(stream)) if alarm.chart is Chart.CUSUM)
    assert (alarm.name, alarm.up) == ("n0", False)
    assert alarm.statistic > alarm.limit
    assert abs(at - alarm.frames - 1000) <= 3 * BASE


def test_a_window_chart_says_when_the_first_of_its_windows_began(one: Baseline) -> None:
    stream = stable(RANDOM(5), 2000, 1)
    stream[500:750] *= 2.0
    stream[1000:1250] *= 2.0
    told = [(at, alarm) for at, alarm in alarms(Charts(one), sample(stream)) if alarm.chart is Chart.WASSERSTEIN]
    assert [(at, alarm.frames, alarm.up) for at, alarm in told] == [(1250, 750, None)]


def test_a_chart_alarms_once_until_it_has_recovered_and_then_again(one: Baseline) -> None:
    stream = stable(RANDOM(6), 6000, 1)
    stream[1000:2500] += 1.0
    stream[4000:5500] += 1.0
    charts, told = Charts(one), []
    for block in blocks(sample(stream)):
        step = charts.advance(block)
        told += [(alarm.chart, "alarm") for alarm in step.alarms] + [(chart, "back") for _, chart in step.recovered]
    for chart in (Chart.CUSUM, Chart.EWMA, Chart.WASSERSTEIN):
        assert [what for which, what in told if which is chart] == ["alarm", "back", "alarm"] + ["back"] * (
            told.count((chart, "back")) - 1
        )


def test_a_chart_that_has_recovered_starts_from_zero(one: Baseline) -> None:
    stream = stable(RANDOM(7), 3000, 1)
    stream[200:800] += 2.0
    charts = Charts(one)
    for block in blocks(sample(stream)):
        if ("n0", Chart.CUSUM) in charts.advance(block).recovered:
            told = {chart: (statistic, active) for _, chart, statistic, _, active in charts.statistics()}
            assert told[Chart.CUSUM] == (0.0, False)
            return
    pytest.fail("the CUSUM never recovered")


def test_a_small_step_that_lasts_does_not_end(one: Baseline) -> None:
    stream = stable(RANDOM(8), 6000, 40)
    stream[500:] += 0.5
    names = [f"n{at}" for at in range(40)]
    forty = one.model_copy(update={"watched": dict.fromkeys(names, one.watched["n0"])})
    charts = Charts(forty)
    ended = [
        name
        for block in blocks(sample(stream))
        for name, kind in charts.advance(block).recovered
        if kind is Chart.CUSUM
    ]
    assert len(ended) <= 8


@pytest.mark.parametrize(
    ("change", "chart"),
    [
        (lambda x: x + 1.0, Chart.CUSUM),
        (lambda x: x - 1.0, Chart.CUSUM),
        (lambda x: 2.0 * x, Chart.WASSERSTEIN),
        (lambda x: 0.3 * x, Chart.WASSERSTEIN),
        (lambda x: np.where(x > 0, 1.0, -1.0) + 0.05 * x, Chart.WASSERSTEIN),
    ],
)
def test_each_kind_of_change_has_a_chart_that_tells_it(
    one: Baseline, change: Callable[[Doubles], Doubles], chart: Chart
) -> None:
    stream = stable(RANDOM(9), 2000, 1)
    assert not alarms(Charts(one), sample(stream))
    stream[1000:] = change(stream[1000:])
    assert chart in {alarm.chart for _, alarm in alarms(Charts(one), sample(stream))}


def test_values_that_are_missing_are_no_change(one: Baseline) -> None:
    stream = stable(RANDOM(9), 2000, 1)
    stream[RANDOM(1).random(2000) < 0.4] = np.nan
    assert not alarms(Charts(one), sample(stream))


def test_a_block_of_which_less_than_half_is_known_is_passed_over(one: Baseline) -> None:
    charts = Charts(one)
    wild = np.full((BASE, 1), np.nan)
    wild[:4] = 9.0
    charts.advance(sample(wild))
    assert next(charts.statistics())[2] == 0
    wild[:5] = 9.0
    charts.advance(sample(wild))
    assert next(charts.statistics())[2] > 0


def test_numbers_together_tell_what_no_single_one_would() -> None:
    random = RANDOM(10)
    common = stable(random, 5000, 1) @ np.ones((1, 6))
    found = learn(sample(common + 0.2 * stable(random, 5000, 6)), run_length=1e6, together=True)
    assert isinstance(found, Learned)
    signs = np.array([1, -1, 1, -1, 1, -1])
    stream = stable(random, 1000, 1) @ np.ones((1, 6)) + 0.2 * stable(random, 1000, 6) + 0.12 * signs
    told = alarms(Charts(baseline(found)), sample(stream))
    assert {alarm.name for _, alarm in told} == {"together"}


def test_an_embedding_that_moved_is_told(whole: Baseline) -> None:
    random = RANDOM(11)
    moved = (stable(random, 1500, 32) + 0.15).astype(np.float32)
    told = alarms(Charts(whole), sample(stable(random, 1500, 11, 0.4), embedding=moved))
    assert {alarm.name for _, alarm in told} == {"embedding"}


def test_a_share_of_anomalous_frames_that_doubled_is_told(whole: Baseline) -> None:
    random = RANDOM(12)
    numbers = stable(random, 3000, 11, 0.4)
    calm, more = random.random(3000) < 0.01, random.random(3000) < 0.04
    assert "rejects" not in {alarm.name for _, alarm in alarms(Charts(whole), sample(numbers, anomalous=calm))}
    at, alarm = next(
        (at, alarm) for at, alarm in alarms(Charts(whole), sample(numbers, anomalous=more)) if alarm.name == "rejects"
    )
    assert alarm.chart is Chart.BERNOULLI
    assert alarm.up
    assert alarm.frames <= at


def test_statistic_and_limit_of_every_chart_can_be_read(whole: Baseline) -> None:
    told = [(name, chart) for name, chart, *_ in Charts(whole).statistics()]
    numbers = list(whole.watched)
    kinds = (Chart.CUSUM, Chart.EWMA, Chart.WASSERSTEIN)
    wanted = [(name, chart) for chart in kinds for name in numbers]
    assert told == [*wanted, ("embedding", Chart.HOTELLING), ("rejects", Chart.BERNOULLI), ("places", Chart.PLACES)]


def test_the_mean_of_the_last_frames_is_in_normal_scores(one: Baseline) -> None:
    charts = Charts(one)
    alarms(charts, sample(3.0 + 0 * stable(RANDOM(0), 50, 1)))
    assert charts.means()["n0"] == pytest.approx(3.0, abs=0.5)


def test_a_base_block_takes_far_less_than_fifty_microseconds_a_number_a_frame(whole: Baseline) -> None:
    charts, stream = Charts(whole), blocks(drifting(RANDOM(13)))
    spent = []
    for block in stream:
        started = time.perf_counter()
        charts.advance(block)
        spent.append(time.perf_counter() - started)
    assert float(np.median(spent)) / (BASE * 11) < 50e-6
