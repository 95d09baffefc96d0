"""The review queue: what is asked, in which order, and what leaves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from queues import AUDITED, NOBODY, PLAIN, SHARE, own, queue
from troubles import NOW, STATION, event, record, scored, shown
from worlds import asking

from andon.records import Answer, FramePlace, Told, Verdict, read_score
from andon.stage import Record
from andon.topics import FRAMES, SHADOW_SCORES
from andon_console.live.answers import Answers
from andon_console.live.incidents import Incidents
from andon_console.live.stations import Stations
from andon_console.review.asking import LOOKS_S, Asking, Seats
from andon_console.review.queue import KEEP, MOST_STATIONS, NEAR, ROOM, Candidate, Kind, Queue
from andon_console.review.words import next_audit, progress, why
from andon_console.review.worth import AUDIT_EVERY, Wanted, in_order
from andon_console.shots import Shot


def kinds(found: Queue) -> dict[int, Kind]:
    return {each.shot.scored.offset: each.kind for each in found.all() if each.shot.scored}


def shadowed(seq: int, ratio: float, **other: Any) -> Record:
    return replace(scored(seq, ratio, **{"bundle": "4be1" * 16, **other}), topic=SHADOW_SCORES)


def candidate(seq: int, kind: Kind, ratio: float = 1.5, **other: Any) -> Candidate:
    at = FramePlace(topic="scores", partition=0, offset=seq)
    return Candidate(Shot.of_score(read_score(scored(seq, ratio)), at), kind, **other)


def said(seq: int, told: Told = Told.REAL, at_s: float = 0, **other: Any) -> Answer:
    return Answer(
        frame_id=own(seq), station=STATION, answer=told, by="rosa", at=NOW + timedelta(seconds=at_s),
        verdict=Verdict.ANOMALOUS, score=1.5, threshold=1.0, captured_at=NOW,
        frame=FramePlace(topic=FRAMES, partition=0, offset=seq), **other,
    )  # fmt: skip


# -- what is asked ---------------------------------------------------------------------------------------------------


def test_calls_and_what_is_near_the_threshold_on_either_side_are_asked_and_nothing_else():
    found = queue()
    ratios = (1.5, 1 + NEAR / 2, 1 - NEAR / 2, 0.5, None)
    found.take([scored(seq, ratio) for seq, ratio in zip(PLAIN, ratios, strict=False)])
    assert kinds(found) == {PLAIN[0]: Kind.CALL, PLAIN[1]: Kind.NEAR, PLAIN[2]: Kind.NEAR}


def test_a_frame_called_ok_that_was_drawn_is_an_audit_however_odd_it_looks():
    found = queue()
    found.take([scored(AUDITED[0], 0.3), scored(AUDITED[1], 0.99), scored(AUDITED[2], 1.4)])
    assert kinds(found) == {AUDITED[0]: Kind.AUDIT, AUDITED[1]: Kind.AUDIT, AUDITED[2]: Kind.CALL}


@pytest.mark.parametrize("active_first", [True, False])
def test_a_frame_on_which_a_shadow_says_otherwise_is_asked_whichever_score_comes_first(active_first: bool):
    found, seq = queue(), PLAIN[5]
    found.take([shadowed(PLAIN[4], 0.2)])  # its station is tried
    pair = [scored(seq, 1.5), shadowed(seq, 0.7)]
    found.take(pair if active_first else pair[::-1])
    (asked,) = found.all()
    assert (asked.kind, asked.shadow, asked.shadow_ratio) == (Kind.DISAGREE, "4be1" * 16, 0.7)
    assert asked.shot.bundle == "ab" * 32


def test_two_that_agree_and_one_that_could_not_score_are_no_disagreement():
    found = queue()
    found.take([shadowed(PLAIN[0], 0.4), scored(PLAIN[0], 0.6), shadowed(PLAIN[1], None), scored(PLAIN[1], 0.6)])
    assert found.all() == []


def test_golden_frames_and_drills_are_never_asked():
    found = queue()
    found.take([scored(1, golden="a/b"), scored(2, station="drill.weld-07")])
    assert found.all() == []


def test_what_cannot_be_read_is_passed_over_and_the_place_moves_on():
    found = queue()
    found.take([replace(scored(1), value=b"{"), replace(scored(2), key=b"another"), scored(3)])
    assert set(kinds(found)) == {3}
    assert found.changes().places == {("scores", 0): 4}


def test_each_frame_is_there_once_however_often_it_comes():
    found = queue()
    found.take([scored(1), scored(1)])
    found.take([scored(1)])
    assert len(found.all()) == 1


# -- what leaves -----------------------------------------------------------------------------------------------------


def test_of_a_station_only_so_many_calls_are_kept_the_newest():
    found = queue()
    found.take([scored(seq) for seq in range(100)])
    assert sorted(kinds(found)) == list(range(100 - ROOM[Kind.CALL], 100))


def test_of_a_station_the_nearest_are_kept_and_a_call_that_is_pushed_out_stays_a_call():
    found = queue()
    first = [1 + NEAR, *(1 - NEAR / 2 for _ in range(9))]
    found.take([scored(seq, ratio) for seq, ratio in zip(PLAIN, first, strict=False)])
    found.take([scored(PLAIN[20], 0.999), scored(PLAIN[21], 1 - NEAR * 0.9)])
    assert kinds(found)[PLAIN[20]] is Kind.NEAR
    assert kinds(found)[PLAIN[0]] is Kind.CALL
    assert PLAIN[21] not in kinds(found)


def test_names_that_somebody_invents_do_not_fill_the_memory():
    found = queue()
    found.take([scored(1, station=f"weld-{number}") for number in range(MOST_STATIONS + 10)])
    assert len(found.all()) == MOST_STATIONS


def test_who_is_answered_leaves_and_never_comes_again():
    answers = Answers()
    found = queue(lambda frame: answers.of(frame) is not None)
    found.take([scored(1), scored(2)])
    answers.hear(said(1))
    found.hear(said(1))
    found.take([scored(1)])
    assert set(kinds(found)) == {2}


def test_an_answer_that_is_taken_back_brings_the_frame_again():
    answers = Answers()
    found = queue(lambda frame: answers.of(frame) is not None)
    for each in (said(1), said(1, Told.WITHDRAWN, 1)):
        answers.hear(each)
        found.hear(each)
    (again,) = found.all()
    assert (again.frame_id, again.kind) == (own(1), Kind.CALL)


def test_what_kafka_no_longer_holds_leaves_unless_its_image_is_kept_or_lies_elsewhere():
    found = queue()
    found.take([scored(1), scored(2), scored(3, dataref="store://3"), scored(9)])
    found.forget(NOW, {(FRAMES, 0): 5}, lambda frame: frame == own(2))
    assert set(kinds(found)) == {2, 3, 9}


def test_after_three_days_a_frame_is_not_asked_any_more():
    found = queue()
    found.take([scored(1)])
    found.forget(NOW + KEEP - timedelta(minutes=1), {}, NOBODY)
    assert len(found.all()) == 1
    found.forget(NOW + KEEP + timedelta(minutes=1), {}, NOBODY)
    assert found.all() == []


# -- what is to be remembered ----------------------------------------------------------------------------------------


def test_what_came_and_what_left_is_told_once_with_the_place_it_was_read_to():
    found = queue()
    found.take([scored(1), scored(2)])
    changes = found.changes()
    assert {each.frame_id for each in changes.came} == {own(1), own(2)}
    assert changes.places == {("scores", 0): 3}
    found.drop(own(1))
    again = found.changes()
    assert (again.came, again.left) == ((), ((STATION, own(1)),))
    assert found.changes().left == ()


def test_what_was_lost_is_told_once_more():
    found = queue()
    found.take([scored(1)])
    found.changes()
    found.change_all()
    assert [each.frame_id for each in found.changes().came] == [own(1)]


# -- in which order --------------------------------------------------------------------------------------------------


def test_open_incidents_come_first_then_near_then_disagreements_then_audits_then_other_calls():
    found = [candidate(seq, kind) for seq, kind in enumerate(reversed(Kind))]
    assert [each.kind for each in in_order(found)] == list(Kind)


def test_among_incidents_calls_come_before_frames_called_ok_and_the_worst_first():
    ratios = {1: 0.4, 2: 1.2, 3: 3.0}
    found = in_order([candidate(seq, Kind.INCIDENT, ratio) for seq, ratio in ratios.items()])
    assert [each.shot.ratio for each in found] == [3.0, 1.2, 0.4]


def test_among_those_near_the_threshold_the_nearest_comes_first():
    found = in_order([candidate(seq, Kind.NEAR, ratio) for seq, ratio in enumerate((1.04, 0.99, 0.97))])
    assert [each.shot.ratio for each in found] == [0.99, 0.97, 1.04]


def test_among_disagreements_the_widest_comes_first():
    found = [candidate(seq, Kind.DISAGREE, 1.2, shadow="a", shadow_ratio=each) for seq, each in enumerate((0.9, 0.2))]
    assert [each.shadow_ratio for each in in_order(found)] == [0.2, 0.9]


def test_every_fifth_is_an_audit_while_there_are_any_so_that_they_are_answered_at_all():
    near = [candidate(seq, Kind.NEAR, 0.99) for seq in PLAIN[:20]]
    audits = [candidate(seq, Kind.AUDIT, 0.4) for seq in AUDITED[:3]]
    found = [each.kind for each in in_order([*near, *audits])]
    assert [place for place, kind in enumerate(found, 1) if kind is Kind.AUDIT] == [AUDIT_EVERY * n for n in (1, 2, 3)]


def test_audits_are_asked_in_an_order_that_knows_nothing_of_the_picture():
    ratios = [0.1, 0.9, 0.5, 0.2]
    found = [candidate(seq, Kind.AUDIT, ratio) for seq, ratio in zip(AUDITED, ratios, strict=False)]
    swapped = [candidate(seq, Kind.AUDIT, ratio) for seq, ratio in zip(AUDITED, ratios[::-1], strict=False)]
    assert [each.frame_id for each in in_order(found)] == [each.frame_id for each in in_order(swapped)]


def test_only_those_that_are_wanted_are_asked():
    lid, none = candidate(1, Kind.NEAR), candidate(2, Kind.CALL)
    none = replace(none, shot=replace(none.shot, product=None, station="weld-08"))
    assert [Wanted(station=STATION).has(each) for each in (lid, none)] == [True, False]
    assert [Wanted(product="lid").has(each) for each in (lid, none)] == [True, False]
    assert [Wanted(kind=Kind.CALL).has(each) for each in (lid, none)] == [False, True]


# -- who is asked ----------------------------------------------------------------------------------------------------


@pytest.fixture
def desk() -> tuple[Asking, Incidents, Answers]:
    incidents, answers = Incidents(), Answers()
    return asking(incidents, answers, SHARE), incidents, answers


def test_a_frame_that_an_open_incident_shows_is_asked_for_it_though_nobody_read_its_score(desk):
    asked, incidents, _ = desk
    incidents.take([record(event(evidence=(shown(PLAIN[1], 1.2), shown(PLAIN[2], 0.4), shown(PLAIN[3], None))))])
    assert [(each.frame_id, each.kind) for each in asked.all()] == [
        (own(PLAIN[1]), Kind.INCIDENT),
        (own(PLAIN[2]), Kind.INCIDENT),
    ]


def test_a_drill_is_not_asked(desk):
    asked, incidents, _ = desk
    incidents.take([record(event(drill=True, evidence=(shown(1),)))])
    assert asked.all() == []


def test_what_somebody_answers_is_gone_for_everybody_at_once(desk):
    asked, _, answers = desk
    asked.queue.take([scored(1), scored(2)])
    assert len(asked.all()) == 2
    answers.hear(said(2))
    assert [each.frame_id for each in asked.all()] == [own(1)]


def test_two_people_are_shown_different_frames(desk):
    asked, _, _ = desk
    asked.queue.take([scored(1), scored(2)])
    first = asked.choose("rosa", Wanted()).shown
    asked.seats.look("rosa", first.frame_id)
    assert asked.choose("edda", Wanted()).shown.frame_id != first.frame_id
    assert asked.choose("rosa", Wanted()).shown == first


def test_whoever_looks_for_long_does_not_keep_a_frame_from_others():
    now = [0.0]
    seats = Seats(lambda: now[0])
    seats.look("rosa", own(1))
    assert seats.taken("edda") == {own(1)}
    now[0] = LOOKS_S + 1
    assert seats.taken("edda") == set()


def test_what_is_skipped_comes_again_behind_all_others(desk):
    asked, _, _ = desk
    asked.queue.take([scored(1), scored(2), scored(3)])
    order = [each.frame_id for each in asked.all()]
    asked.seats.skip("rosa", order[0])
    choice = asked.choose("rosa", Wanted(), order[0])
    assert (choice.shown.frame_id, choice.next.frame_id, choice.left) == (order[1], order[2], 3)
    asked.seats.skip("rosa", order[1])
    asked.seats.skip("rosa", order[2])
    assert asked.choose("rosa", Wanted(), order[2]).shown.frame_id == order[0]


# -- in words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (candidate(1, Kind.NEAR, 0.97), ["near the threshold: 0.97"]),
        (candidate(1, Kind.AUDIT, 0.4), ["audit: 10 of 1,000, drawn at random"]),
        (candidate(1, Kind.DISAGREE, 1.5, shadow="4be1" * 16, shadow_ratio=0.82), ["shadow 4be1 says ok: 0.82"]),
        (candidate(1, Kind.CALL, 1.43), ["called: 1.43 of its threshold"]),
        (
            candidate(1, Kind.INCIDENT, 1.5, shadow="4be1" * 16, shadow_ratio=0.82),
            ["open incident: defect surge", "shadow 4be1 says ok: 0.82"],
        ),
    ],
    ids=lambda each: each.kind if isinstance(each, Candidate) else "",
)
def test_a_frame_says_why_it_is_asked(given: Candidate, words: list[str]):
    assert why(given, SHARE, "defect surge") == words


def test_how_far_people_are_is_told_of_the_shift_that_is_on():
    begins = NOW - timedelta(hours=2)
    answers = [
        said(AUDITED[0], Told.GOOD, audit=True),
        said(2, at_s=-60).model_copy(update={"by": "edda"}),
        said(3, at_s=-3 * 3600),
        said(4, at_s=-30 * 3600),
    ]
    waiting = [candidate(AUDITED[1], Kind.AUDIT, 0.4), candidate(5, Kind.CALL)]
    told = progress(answers, waiting, "rosa", lambda _: begins, NOW)
    assert (told.answered, told.mine, told.audits, told.audits_of) == (2, 1, 1, 2)


def test_an_empty_queue_says_when_the_next_audit_is_to_be_expected():
    stations = Stations()
    stations.take([scored(seq, 0.4) for seq in range(11)])  # one a second
    assert next_audit(stations.all(), 1 / 600) == "about every 10 min"
    assert next_audit([], 1 / 600) == next_audit(stations.all(), 0) == ""


def test_times_without_a_zone_never_reach_the_queue():
    found = queue()
    found.take([scored(1, captured_at=datetime.now(UTC).replace(tzinfo=None))])
    assert found.all() == []
