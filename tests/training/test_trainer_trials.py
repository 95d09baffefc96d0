"""Shadows on trial and bundles on probation: what is counted, what is decided, and who has the last word."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from andon.assigning import promoted, shadowed
from andon.assignments import Assignments
from andon.ids import frame_id
from andon.records import (
    Assignment,
    FramePlace,
    Notice,
    NoticeKind,
    Refusal,
    Score,
    Trial,
    Unscorable,
    Verdict,
    read_event,
    write_event,
)
from andon.stage import Message, Record
from andon.topics import MODELS, NOTICES, SCORES, SHADOW_SCORES
from andon_training.trainer.board import Board
from andon_training.trainer.decide import BY, Deciding
from andon_training.trainer.settings import OnboardingSettings
from andon_training.trainer.trials import surely_over

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
OLD, NEW, OTHER = "0a" * 32, "1b" * 32, "2c" * 32
TRIAL = Trial(frames=100, budget=0.02)
VERDICT = {"o": Verdict.OK, "a": Verdict.ANOMALOUS, "u": Verdict.UNSCORABLE}


def score(
    letter: str, seq: int, bundle: str, topic: str, station: str = "weld-07", product: str | None = None
) -> Record:
    """One frame a second after START: o(k), a(nomalous), u(nscorable)."""
    at = START + timedelta(seconds=seq + 1)
    made = Score(
        frame_id=frame_id(station, 1, seq),
        station=station,
        epoch=1,
        seq=seq,
        product=product,
        captured_at=at,
        scored_at=at,
        verdict=VERDICT[letter],
        unscorable=Unscorable.NOT_FINITE if letter == "u" else None,
        bundle=bundle,
        width=64,
        height=64,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
    )
    return Record(topic, 0, seq, station.encode(), write_event(made))


@dataclass
class Desk:
    """A station served by OLD; the trainer's middle, turn by turn."""

    station: str = "weld-07"
    product: str | None = None
    settle_s: float = 0.0
    seconds: float = 10_000.0
    written: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board = Board(Assignments(), OnboardingSettings())
        self.decide = Deciding(self.board, self.settle_s)
        self.apply(Assignment(station=self.station, product=self.product, bundle=OLD, by="mira", at=START))

    @property
    def active(self) -> Assignment:
        found = self.board.table.of(self.station, self.product)
        assert found
        return found.active

    def apply(self, given: Assignment | Refusal) -> None:
        self.board.table.apply(Record(MODELS, 0, 0, given.key, write_event(given)))
        self.board.follow()

    def on_trial(self, trial: Trial = TRIAL, sees: bool = True) -> None:
        self.board.sees = {NEW: sees}
        self.apply(shadowed(self.active, NEW, promotion=trial, by="mira", why="", at=START))

    def on_probation(self, trial: Trial = TRIAL) -> None:
        with_shadow = shadowed(self.active, NEW, promotion=None, by="mira", why="", at=START)
        self.apply(promoted(with_shadow, NEW, probation=trial, by="mira", why="", at=START))

    def turn(self, records: Sequence[Record] = (), pass_s: float = 0.0) -> list[Message]:
        self.seconds += pass_s
        messages = self.decide(records, START + timedelta(seconds=self.seconds))
        self.written += messages
        return messages

    def frames(self, by_old: str, by_new: str, first: int = 0, live: str = OLD, **given: str) -> list[Message]:
        """Both bundles' verdicts on frames, one letter each."""
        topics = {OLD: SCORES, NEW: SHADOW_SCORES} if live == OLD else {OLD: SHADOW_SCORES, NEW: SCORES}
        records = []
        for bundle, letters in ((OLD, by_old), (NEW, by_new)):
            records += [score(each, seq, bundle, topics[bundle], **given) for seq, each in enumerate(letters, first)]
        return self.turn(records)

    def take_over(self) -> Assignment:
        """What was written, as `models` now says it."""
        (given,) = [read_event(Assignment, each.value) for each in self.written if each.topic == MODELS]
        self.apply(given)
        return given

    def said(self) -> Notice:
        (notice,) = [read_event(Notice, each.value) for each in self.written if each.topic == NOTICES]
        return notice


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_shadow_that_keeps_within_its_trial_takes_over_and_the_old_one_shadows_it(desk: Desk) -> None:
    desk.on_trial()
    desk.frames("a" * 5 + "o" * 95, "a" * 5 + "oa" + "o" * 93)
    after = desk.take_over()
    assert (after.bundle, after.shadows, after.probation, after.promotion) == (NEW, (OLD,), TRIAL, None)
    assert (after.by, after.past[0].bundle) == (BY, OLD)
    notice = desk.said()
    assert (notice.kind, notice.bundle) == (NoticeKind.PROMOTED, NEW)
    counts = "Of 100 frames that both scored, the new one alone called out 1, the old one alone 0, both 5"
    assert counts in notice.sentence
    assert counts in after.why


def test_nothing_is_decided_before_enough_frames_were_scored_by_both(desk: Desk) -> None:
    desk.on_trial()
    assert desk.frames("o" * 100, "o" * 99) == []
    assert desk.turn([score("o", 99, NEW, SHADOW_SCORES)])


def test_scores_may_come_in_any_order_and_any_number_of_times(desk: Desk) -> None:
    desk.on_trial()
    pairs = [
        score("o", seq, bundle, topic) for seq in range(99) for bundle, topic in ((NEW, SHADOW_SCORES), (OLD, SCORES))
    ]
    assert desk.turn(pairs[::-1]) == []
    assert desk.turn(pairs + pairs) == []
    (tally,) = desk.board.tallies.values()
    assert tally.joint == 99


def test_what_was_scored_before_the_trial_was_asked_for_does_not_count(desk: Desk) -> None:
    desk.on_trial()
    desk.apply(desk.active.model_copy(update={"at": START + timedelta(seconds=50)}))
    desk.frames("o" * 100, "o" * 100)
    (tally,) = desk.board.tallies.values()
    assert tally.joint == 51


def test_a_new_word_from_people_begins_the_trial_anew(desk: Desk) -> None:
    desk.on_trial()
    desk.frames("o" * 99, "o" * 99)
    desk.apply(desk.active.model_copy(update={"why": "look again", "at": START + timedelta(seconds=500)}))
    assert desk.frames("o" * 99, "o" * 99, first=600) == []


def test_a_shadow_with_surely_too_many_false_calls_is_let_go_at_once(desk: Desk) -> None:
    desk.on_trial()
    desk.frames("o" * 20, "aaaa" + "o" * 16)
    after = desk.take_over()
    assert (after.bundle, after.shadows, after.promotion) == (OLD, (), None)
    assert desk.said().kind is NoticeKind.NOT_PROMOTED
    assert "too many parts that the old one lets pass" in desk.said().sentence


def test_a_shadow_just_over_its_budget_is_let_go_at_the_end(desk: Desk) -> None:
    desk.on_trial()
    assert desk.frames("o" * 99, "aaa" + "o" * 96) == []
    desk.frames("o", "o", first=99)
    assert desk.take_over().bundle == OLD


def test_a_shadow_that_lets_pass_what_the_old_one_calls_out_does_not_take_over(desk: Desk) -> None:
    desk.on_trial()
    desk.frames("aaa" + "o" * 97, "o" * 100)
    assert desk.take_over().bundle == OLD
    assert "It lets pass too many parts that the old one calls out" in desk.said().sentence
    assert "andon compare weld-07" in desk.said().sentence


def test_a_shadow_of_which_nothing_shows_that_it_sees_does_not_take_over(desk: Desk) -> None:
    desk.on_trial(sees=False)
    desk.frames("o" * 100, "o" * 100)
    assert desk.take_over().bundle == OLD
    assert "Nothing shows that it sees any defect" in desk.said().sentence


def test_a_defect_that_both_found_shows_that_it_sees(desk: Desk) -> None:
    desk.on_trial(sees=False)
    desk.frames("a" + "o" * 99, "a" + "o" * 99)
    assert desk.take_over().bundle == NEW


def test_a_frame_that_the_shadow_cannot_score_counts_as_called_out(desk: Desk) -> None:
    desk.on_trial()
    desk.frames("o" * 20, "uuuu" + "o" * 16)
    assert desk.said().kind is NoticeKind.NOT_PROMOTED


def test_a_decision_stands_for_a_while_before_it_is_written(desk: Desk) -> None:
    desk = Desk(settle_s=2.0)
    desk.on_trial()
    assert desk.frames("o" * 100, "o" * 100) == []
    assert desk.turn(pass_s=1.0) == []
    assert desk.turn(pass_s=1.1)


def test_people_who_speak_while_it_stands_have_the_last_word(desk: Desk) -> None:
    desk = Desk(settle_s=2.0)
    desk.on_trial()
    desk.frames("o" * 100, "o" * 100)
    desk.apply(desk.active.model_copy(update={"bundle": OTHER, "shadows": (), "promotion": None}))
    assert desk.turn(pass_s=60) == []


def test_a_decision_is_written_once_until_models_shows_it(desk: Desk) -> None:
    desk.on_trial()
    assert desk.frames("o" * 100, "o" * 100)
    assert desk.turn(pass_s=5) == []


def test_a_killed_trainer_decides_and_says_the_same_again() -> None:
    told = []
    for _ in range(2):
        desk = Desk()
        desk.on_trial()
        desk.frames("o" * 100, "o" * 100)
        told.append(desk.said().notice_id)
    assert told[0] == told[1]


def test_a_promoted_bundle_that_breaks_its_budget_goes_back(desk: Desk) -> None:
    desk.on_probation()
    desk.frames("o" * 20, "aaaa" + "o" * 16, live=NEW)
    after = desk.take_over()
    assert (after.bundle, after.shadows, after.probation) == (OLD, (), None)
    assert desk.said().kind is NoticeKind.ROLLED_BACK


def test_a_promoted_bundle_that_keeps_within_it_is_confirmed_and_the_old_one_let_go(desk: Desk) -> None:
    desk.on_probation()
    desk.frames("o" * 100, "o" * 100, live=NEW)
    after = desk.take_over()
    assert (after.bundle, after.shadows, after.probation) == (NEW, (), None)
    assert desk.said().kind is NoticeKind.CONFIRMED
    assert after.past[0].bundle == OLD, "people can still go back"


def test_a_promoted_bundle_that_scoring_refuses_goes_back_without_a_frame(desk: Desk) -> None:
    desk.on_probation()
    desk.apply(Refusal(station="weld-07", bundle=NEW, why="2 of 6 golden frames fail", at=START + timedelta(seconds=1)))
    assert desk.turn()
    assert desk.take_over().bundle == OLD
    assert "Scoring refused it: 2 of 6 golden frames fail." in desk.said().sentence


def test_a_refusal_from_before_does_not_count(desk: Desk) -> None:
    desk.apply(Refusal(station="weld-07", bundle=NEW, why="the store was away", at=START - timedelta(seconds=1)))
    desk.on_probation()
    assert desk.turn() == []


def test_a_probation_written_by_hand_with_nowhere_to_go_back_to_stops_nothing(desk: Desk) -> None:
    given = Assignment(station="weld-07", bundle=NEW, shadows=(OLD,), probation=TRIAL, at=START)
    desk.apply(given)
    assert desk.frames("o" * 20, "aaaa" + "o" * 16, live=NEW) == []
    assert [each.why for each in desk.board.news] == ["impossible"]
    assert desk.turn() == []


def test_each_product_has_a_trial_of_its_own() -> None:
    desk = Desk(product="bracket")
    desk.on_trial()
    assert desk.frames("o" * 100, "o" * 100, product="hinge") == []
    assert desk.frames("o" * 100, "o" * 100, product="bracket")
    assert desk.take_over().product == "bracket"


def test_a_trial_of_all_stations_counts_all_that_have_no_assignment_of_their_own() -> None:
    desk = Desk(station="*")
    desk.on_trial()
    desk.apply(Assignment(station="weld-09", bundle=OTHER, at=START))
    desk.frames("o" * 50, "o" * 50, station="weld-07")
    desk.frames("o" * 50, "o" * 50, station="weld-09")
    assert desk.written == []
    desk.frames("o" * 50, "o" * 50, station="weld-08")
    assert desk.take_over().station == "*"


def test_memory_is_bounded_where_one_side_never_comes(desk: Desk) -> None:
    desk.on_trial(Trial(frames=100_000, budget=0.02))
    desk.turn([score("o", seq, OLD, SCORES) for seq in range(5000)])
    (tally,) = desk.board.tallies.values()
    assert len(tally.pending) == 4096


@pytest.mark.parametrize(
    ("count", "of", "sure"), [(2, 2, False), (4, 20, True), (3, 100, False), (9, 100, True), (0, 9, False)]
)
def test_too_many_is_only_sure_beyond_chance(count: int, of: int, sure: bool) -> None:
    assert surely_over(count, of, 0.02) is sure
