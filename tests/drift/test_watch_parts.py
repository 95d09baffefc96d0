"""The parts of watching: numbers and what matters of them, how frames are collected, who may share the stations."""

import math
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from drift_service import MemoryMemory
from drift_stream import START, THRESHOLD, frames
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.charts import BASE
from andon.framing import BINS, Template, find_all
from andon.health import ImageHealth
from andon.records import Score, Verdict
from andon_drift.limits import Limits
from andon_drift.look import find_shifts
from andon_drift.numbers import FEATURES, NAMES, Scale, least_of, numbers
from andon_drift.remember import Saving
from andon_drift.watch.collecting import Collected, Enough, Halve, collect, room_for, unpack
from andon_drift.watch.recent import Recent
from andon_drift.watch.rows import Block, Row, block_of

PLACE = None, "b" * 64


def rows(count: int, width: int = 3, first: int = 0, period_s: float = 1.0) -> list[Row]:
    """Numbers that count up."""
    return [
        Row(
            START + timedelta(seconds=at * period_s),
            tuple(float(at + by) for by in range(width)),
            at % 7 == 0,
            None,
            at % 144,
        )
        for at in range(first, first + count)
    ]


def blocks(count: int, first: int = 0, period_s: float = 1.0) -> list[Block]:
    return [
        block_of(rows(BASE, first=BASE * at, period_s=period_s), ("a", "b", "c")) for at in range(first, first + count)
    ]


# Numbers


def test_a_frame_has_its_health_its_shift_and_its_raw_score() -> None:
    (score,) = frames(1)
    assert score.health is not None
    row = dict(zip(NAMES, numbers(score, score.health, 2.5, math.nan), strict=True))
    assert {name: row[name] for name in ImageHealth.model_fields} == score.health.model_dump()
    assert (row["right"], row["score"]) == (2.5, score.score)
    assert math.isnan(row["down"])


@pytest.mark.parametrize("verdict", [Verdict.ANOMALOUS, Verdict.UNSCORABLE])
def test_only_the_score_of_a_good_frame_counts(verdict: Verdict) -> None:
    (score,) = frames(1)
    assert score.health is not None
    judged = score.model_copy(update={"verdict": verdict})
    assert math.isnan(numbers(judged, score.health, 0.0, 0.0)[-1])


def test_every_number_has_a_least_change_that_matters_and_says_why() -> None:
    assert all(feature.why for feature in FEATURES.values())
    assert all(least_of(name, 0.5, Scale(640, 480, THRESHOLD)) > 0 for name in NAMES)


def test_a_shift_matters_from_a_pixel_on_in_a_large_picture_from_more() -> None:
    assert least_of("right", 0, Scale(200, 100)) == 1
    assert least_of("right", 0, Scale(2000, 1000)) == pytest.approx(6)
    assert least_of("down", 0, Scale(2000, 1000)) == pytest.approx(3)


def test_a_score_matters_by_its_threshold_where_there_is_one() -> None:
    assert least_of("score", 0.5, Scale(threshold=10.0)) == pytest.approx(0.2)
    assert least_of("score", 0.5, Scale()) == pytest.approx(0.025)


def test_shifts_of_many_pictures_are_those_of_each(limits: Limits, score: Callable[..., Score]) -> None:
    pictures = [(score(letter, at), limits) for at, letter in enumerate("olrool")]
    blind = score("l", 9).model_copy(update={"framing": None})
    found = find_shifts([*pictures, (blind, limits)])
    assert found[:-1] == [find_shifts([each])[0] for each in pictures]
    assert found[1].pixels[0] == pytest.approx(-40, abs=1)
    assert all(math.isnan(each) for each in found[-1].pixels)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), by=st.integers(-12, 12))
def test_a_profile_is_found_where_it_was_moved_to(seed: int, by: int) -> None:
    profile = np.random.default_rng(seed).integers(0, 256, 2 * BINS).astype(np.float64)
    profile = np.convolve(profile, np.ones(5) / 5, "same")
    usual, moved = profile[BINS // 2 : BINS // 2 + BINS], profile[BINS // 2 - by : BINS // 2 - by + BINS]
    template = Template(usual)
    (shift,), (fit,) = find_all([template], moved[np.newaxis].astype(np.uint8))
    assert shift == pytest.approx(by / BINS, abs=0.6 / BINS)
    assert fit > 0.9
    assert template.find(moved.astype(np.uint8)) == (shift, fit)


# Collecting


def collected_of(count: int, frames_wanted: int = 400) -> tuple[Collected, MemoryMemory]:
    """`count` blocks taken in, and the memory that keeps their series."""
    collected, memory = Collected.empty(Enough(frames_wanted, 0)), MemoryMemory()
    for block in blocks(count):
        memory.save(Saving({("weld-07", PLACE): collect(collected, block)}))
    return collected, memory


def test_what_is_collected_comes_back_as_it_was() -> None:
    collected, memory = collected_of(30)
    sample, missing = unpack(memory.series("weld-07", PLACE, 1), ("a", "b", "c"), collected)
    assert missing == 0
    whole = rows(300)
    np.testing.assert_allclose(sample.values, [row.values for row in whole], atol=0.2)
    assert sample.anomalous.tolist() == [row.anomalous for row in whole]
    assert sample.peak is not None
    assert sample.peak.tolist() == [row.peak for row in whole]
    assert collected.anomalous == sum(row.anomalous for row in whole)


def test_when_the_series_is_full_every_second_block_stays() -> None:
    collected, memory = collected_of(room_for(400) + 5)
    assert collected.stride == 2
    sample, missing = unpack(memory.series("weld-07", PLACE, 2), ("a", "b", "c"), collected)
    assert missing == 0
    assert sample.values[::BASE, 0].tolist() == pytest.approx([20.0 * at for at in range(len(sample) // BASE)], abs=0.5)
    assert collected.kept * BASE == len(sample)


def test_thinning_twice_after_a_crash_gives_the_same_series() -> None:
    """The older series is kept for a while, and its state may be the one that is remembered."""
    collected, memory = collected_of(room_for(400))
    before = memory.series("weld-07", PLACE, 2)
    size = len(before) // collected.kept
    memory.save(Saving({("weld-07", PLACE): [Halve(1, room_for(400), size)]}))
    assert memory.series("weld-07", PLACE, 2) == before


def test_a_series_with_holes_says_how_many() -> None:
    collected, memory = collected_of(30)
    whole = bytearray(memory.series("weld-07", PLACE, 1))
    size = len(whole) // 30
    whole[4 * size : 6 * size] = bytes(2 * size)
    assert unpack(bytes(whole), ("a", "b", "c"), collected)[1] == 2
    assert unpack(b"", ("a", "b", "c"), collected)[1] == 30


def test_numbers_that_nobody_knows_at_first_are_kept_from_when_they_are_known() -> None:
    collected, memory = Collected.empty(Enough(100, 0)), MemoryMemory()
    for at, block in enumerate(blocks(4)):
        if at < 2:
            block.sample.values[:, 1] = np.nan
        memory.save(Saving({("weld-07", PLACE): collect(collected, block)}))
    sample, _ = unpack(memory.series("weld-07", PLACE, 1), ("a", "b", "c"), collected)
    assert np.isnan(sample.values[:20, 1]).all()
    assert sample.values[20:, 1].tolist() == pytest.approx(range(21, 41), abs=0.1)


def test_a_station_that_stands_still_gathers_no_time() -> None:
    collected = Collected.empty(Enough())
    for block in blocks(2):
        collect(collected, block)
    pause = [row._replace(at=row.at + timedelta(hours=5)) for row in rows(5, first=25)]
    collect(collected, block_of([*rows(5, first=20), *pause], ("a", "b", "c")))
    assert collected.seconds == pytest.approx(30, abs=2)


@pytest.mark.parametrize("kept", [0, 3, 40, 300])
def test_the_last_blocks_are_remembered_as_they_were(kept: int) -> None:
    recent = Recent(3)
    for block in blocks(kept):
        recent.add(block, watched=True)
    again = Recent.load(3, recent.dump())
    for name in ("times", "rejects", "means", "peaks"):
        np.testing.assert_array_equal(getattr(again, name), getattr(recent, name))
    assert (again.seen, again.watched) == (recent.seen, recent.watched)


def test_where_maps_were_highest_is_told_of_as_many_frames_as_are_asked_for() -> None:
    recent = Recent(3)
    for block in blocks(50):
        recent.add(block, watched=True)
    (all_of, known), (_, few) = recent.shares(144), recent.shares(144, 60)
    assert (known, few) == (200, 60)
    assert sum(all_of) == pytest.approx(1)


def test_the_onset_of_a_change_is_told_by_the_frames_since() -> None:
    recent = Recent(3)
    for block in blocks(50):
        recent.add(block, watched=True)
    assert recent.since(0, 1.0) == START + timedelta(seconds=499)
    assert recent.since(120, 1.0) == START + timedelta(seconds=379)
    assert recent.since(700, 1.0) == START + timedelta(seconds=9 - 210), "beyond what is remembered it is estimated"
