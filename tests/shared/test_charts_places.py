"""Maps that gather at one spot are told, soon, and as rarely by chance as asked: whatever peaks do usually."""

import numpy as np
import pytest
from chart_streams import alarms, baseline, blocks, learned, sample
from numpy.typing import NDArray

from andon.charts import COLUMNS, PLACES, ROWS, Alarm, Charts, Sample, cell, places
from andon.records.baseline import Baseline, Places
from andon.records.drift import Chart

Cells = NDArray[np.int16]
CELLS = COLUMNS * ROWS
RANDOM = np.random.default_rng
MONTH = 26 * 2_592_000.0
"""Frames between two false alarms of one chart of 26, where they have one a month at a frame a second."""


def uneven(random: np.random.Generator, frames: int) -> Cells:
    """Peaks that lie where they like: in the middle most of all, at the edges hardly ever."""
    row, column = (np.clip(random.normal(6, 2.5, frames), 0, 11).astype(np.int16) for _ in range(2))
    return row * np.int16(COLUMNS) + column


def in_runs(random: np.random.Generator, frames: int) -> Cells:
    """A part is seen four times on average."""
    seen = random.geometric(0.25, frames)
    return np.repeat(uneven(random, frames), seen)[:frames]


def on_two_lanes(random: np.random.Generator, frames: int) -> Cells:
    """Frames of two lanes in turn, parts in runs on each."""
    return np.stack([in_runs(random, frames), in_runs(random, frames)], axis=1).ravel()[:frames]


def of_eight_parts(random: np.random.Generator, frames: int) -> Cells:
    """Parts of eight moulds, each with its own usual place, come in turn; every fifth peak lies anywhere else."""
    usual = RANDOM(3).integers(0, CELLS, 8)
    turn = usual[np.arange(frames) % 8]
    return np.where(random.random(frames) < 0.2, random.integers(0, CELLS, frames), turn).astype(np.int16)


def in_stretches(random: np.random.Generator, frames: int) -> Cells:
    """For some forty frames one corner has more of them, then another."""
    corner = np.repeat(random.choice([13, 22, 121, 130], frames), random.geometric(0.025, frames))[:frames]
    return np.where(random.random(frames) < 0.15, corner, uneven(random, frames)).astype(np.int16)


def reference(peak: Cells, run_length: float) -> Places:
    found = places.learn(peak, run_length)
    assert found is not None
    assert found.limit
    return found


def of(peak: Cells, run_length: float = MONTH) -> Baseline:
    """Nothing but places is watched."""
    record = baseline(learned(RANDOM(1).standard_normal((2000, 1)), 1e9))
    return record.model_copy(
        update={"watched": {}, "rejects": None, "places": places.learn(peak, run_length), "frames": len(peak)}
    )


def seen(peak: Cells) -> Sample:
    return sample(np.zeros((len(peak), 0)), peak=peak)


def first(charts: Charts, peak: Cells) -> tuple[int, Alarm]:
    return next(iter(alarms(charts, seen(peak))))


def dusty(random: np.random.Generator, frames: int, share: float, at: int = 40) -> Cells:
    """From the frame 500 on a `share` of the maps is highest at `at`."""
    dust = (random.random(frames) < share) & (np.arange(frames) >= 500)
    return np.where(dust, at, uneven(random, frames)).astype(np.int16)


@pytest.mark.parametrize("usual", [uneven, in_runs, on_two_lanes, of_eight_parts, in_stretches])
@pytest.mark.parametrize("asked", [2000.0, 20_000.0])
def test_false_alarms_of_places_are_as_rare_as_asked(usual: type, asked: float) -> None:
    told = frames = 0
    for seed in range(4):
        random = RANDOM(seed)
        charts = Charts(of(usual(random, 5000), asked))
        frames += 20_000
        told += len(alarms(charts, seen(usual(random, 20_000))))
    assert frames / asked / max(told, 1) >= 0.5, told


def test_peaks_that_come_in_runs_are_no_spot_only_because_that_is_known() -> None:
    """So the test above can fail."""
    usual = of(in_runs(RANDOM(1), 5000), 20_000)
    assert usual.places is not None
    blind = usual.places.model_copy(update={"clumped": (1.0,) * CELLS})
    stream = blocks(seen(in_runs(RANDOM(2), 20_000)))
    assert share_active(usual, stream) < 0.02
    assert share_active(usual.model_copy(update={"places": blind}), stream) > 0.1


def share_active(usual: Baseline, stream: list[Sample]) -> float:
    """Of the time, in which something is said to sit at one spot."""
    charts = Charts(usual)
    return float(np.mean([any(active for *_, active in charts.statistics()) for _ in map(charts.advance, stream)]))


@pytest.mark.parametrize(("share", "frames"), [(0.5, 60), (0.25, 150)])
def test_dust_is_told_soon_at_the_run_length_of_thirty_days(share: float, frames: int) -> None:
    late = []
    for seed in range(8):
        random = RANDOM(seed)
        at, alarm = first(Charts(of(uneven(random, 5000))), dusty(random, 1500, share))
        assert (alarm.name, alarm.chart, alarm.up) == (PLACES, Chart.PLACES, True)
        late.append(at - 500)
    assert 0 < np.median(late) <= frames


def test_the_alarm_knows_when_it_began() -> None:
    random = RANDOM(5)
    at, alarm = first(Charts(of(uneven(random, 5000))), dusty(random, 1500, 0.3))
    assert at - 500 == pytest.approx(alarm.frames, abs=60)


def test_a_spot_between_two_cells_is_one_spot() -> None:
    random = RANDOM(6)
    stream = dusty(random, 1500, 0.4)
    stream[stream == 40] = random.choice([40, 41, 52, 53], int((stream == 40).sum()))
    assert first(Charts(of(uneven(random, 5000))), stream)[0] <= 600


def test_a_spot_that_is_wiped_away_is_over_and_a_second_one_is_told_again() -> None:
    random = RANDOM(7)
    charts = Charts(of(uneven(random, 5000)))
    twice = np.concatenate([dusty(random, 900, 0.5), uneven(random, 600), dusty(random, 900, 0.5, at=100)])
    told = [
        (10 * at, bool(step.alarms), bool(step.recovered))
        for at, step in enumerate(map(charts.advance, blocks(seen(twice))), 1)
        if step.alarms or step.recovered
    ]
    assert [each[1:] for each in told] == [(True, False), (False, True), (True, False)]
    assert 950 < told[1][0] < 1300


def test_peaks_that_nobody_knows_change_nothing() -> None:
    random = RANDOM(8)
    charts = Charts(of(uneven(random, 5000)))
    alarms(charts, seen(dusty(random, 520, 0.5)))
    before = charts.dump()
    assert not alarms(charts, seen(np.full(500, -1, np.int16)))
    assert not alarms(charts, sample(np.zeros((500, 0))))
    assert charts.dump() == before


def test_places_put_down_and_taken_up_again_tell_the_same() -> None:
    random = RANDOM(9)
    usual, stream = of(uneven(random, 5000)), blocks(seen(dusty(random, 1200, 0.4)))
    through, part = Charts(usual), Charts(usual)
    steps = [through.advance(block) for block in stream]
    for block in stream[:53]:
        part.advance(block)
    assert [Charts.load(usual, part.dump()).advance(stream[53])] == steps[53:54]
    assert any(step.alarms for step in steps)


def test_a_reference_that_tells_nothing_of_places_has_no_such_chart() -> None:
    random = RANDOM(10)
    mostly_unknown = np.where(random.random(5000) < 0.6, -1, uneven(random, 5000)).astype(np.int16)
    one_spot = np.where(random.random(5000) < 0.9, cell(0.5, 0.5), uneven(random, 5000)).astype(np.int16)
    for peak in (mostly_unknown, one_spot):
        found = of(peak)
        assert found.places is not None
        assert found.places.limit is None
        assert not list(Charts(found).statistics())
    assert places.learn(np.full(5000, -1, np.int16), MONTH) is None


def test_a_reference_of_an_older_version_is_watched_without_places() -> None:
    older = Places(columns=COLUMNS, rows=ROWS, shares=(1 / CELLS,) * CELLS)
    assert not list(Charts(of(uneven(RANDOM(11), 2000)).model_copy(update={"places": older})).statistics())


@pytest.mark.parametrize("odd", [{"columns": 8}, {"shares": (1.0,)}, {"clumped": ()}, {"frames": 0}])
def test_places_of_another_grid_are_not_watched(odd: dict[str, object]) -> None:
    usual = of(uneven(RANDOM(12), 2000))
    assert list(Charts(usual).statistics())
    assert usual.places is not None
    other = usual.model_copy(update={"places": usual.places.model_copy(update=odd)})
    assert not alarms(Charts(other), seen(uneven(RANDOM(13), 100)))
    assert not list(Charts(other).statistics())
