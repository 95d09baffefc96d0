"""A frame that was a dead letter for days and is scored at last: recorded, and nobody is called for it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from andon.line import LineFile, Policy
from andon.records import Score, read_score, write_event
from andon.records.replayed import REPLAYED
from andon.stage import Record
from andon.topics import SCORES
from andon_alerting.alerting import Alerting, Board, Card
from andon_alerting.counting import Counting, CountSlate
from andon_alerting.looks import Looks
from andon_alerting.policy import State, Why, decide, silent

MakeScore = Callable[..., Score]
DAYS = timedelta(days=3)
POLICY = Policy(clear_after=4, multiple=4.0)


def late(score: MakeScore, letters: str, start: datetime, **other: object) -> list[Score]:
    """Captured at the start, scored three days later, since somebody sent them again."""
    after = {"scored_at": start + DAYS, "replayed": True} | other
    return [score(letter, seq, **after) for seq, letter in enumerate(letters)]


def record(score: Score) -> Record:
    return Record(SCORES, 0, score.seq, score.station.encode(), write_event(score))


@pytest.mark.parametrize("letters", ["aaaaa", "AAAAA", "uuuuu" * 4])
def test_late_frames_of_a_station_that_nobody_knows_open_nothing(letters: str, score: MakeScore, start: datetime):
    board = Board({"weld-07": Card("weld-07", 0, State("weld-07"))})
    results = Alerting(board, LineFile(None, POLICY), 300)(
        [record(each) for each in late(score, letters, start)], start + DAYS
    )
    card = board.cards["weld-07"]
    assert (results, card.pages, card.owed, card.changed) == ([], [], frozenset(), False)


def test_the_same_frames_in_their_time_would_have_paged(score: MakeScore, start: datetime):
    board = Board({"weld-07": Card("weld-07", 0, State("weld-07"))})
    Alerting(board, LineFile(None, POLICY), 300)([record(score("a", seq)) for seq in range(5)], start)
    assert board.cards["weld-07"].pages


def test_late_frames_are_no_sign_of_life_so_a_station_that_is_gone_falls_silent_for_nobody(
    score: MakeScore, start: datetime
):
    state = State("weld-07")
    for each in late(score, "ooo", start):
        state, decisions = decide(state, each, POLICY)
        assert [each.why for each in decisions] == [Why.STALE]
    assert state == State("weld-07")
    assert not silent(state, POLICY, start + 2 * DAYS, start)


def test_late_frames_neither_end_nor_extend_what_is_open(score: MakeScore, start: datetime):
    state = State("weld-07")
    for seq in range(5):
        state, _ = decide(state, score("a", seq), POLICY)
    assert state.open
    for letter in "ooooooooaaaaaaaa":
        after, _ = decide(state, score(letter, 99, replayed=True, scored_at=start + DAYS), POLICY)
        assert after == state


def test_a_late_frame_of_another_producer_does_not_begin_the_station_anew(score: MakeScore, start: datetime):
    state = State("weld-07")
    for seq in range(3):
        state, _ = decide(state, score("o", seq), POLICY)
    foreign = score("a", 7, epoch=0, replayed=True, scored_at=start + DAYS)
    assert foreign.origin != state.origin
    assert decide(state, foreign, POLICY)[0] == state


def test_how_a_station_looked_days_ago_does_not_hold_a_page_of_today(score: MakeScore):
    health = {"luminance": 0.4, "contrast": 0.2, "clipped_low": 0, "clipped_high": 0, "sharpness": 5, "noise": 0.01}
    health |= {"red_green": 1, "blue_green": 1}
    looks = Looks()
    for seq in range(4):
        looks.note(score("o", seq, health=health | {"sharpness": 5 + seq / 100}))
    today = score("a", 4, health=health | {"sharpness": 5.05})
    looks.note(score("o", 99, health=today.health, replayed=True))
    assert not looks.may_be_the_camera(today), "it would be the very same picture as the one before"
    looks.note(score("o", 5, health=today.health))
    assert looks.may_be_the_camera(today)


def test_a_score_that_was_itself_a_dead_letter_is_of_the_past_too(score: MakeScore):
    plain = record(score("a", 7))
    again = replace(plain, headers=((REPLAYED, b"1"),))
    assert [read_score(each).replayed for each in (plain, again)] == [None, True]


def test_what_was_sent_again_stands_in_no_rate_so_twice_is_not_two(score: MakeScore, start: datetime):
    once = record(score("a", 0))
    again = replace(record(score("a", 1)), headers=(("ce_replayed", b'["camera.frames", 2, 7, 1]'),))
    slate = CountSlate()
    Counting(slate, LineFile(None))([once, again, replace(again, offset=2)], start)
    (counted,) = slate.counted.values()
    assert (sum(counted.scored.values()), sum(counted.calls.values()), counted.end) == (1, 1, 3)
