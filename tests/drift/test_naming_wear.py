"""A tool that wears: scores creep up for hours while every part still passes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from andon.baselines import Known
from andon.charts import Sample, TooFew, learn
from andon.ids import frame_id
from andon.records import Baseline, DriftCause, Evidence, Finding, FramePlace
from andon_drift.numbers import NAMES, Scale
from andon_drift.watch.place import Watched
from andon_drift.watch.rows import Row
from andon_drift.watch.rules import Rules
from andon_drift.watch.telling import FrameTeller
from andon_drift.watch.watcher import Watcher

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
PLACE = FramePlace(topic="camera.frames", partition=0, offset=0)
STATION, BUNDLE = "mill-3", "b" * 64
MEANS = np.array([0.4, 0.2, 0.001, 0.01, 5.0, 0.006, 1.1, 0.9, 0.0, 0.0, 0.22])
SPREADS = np.array([0.004, 0.003, 0.0002, 0.001, 0.05, 0.0002, 0.004, 0.004, 0.3, 0.3, 0.02])
THRESHOLD = 0.40
SCALE = Scale(1280, 1024, THRESHOLD)
USUAL, RUN_LENGTH = 5000, 6e7


def frames(seed: int, count: int, wear: float = 0.0) -> NDArray[np.float64]:
    """Numbers of pictures that do not change, and a score that rises by `wear` a frame."""
    values = np.random.default_rng(seed).normal(MEANS, SPREADS, (count, len(NAMES)))
    values[:, -1] += wear * np.arange(count)
    return values


@pytest.fixture(scope="module")
def usual() -> Baseline:
    found = learn(Sample(frames(1, USUAL), NAMES, np.zeros(USUAL, np.bool_)), run_length=RUN_LENGTH)
    assert not isinstance(found, TooFew)
    return Baseline(
        station=STATION,
        bundle=BUNDLE,
        since=START - timedelta(days=1),
        until=START,
        frames=USUAL,
        period_s=1.0,
        run_length=RUN_LENGTH,
        tickets=1.0,
        watched=found.watched,
    )


def told(usual: Baseline, values: NDArray[np.float64]) -> Iterator[tuple[int, Finding]]:
    """Every finding, and at which frame."""
    watcher, watched = Watcher(Rules(), lambda *_: Known(usual), FrameTeller(Rules())), Watched()
    for seq, row in enumerate(values):
        at = START + timedelta(seconds=seq)
        shown = Evidence(frame_id=frame_id(STATION, 1, seq), frame=PLACE, captured_at=at)
        place = watcher.place(watched, None, BUNDLE, NAMES)
        for each in watcher.take(STATION, watched, place, Row(at, tuple(row.tolist())), shown, SCALE):
            yield seq, each.finding


def test_wear_is_told_with_its_pace_before_any_part_is_called(usual: Baseline) -> None:
    wear = 1e-6  # a frame: the mean meets the threshold after two days
    values = frames(2, 12_000, wear)
    seq, finding = next(told(usual, values))
    assert finding.drift is not None
    assert finding.drift.named is DriftCause.PROCESS
    assert values[:seq, -1].max() < THRESHOLD
    assert "the parts changed. At this pace the threshold is reached in about " in finding.sentence
    number, unit = finding.sentence.removesuffix(".").rsplit("about ", 1)[1].split()
    seconds = float(number) * {"min": 60, "h": 3600, "days": 86_400}[unit]
    assert seconds == pytest.approx((THRESHOLD - 0.22 - wear * seq) / wear, rel=0.4)


def test_scores_that_stepped_up_and_stay_are_told_without_a_pace(usual: Baseline) -> None:
    values = frames(3, 3000)
    values[1000:, -1] += 0.03
    seq, finding = next(told(usual, values))
    assert 1000 <= seq < 1200
    assert finding.drift is not None
    assert finding.drift.named is DriftCause.PROCESS
    assert "At this pace" not in finding.sentence


def test_pictures_before_and_after_the_change_go_with_it(usual: Baseline) -> None:
    values = frames(4, 3000)
    values[2000:, -1] += 0.03
    _, finding = next(told(usual, values))
    drift = finding.drift
    assert drift is not None
    shown = {each.frame_id: each.captured_at for each in finding.evidence}
    assert drift.before is not None
    assert drift.after is not None
    assert shown[drift.before] < drift.since < shown[drift.after]


def test_parts_that_do_not_wear_are_not_told(usual: Baseline) -> None:
    assert list(told(usual, frames(5, 6000))) == []
