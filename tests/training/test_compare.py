"""An active bundle and its shadow over the same frames. Needs no Kafka."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from andon.errors import Mistake
from andon.ids import frame_id, sha256_hex
from andon.records import Frame, FramePlace, Region, Score, Verdict, frame_headers, write_event
from andon.stage import Record
from andon.store import BlobStore, BundleStore
from andon.testing.models import proven_bundle
from andon.topics import FRAMES, SCORES, SHADOW_SCORES
from andon_training.progress import silent
from andon_training.replay.answers import Answers
from andon_training.replay.compare import Comparison, compared, no_shadow
from andon_training.replay.compare_page import page
from andon_training.replay.compare_words import next_command, record, said, warnings
from andon_training.replay.gallery import Viewer
from andon_training.replay.pages_saved import Pages, pages
from andon_training.replay.span import Span
from andon_training.replay.table import ScoreTable

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SPAN = Span(NOW - timedelta(hours=24), NOW)
ACTIVE, SHADOW, OTHER = "4b" * 32, "77" * 32, "7a" * 32


def score(seq: int, value: float, bundle: str) -> Score:
    return Score(
        frame_id=frame_id("weld-07", 7, seq),
        station="weld-07",
        epoch=7,
        seq=seq,
        captured_at=NOW + timedelta(minutes=seq),
        scored_at=NOW,
        verdict=Verdict.ANOMALOUS if value > 128 else Verdict.OK,
        score=value,
        threshold=128.0,
        bundle=bundle,
        regions=(Region(x=1, y=1, width=2, height=2, peak=value),) if value > 128 else (),
        width=8,
        height=8,
        frame=FramePlace(topic=FRAMES, partition=0, offset=seq),
    )


def records(topic: str, values: list[float], bundle: str) -> list[Record]:
    made = [write_event(score(seq, value, bundle)) for seq, value in enumerate(values)]
    return [Record(topic, 0, seq, b"weld-07", value) for seq, value in enumerate(made)]


def comparison(active: list[float], shadow: list[float], asked: str | None = None) -> Comparison:
    first = ScoreTable("weld-07").read(records(SCORES, active, ACTIVE))
    second = ScoreTable("weld-07").read(records(SHADOW_SCORES, shadow, SHADOW))
    return compared("weld-07", SPAN, first, second, asked, {ACTIVE: 0.01, SHADOW: 0.5}.get, Answers({}))


def test_who_alone_calls_what_is_said_with_its_interval() -> None:
    found = comparison([10, 200, 200, 10, 10], [10, 10, 200, 200])
    sentences = list(said(found))
    assert sentences[0].startswith("They agree on 2 of 4 frames. Only the active bundle calls 1 of 4 (25.0")
    assert "The shadow bundle calls 2 of 4" in sentences[2]
    assert "within its budget of 50.0" in sentences[2]
    assert list(warnings(found)) == ["1 frames were scored by the active bundle alone."]


def test_the_record_holds_what_was_said() -> None:
    told = record(comparison([10, 200, 200, 10], [10, 10, 200, 200]))
    assert (told["compared"], told["flips"], told["only_active"], told["only_shadow"]) == (4, 2, 1, 1)
    assert told["budgets"] == {ACTIVE: 0.01, SHADOW: 0.5}
    assert told["next"] == f"andon promote weld-07 {SHADOW[:12]}"


def test_a_shadow_is_chosen_by_the_beginning_of_its_digest() -> None:
    assert comparison([1.0], [1.0], "77").shadow == SHADOW
    with pytest.raises(Mistake, match="is no shadow that scored this station in that time; there are: 777777777777"):
        comparison([1.0], [1.0], "aa")


def test_the_shadow_that_scored_last_is_looked_at_unless_another_is_asked_for() -> None:
    both = ScoreTable("weld-07").read([*records(SHADOW_SCORES, [1.0], SHADOW), *records(SHADOW_SCORES, [2.0], OTHER)])
    active = ScoreTable("weld-07").read(records(SCORES, [1.0], ACTIVE))
    found = compared("weld-07", SPAN, active, both, None, lambda _: None, Answers({}))
    assert found.shadow == OTHER
    assert any("there are others: 777777777777" in each for each in warnings(found))
    with pytest.raises(Mistake, match="more than one shadow"):
        compared("weld-07", SPAN, active, both, "7", lambda _: None, Answers({}))


def test_shadows_of_other_frames_are_no_comparison() -> None:
    with pytest.raises(Mistake, match="none is the same"):
        comparison([], [1.0, 2.0])


def test_without_shadow_scores_the_way_to_some_is_told() -> None:
    assert "andon shadow weld-07 BUNDLE" in no_shadow("weld-07", SPAN, (), 12)
    assert "andon shadow-scoring" in no_shadow("weld-07", SPAN, (SHADOW,), 12)


def test_calls_close_together_are_one_page() -> None:
    captured = np.array([0.0, 60, 120, 2000, 2060, 9000])
    first = np.array([True, True, False, True, False, False])
    second = np.array([False, True, False, False, False, True])
    assert pages(captured, first, second) == Pages(first=2, not_needed=1, new=1)
    nobody = np.zeros(6, bool)
    assert pages(captured, nobody, nobody) == Pages(0, 0, 0)


def test_the_page_shows_the_frame_and_what_both_saw(tmp_path: Path) -> None:
    bundles = BundleStore(str(tmp_path))
    shadow = proven_bundle()
    bundles.put(shadow)
    image = cv2.imencode(".png", np.full((8, 8), 150, np.uint8))[1].tobytes()
    frame = Frame("weld-07", 7, 1, frame_id("weld-07", 7, 1), NOW, sha256=sha256_hex(image))
    kept = {
        (FRAMES, 0, 1): Record(FRAMES, 0, 1, b"weld-07", image, frame_headers(frame)),
        (SCORES, 0, 1): records(SCORES, [10, 200], ACTIVE)[1],
    }
    active = ScoreTable("weld-07").read(records(SCORES, [10, 200, 200], ACTIVE))
    other = ScoreTable("weld-07").read(records(SHADOW_SCORES, [10, 10, 10], shadow.digest))
    found = compared("weld-07", SPAN, active, other, None, lambda _: None, Answers({}))
    viewer = Viewer(lambda *place: kept.get(place), BlobStore(str(tmp_path)), bundles)
    gallery = page(found, viewer, silent).galleries[0]
    by_name = {row.name: row.pictures for row in gallery.rows}
    shown = by_name[str(frame.frame_id)]
    assert [each.told for each in shown] == ["frame", "active: where it found something", "shadow"]
    assert all(each.uri for each in shown)
    (gone,) = by_name[str(frame_id("weld-07", 7, 2))]
    assert (gone.uri, gone.told) == (None, "missing_data: Kafka no longer holds camera.frames[0]@2")


def test_the_next_command_promotes_what_was_compared() -> None:
    assert next_command(comparison([1.0], [1.0])) == f"andon promote weld-07 {SHADOW[:12]}"
