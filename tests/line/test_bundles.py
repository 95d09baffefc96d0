"""Which bundle scores what on the whole line: shadows beside the one that serves, and products that take turns."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from andon.records import Notice, Score, Swap, Verdict, read_event
from andon.topics import INCIDENTS, MODELS, NOTICES, SCORES, SHADOW_PREPARED, SHADOW_SCORES

Line = Any  # the fixture of conftest.py


@pytest.fixture
def stream(part: Callable[..., bytes], shots: Callable[..., list[Any]]) -> list[Any]:
    """Twelve parts, brighter and brighter."""
    return shots([part(10 + 20 * number) for number in range(12)])


def in_shadow(line: Line) -> list[Score]:
    return [read_event(Score, record.value) for record in line.kafka.records(SHADOW_SCORES)]


def test_shadows_score_the_same_frames_and_nobody_is_paged_for_it(line: Line, stream: list[Any]) -> None:
    strict, other = line.keep(threshold=60.0), line.keep(threshold=90.0, side=16)
    active = line.assign(threshold=255.0, shadows=[strict, other])
    line.capture(stream)
    line.run("preprocess", "scoring", "shadow-scoring", "alerting")
    assert line.balanced
    assert {(score.bundle, score.verdict) for score in line.scores.values()} == {(active, Verdict.OK)}
    shadows = in_shadow(line)
    assert len(shadows) == 2 * len(stream)
    for digest, threshold in ((strict, 60.0), (other, 90.0)):
        own = {score.frame_id: score for score in shadows if score.bundle == digest}
        assert own.keys() == line.scores.keys()
        assert {score.threshold for score in own.values()} == {threshold}
        assert all((score.verdict is Verdict.ANOMALOUS) == (score.score > threshold) for score in own.values())
    assert line.kafka.records(INCIDENTS) == []


def test_a_shadow_process_that_never_runs_changes_nothing(line: Line, stream: list[Any]) -> None:
    line.assign(shadows=[line.keep(threshold=60.0)])
    line.capture(stream)
    line.run()
    assert line.balanced
    assert len(line.kafka.records(SHADOW_PREPARED)) == len(stream)
    assert in_shadow(line) == []


def test_a_shadow_that_the_store_does_not_hold_is_told_once_and_stops_nobody(line: Line, stream: list[Any]) -> None:
    good = line.keep(threshold=60.0)
    line.assign(shadows=["ab" * 32, good])
    line.capture(stream)
    line.run("preprocess", "scoring", "shadow-scoring")
    line.run("shadow-scoring")
    assert line.balanced
    assert {score.bundle for score in in_shadow(line)} == {good}
    notices = [read_event(Notice, record.value) for record in line.kafka.records(NOTICES)]
    refused = [notice for notice in notices if notice.kind == "shadow_refused"]
    assert {notice.bundle for notice in refused} == {"ab" * 32}
    assert len({notice.notice_id for notice in refused}) == 1


def test_a_station_without_shadows_costs_no_shadow_frames(line: Line, stream: list[Any]) -> None:
    line.assign()
    line.capture(stream)
    line.run("preprocess", "scoring", "shadow-scoring")
    assert line.kafka.records(SHADOW_PREPARED) == []


def test_at_a_changeover_the_products_own_bundle_scores_from_its_first_frame_on(line: Line, stream: list[Any]) -> None:
    """Products that alternate frame by frame, each with its own preparation and threshold."""
    cup = line.assign(station="weld-07", product="cup", threshold=50.0)
    plate = line.assign(station="weld-07", product="plate", threshold=200.0, side=16)
    any_other = line.assign(threshold=255.0)
    products = ["cup", "plate", None, "spoon"]
    shots = [replace(shot, product=products[number % 4]) for number, shot in enumerate(stream)]
    line.capture(shots)
    line.run("preprocess", "scoring")
    scores = sorted(line.scores.values(), key=lambda score: score.seq)
    assert [score.bundle for score in scores] == [cup, plate, any_other, any_other] * 3
    assert [score.product for score in scores] == products * 3
    assert {score.threshold for score in scores if score.product == "plate"} == {200.0}
    swaps = [read_event(Swap, each.value) for each in line.kafka.records(MODELS) if each.key.startswith(b"swapped:")]
    assert {(swap.product, swap.bundle) for swap in swaps} == {("cup", cup), ("plate", plate), (None, any_other)}
    assert len(swaps) == 3  # taking turns is no swap


def test_a_swap_names_the_first_frame_that_the_new_bundle_scores(line: Line, stream: list[Any]) -> None:
    old = line.assign()
    line.capture(stream[:6])
    line.run("preprocess", "scoring")
    new = line.assign(threshold=70.0)
    line.capture(stream[6:], {"weld-07": 6})
    line.run("preprocess", "scoring")
    swaps = [read_event(Swap, each.value) for each in line.kafka.records(MODELS) if each.key.startswith(b"swapped:")]
    assert [(swap.bundle, swap.before) for swap in swaps] == [(old, None), (new, old)]
    by_place = {(score.frame.topic, score.frame.partition, score.frame.offset): score for score in line.scores.values()}
    first = by_place[swaps[1].frame.topic, swaps[1].frame.partition, swaps[1].frame.offset]
    assert (first.seq, first.bundle) == (6, new)
    serves = [read_event(Notice, record.value) for record in line.kafka.records(NOTICES)]
    assert [(notice.kind, notice.bundle) for notice in serves] == [("bundle_serves", old), ("bundle_serves", new)]
    assert len(line.kafka.records(SCORES)) == 12
