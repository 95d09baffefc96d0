"""An active bundle and its shadow over the same frames. Needs no Kafka."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from andon.assignments import Assignments
from andon.comparing.table import ScoreTable
from andon.errors import Mistake
from andon.ids import frame_id, sha256_hex
from andon.records import Assignment, Frame, FramePlace, Past, Region, Score, Verdict, frame_headers, write_event
from andon.stage import Record
from andon.store import BlobStore, BundleStore
from andon.testing.models import proven_bundle
from andon.topics import FRAMES, MODELS, SCORES, SHADOW_SCORES
from andon_training.progress import silent
from andon_training.replay.alone import alone, why
from andon_training.replay.answers import Answers
from andon_training.replay.compare import Comparison, compared
from andon_training.replay.compare_page import page
from andon_training.replay.compare_words import heading, next_command, record, said, warnings
from andon_training.replay.gallery import Viewer
from andon_training.replay.pages_saved import Pages, pages
from andon_training.replay.span import Span
from andon_training.replay.standing import Heard, assigned_to

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
SPAN = Span(NOW - timedelta(hours=24), NOW)
ACTIVE, SHADOW, OTHER = "4b" * 32, "77" * 32, "7a" * 32


def score(seq: int, value: float | None, bundle: str) -> Score:
    anomalous = value is not None and value > 128
    return Score(
        frame_id=frame_id("weld-07", 7, seq),
        station="weld-07",
        epoch=7,
        seq=seq,
        captured_at=NOW + timedelta(minutes=seq),
        scored_at=NOW,
        verdict=Verdict.UNSCORABLE if value is None else Verdict.ANOMALOUS if anomalous else Verdict.OK,
        reason="no_bundle" if value is None else None,
        score=value,
        threshold=None if value is None else 128.0,
        bundle=None if value is None else bundle,
        regions=(Region(x=1, y=1, width=2, height=2, peak=value),) if value is not None and anomalous else (),
        width=8,
        height=8,
        frame=FramePlace(topic=FRAMES, partition=0, offset=seq),
    )


def records(topic: str, values: Sequence[float | None], bundle: str, first: int = 0) -> list[Record]:
    made = [write_event(score(seq, value, bundle)) for seq, value in enumerate(values, first)]
    return [Record(topic, 0, seq, b"weld-07", value) for seq, value in enumerate(made, first)]


def heard(live: list[Record], shadows: list[Record]) -> Heard:
    table = ScoreTable("weld-07").read(live)
    return Heard(table, len(table)) if not shadows else Heard(table.read(shadows), len(live))


def assignment(bundle: str, *shadows: str, station: str = "weld-07", product: str | None = None) -> Assignment:
    return Assignment(station=station, product=product, bundle=bundle, shadows=shadows, at=NOW)


def look(said: Heard, *assigned: Assignment, asked: str | None = None) -> Comparison:
    return compared(SPAN, said, assigned, asked, {ACTIVE: 0.01, SHADOW: 0.5}.get, Answers({}))


def comparison(active: list[float], shadow: list[float], asked: str | None = None) -> Comparison:
    said = heard(records(SCORES, active, ACTIVE), records(SHADOW_SCORES, shadow, SHADOW))
    return look(said, assignment(ACTIVE, SHADOW), asked=asked)


def promoted() -> Heard:
    """SHADOW took over after three frames: from then on ACTIVE was its shadow."""
    live = records(SCORES, [10, 200, 10], ACTIVE) + records(SCORES, [200, 10], SHADOW, first=3)
    return heard(live, records(SHADOW_SCORES, [10, 10, 200], SHADOW) + records(SHADOW_SCORES, [10, 10], ACTIVE, 3))


def test_who_alone_calls_what_is_said_with_its_interval() -> None:
    found = comparison([10, 200, 200, 10, 10], [10, 10, 200, 200])
    sentences = list(said(found))
    assert sentences[0].startswith("They agree on 2 of 4 frames. Only the active bundle calls 1 of 4 (25.0")
    assert "The shadow bundle calls 2 of 4" in sentences[2]
    assert "within its budget of 50.0" in sentences[2]
    (alone,) = warnings(found)
    assert alone == "scored by the active bundle alone: 1 frame, after the shadow one's last (2026-03-02 14:03 UTC)."


def test_the_record_holds_what_was_said() -> None:
    told = record(comparison([10, 200, 200, 10], [10, 10, 200, 200]))
    assert (told["compared"], told["flips"], told["only_active"], told["only_shadow"]) == (4, 2, 1, 1)
    assert told["budgets"] == {ACTIVE: 0.01, SHADOW: 0.5}
    assert told["next"] == f"andon promote weld-07 {SHADOW[:12]}"


def test_a_bundle_is_chosen_by_the_beginning_of_its_digest() -> None:
    assert comparison([1.0], [1.0], "77").standing.bundle == SHADOW
    with pytest.raises(Mistake, match=r"is no bundle that scored .* 4b4b4b4b4b4b \(1 scores\), 777777777777"):
        comparison([1.0], [1.0], "aa")


def test_the_assigned_shadow_is_looked_at_though_another_scored_last() -> None:
    said = heard(
        records(SCORES, [1.0], ACTIVE), [*records(SHADOW_SCORES, [1.0], SHADOW), *records(SHADOW_SCORES, [2.0], OTHER)]
    )
    found = look(said, assignment(ACTIVE, SHADOW))
    assert (found.standing.bundle, found.standing.shadow_now) == (SHADOW, True)
    assert f"this is {SHADOW[:12]}; other shadows scored too: {OTHER[:12]} (--shadow)." in warnings(found)
    assert look(said, assignment(ACTIVE)).standing.bundle == OTHER
    with pytest.raises(Mistake, match="more than one bundle"):
        look(said, asked="7")


def test_after_a_promotion_frames_of_both_sides_of_it_count() -> None:
    found = look(promoted(), assignment(SHADOW, ACTIVE))
    assert (found.standing.bundle, found.standing.active) == (ACTIVE, SHADOW)
    told = record(found)
    assert (told["compared"], told["flips"], told["only_active"], told["only_shadow"]) == (5, 3, 2, 1)
    assert (told["active"], told["exchanged"]) == ({SHADOW: 5}, 3)
    assert told["next"] == f"andon promote weld-07 {ACTIVE[:12]}"
    assert heading(found) == f"active now {SHADOW[:12]}, shadow now {ACTIVE[:12]}"
    assert [*warnings(found)] == [
        "judged with roles exchanged: 3 of 5 frames. There the shadow bundle served, and the active side spoke as a "
        "shadow."
    ]


def test_after_a_rollback_the_one_that_left_is_held_against_the_active_one() -> None:
    back = promoted()
    found = look(back, assignment(ACTIVE))
    assert (found.standing.bundle, found.standing.shadow_now, found.exchanged) == (SHADOW, False, 2)
    agreement = found.pairing.agreement()
    assert (agreement.frames, agreement.only_first, agreement.only_second) == (5, 1, 2)
    assert heading(found) == f"active now {ACTIVE[:12]}, held against {SHADOW[:12]}, which is no shadow now"
    assert "only the other 2 of 5" in next(said(found))
    assert next_command(found) == f"andon assign weld-07 {SHADOW[:12]}"


def test_without_a_word_of_models_the_last_live_score_tells_who_is_active() -> None:
    assert look(promoted()).standing.active == SHADOW
    assert look(promoted()).standing.bundle == ACTIVE


def test_a_bundle_that_served_before_and_never_was_a_shadow_is_looked_at_too() -> None:
    live = records(SCORES, [200, 10], ACTIVE) + records(SCORES, [10], SHADOW, first=2)
    said = heard(live, records(SHADOW_SCORES, [10, 10], SHADOW))
    past = Past(bundle=ACTIVE, at=NOW)
    found = look(said, assignment(SHADOW).model_copy(update={"past": (past,)}))
    assert (found.standing.bundle, found.exchanged, len(found.pairing)) == (ACTIVE, 2, 2)
    assert next_command(found) == "andon rollback weld-07"


def test_the_active_bundle_is_not_held_against_itself() -> None:
    with pytest.raises(Mistake, match=rf"is the bundle that is active for weld-07 now; name one .*: {SHADOW[:12]} \(5"):
        look(promoted(), assignment(ACTIVE), asked=ACTIVE[:6])


def test_products_with_bundles_of_their_own_are_held_against_one_shadow() -> None:
    live = records(SCORES, [10, 10], ACTIVE) + records(SCORES, [200, 200], OTHER, first=2)
    said = heard(live, records(SHADOW_SCORES, [10, 200, 10, 200], SHADOW))
    found = look(said, assignment(ACTIVE), assignment(OTHER, SHADOW, product="nut m6"))
    assert (len(found.pairing), found.standing.active) == (4, OTHER)
    assert found.judged == {ACTIVE: 2, OTHER: 2}
    assert any(each.startswith("the active side is not only what is active now") for each in warnings(found))
    assert next_command(found) == f"andon promote weld-07 {SHADOW[:12]} --product 'nut m6'"


def test_what_is_assigned_to_every_station_is_promoted_for_every_station() -> None:
    said = heard(records(SCORES, [10], ACTIVE), records(SHADOW_SCORES, [10], SHADOW))
    found = look(said, assignment(ACTIVE, SHADOW, station="*"))
    assert next_command(found) == f"andon promote '*' {SHADOW[:12]}"


def test_what_is_no_shadow_is_assigned_to_this_station_alone() -> None:
    everywhere = assignment(ACTIVE, station="*").model_copy(update={"past": (Past(bundle=SHADOW, at=NOW),)})
    assert next_command(look(promoted(), everywhere)) == f"andon assign weld-07 {SHADOW[:12]}"


def test_the_active_ones_shadow_word_goes_before_that_of_a_third() -> None:
    for third_last in (True, False):
        third, active = records(SHADOW_SCORES, [200], OTHER), records(SHADOW_SCORES, [10], ACTIVE)
        shadows = [*active, *third] if third_last else [*third, *active]
        found = look(heard(records(SCORES, [10], SHADOW), shadows), assignment(ACTIVE), asked=SHADOW[:6])
        assert found.judged == {ACTIVE: 1}


def test_a_word_for_every_station_counts_only_where_none_of_its_own_goes_before_it() -> None:
    table = Assignments()
    for each in (
        assignment(OTHER, station="*"),
        assignment(ACTIVE, station="*", product="nut"),
        assignment(ACTIVE, station="weld-08"),
        assignment(SHADOW, product="nut"),
    ):
        table.apply(Record(MODELS, 0, 0, each.key, write_event(each)))
    assert [each.key for each in assigned_to(table, "weld-07")] == [b"*/*", b"weld-07/nut"]
    own = assignment(SHADOW)
    table.apply(Record(MODELS, 0, 0, own.key, write_event(own)))
    assert [each.key for each in assigned_to(table, "weld-07")] == [b"weld-07/*", b"weld-07/nut"]


def test_frames_before_the_shadow_began_are_told_as_such_and_those_without_a_bundle_are_not_counted() -> None:
    said = heard(records(SCORES, [None, 10, 10, 10], ACTIVE), records(SHADOW_SCORES, [10], SHADOW, first=3))
    (alone,) = warnings(look(said, assignment(ACTIVE, SHADOW)))
    assert alone == "scored by the active bundle alone: 2 frames, before the shadow one began (2026-03-02 14:03 UTC)."


def test_every_reason_for_frames_of_one_bundle_is_counted() -> None:
    found = alone(np.array([1.0, 2, 3, 5, 9]), np.array([3.0, 6]))
    assert (found.before, found.between, found.after, found.frames) == (2, 2, 1, 5)
    told = why(found, "shadow")
    assert told.startswith("2 before the shadow one began")
    assert "; 2 in between" in told
    assert "; 1 after" in told


def test_shadows_of_other_frames_are_no_comparison() -> None:
    with pytest.raises(Mistake, match="none is the same"):
        comparison([], [1.0, 2.0])


def test_without_shadow_scores_the_way_to_some_is_told() -> None:
    said = heard(records(SCORES, [1.0], ACTIVE), [])
    with pytest.raises(Mistake, match=r"1 live scores\), and it has no shadow. Give it one with `andon shadow"):
        look(said, assignment(ACTIVE))
    with pytest.raises(
        Mistake, match=rf"{SHADOW[:12]} is its shadow and has scored no frame .* `andon shadow-scoring`"
    ):
        look(said, assignment(ACTIVE, SHADOW))


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
    said = heard(records(SCORES, [10, 200, 200], ACTIVE), records(SHADOW_SCORES, [10, 10, 10], shadow.digest))
    found = look(said, assignment(ACTIVE, shadow.digest))
    viewer = Viewer(lambda *place: kept.get(place), BlobStore(str(tmp_path)), bundles)
    gallery = page(found, viewer, silent).galleries[0]
    by_name = {row.name: row.pictures for row in gallery.rows}
    shown = by_name[str(frame.frame_id)]
    assert [each.told for each in shown] == ["frame", "active: where it found something", "shadow"]
    assert all(each.uri for each in shown)
    (gone,) = by_name[str(frame_id("weld-07", 7, 2))]
    assert (gone.uri, gone.told) == (None, "missing_data: Kafka no longer holds camera.frames[0]@2")
