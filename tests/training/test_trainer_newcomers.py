"""Which stations get a bundle by themselves, and when: counted from scores, decided without a clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from andon.assignments import Assignments
from andon.health import ImageHealth
from andon.ids import frame_id
from andon.records import (
    Assignment,
    FramePlace,
    Notice,
    NoticeKind,
    Score,
    Unscorable,
    Verdict,
    read_event,
    write_event,
)
from andon.settings import load
from andon.stage import Message, Record
from andon.topics import MODELS, NOTICES, SCORES
from andon_training.trainer.board import Board
from andon_training.trainer.decide import BY, Deciding
from andon_training.trainer.lesson import Job, Lesson, Outcome
from andon_training.trainer.newcomers import Look, look
from andon_training.trainer.settings import OnboardingSettings, TrainerSettings

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
WANTED = 20
MADE = "4b" * 32
HEALTH = ImageHealth(
    luminance=0.4, contrast=0.2, clipped_low=0.0, clipped_high=0.0, sharpness=5, noise=0.01, red_green=1, blue_green=1
)


def health(number: int, **given: float) -> ImageHealth:
    """That of a picture of its own."""
    return HEALTH.model_copy(update={"noise": 0.01 + number / 1e5, **given})


def unserved(seq: int, station: str = "weld-07", product: str | None = None, **given: object) -> Record:
    """The score of a frame that no bundle serves."""
    at = START + timedelta(seconds=seq)
    score = Score(
        frame_id=frame_id(station, 1, seq),
        station=station,
        epoch=1,
        seq=seq,
        product=product,
        captured_at=at,
        scored_at=at,
        verdict=Verdict.UNSCORABLE,
        unscorable=Unscorable.NO_BUNDLE,
        width=64,
        height=64,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
        health=health(seq),
    )
    return Record(SCORES, 0, seq, station.encode(), write_event(score.model_copy(update=given)))


LESSON = Lesson(
    bundle=MADE,
    frames=19,
    offered=20,
    left_out=1,
    worth_a_look=2,
    threshold=0.4,
    budget=0.002,
    low=0.0004,
    high=0.03,
    confidence=0.95,
    sees=True,
)


@dataclass
class Desk:
    """The trainer's middle, turn by turn. `seconds` have gone by since START."""

    settings: OnboardingSettings = field(default_factory=lambda: OnboardingSettings(frames=WANTED, retry_s=60))
    seconds: float = 1000.0
    offset: int = 0

    def __post_init__(self) -> None:
        self.board = Board(Assignments(), self.settings)
        self.decide = Deciding(self.board, settle_s=0)

    def turn(self, records: Sequence[Record] = (), pass_s: float = 0.0) -> list[Message]:
        self.seconds += pass_s
        return self.decide(records, START + timedelta(seconds=self.seconds))

    def frames(self, count: int, first: int = 0, **given: object) -> list[Message]:
        return self.turn([unserved(seq, **given) for seq in range(first, first + count)])  # type: ignore[arg-type]

    def end(self, **outcome: object) -> list[Message]:
        """The attempt that is being made ends so."""
        (job,) = self.board.jobs.values()
        self.board.finished.append(Outcome(job=job, **outcome))  # type: ignore[arg-type]
        return self.turn()

    def assign(self, station: str, product: str | None = None) -> None:
        given = Assignment(station=station, product=product, bundle="ab" * 32, by="mira", at=START)
        self.board.table.apply(Record(MODELS, 0, 0, given.key, write_event(given)))
        self.board.follow()

    @property
    def job(self) -> str | None:
        return next(iter(self.board.jobs), None)


def said(messages: Sequence[Message]) -> list[Notice]:
    return [read_event(Notice, each.value) for each in messages if each.topic == NOTICES]


def assignments(messages: Sequence[Message]) -> list[Assignment]:
    return [read_event(Assignment, each.value) for each in messages if each.topic == MODELS]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("found", "given"),
    [
        (Look.GOOD, health(1)),
        (Look.DARK, health(1, clipped_low=0.99)),
        (Look.OVEREXPOSED, health(1, clipped_high=0.99)),
        (Look.BLANK, health(1, contrast=0.001)),
        (Look.REPEATED, health(7)),
        (Look.UNMEASURED, None),
    ],
)
def test_a_picture_with_nothing_to_learn_from_is_known_by_its_numbers(found: Look, given: ImageHealth | None) -> None:
    assert look(given, [health(6), health(7)]) is found


def test_a_station_is_fitted_after_so_many_good_looking_frames_and_not_before(desk: Desk) -> None:
    desk.frames(WANTED - 1)
    assert desk.job is None
    desk.frames(1, first=WANTED - 1)
    assert desk.board.jobs.get("weld-07") == Job(station="weld-07", frames=WANTED)


def test_a_frame_that_is_delivered_again_counts_once(desk: Desk) -> None:
    for _ in range(3):
        desk.frames(WANTED - 1)
    assert desk.board.newcomers["weld-07"].good == WANTED - 1


def test_frames_that_show_nothing_do_not_count_but_are_not_held_against_the_station(desk: Desk) -> None:
    desk.frames(10, health=health(1, clipped_low=1.0))
    desk.frames(WANTED - 1, first=10)
    assert desk.job is None
    desk.frames(1, first=9 + WANTED)
    assert desk.board.jobs.get("weld-07") == Job(station="weld-07", frames=WANTED + 10)


def test_a_frozen_camera_is_never_learned_from_and_people_are_told_once_in_a_while(desk: Desk) -> None:
    (notice,) = said(desk.frames(5 * WANTED, health=health(1)))
    assert (desk.job, notice.kind) == (None, NoticeKind.NOT_ONBOARDED)
    assert "the same picture again: is the camera frozen?" in notice.sentence
    assert said(desk.frames(4 * WANTED, first=5 * WANTED, health=health(1))) == []


def test_what_was_learned_is_assigned_as_learning_and_told_before(desk: Desk) -> None:
    desk.frames(WANTED)
    messages = desk.end(lesson=LESSON)
    assert [each.topic for each in messages] == [NOTICES, MODELS]
    (given,) = assignments(messages)
    assert (given.station, given.bundle, given.state, given.by) == ("weld-07", MADE, "learning", BY)
    assert given.why == "first 20 frames"
    (notice,) = said(messages)
    assert (notice.kind, notice.bundle) == (NoticeKind.ONBOARDED, MADE)
    assert "19 of its first 20 frames, 1 left out, 2 worth a look" in notice.sentence
    assert "about 2 anomalous (between 0.4 and 30, 95% sure)" in notice.sentence
    assert desk.board.newcomers == {}
    assert desk.job is None


def test_a_bundle_that_found_no_drawn_defect_says_so(desk: Desk) -> None:
    desk.frames(WANTED)
    (notice,) = said(desk.end(lesson=LESSON.model_copy(update={"sees": False})))
    assert "found none of the defects" in notice.sentence


def test_a_killed_trainer_says_the_same_notice_again(desk: Desk) -> None:
    desk.frames(WANTED)
    other = Desk()
    other.frames(WANTED)
    other.seconds += 500
    first, again = (
        said(desk.end(lesson=LESSON))[0],
        said(other.end(lesson=LESSON.model_copy(update={"bundle": "c" * 64})))[0],
    )
    assert first.notice_id == again.notice_id


def test_frames_that_make_no_bundle_are_told_and_others_are_waited_for_ever_longer(desk: Desk) -> None:
    desk.frames(WANTED)
    (notice,) = said(desk.end(problem="all frames are alike"))
    assert notice.kind is NoticeKind.NOT_ONBOARDED
    assert "all frames are alike. Andon tries again in about 1 minutes" in notice.sentence
    desk.frames(WANTED, first=WANTED)
    assert desk.job is None, "too early"
    desk.turn(pass_s=61)
    assert desk.job == "weld-07"
    (notice,) = said(desk.end(problem="all frames are alike"))
    assert "in about 2 minutes" in notice.sentence
    desk.turn(pass_s=500)
    assert desk.job is None, "as many other frames are needed first"


def test_where_we_are_at_fault_the_same_frames_are_tried_again(desk: Desk) -> None:
    desk.frames(WANTED)
    desk.end(problem="the store is away", ours=True)
    desk.turn(pass_s=61)
    assert desk.job == "weld-07"


def test_stations_are_fitted_one_at_a_time_in_the_order_they_came(desk: Desk) -> None:
    desk.frames(WANTED, first=5, station="weld-08")
    desk.frames(WANTED, first=0, station="weld-09")
    assert desk.job == "weld-08", "it was ready first"
    desk.frames(WANTED, first=1, station="weld-10")
    desk.end(lesson=LESSON)
    assert desk.job == "weld-09"


def test_whatever_people_have_assigned_is_theirs(desk: Desk) -> None:
    desk.frames(WANTED - 1)
    desk.assign("weld-07", product="bracket")
    desk.frames(WANTED, first=WANTED, product="hinge")
    assert desk.board.newcomers == {}


def test_one_bundle_for_every_station_leaves_no_newcomers(desk: Desk) -> None:
    desk.assign("*")
    desk.frames(WANTED)
    assert desk.board.newcomers == {}


def test_somebody_who_assigns_while_it_is_fitted_is_not_overruled(desk: Desk) -> None:
    desk.frames(WANTED)
    desk.assign("weld-07")
    assert desk.end(lesson=LESSON) == []


def test_a_station_that_went_to_another_replica_is_left_to_it(desk: Desk) -> None:
    desk.frames(WANTED)
    desk.board.forget({0})
    assert desk.end(lesson=LESSON) == []


def test_a_pattern_says_which_stations_may(desk: Desk) -> None:
    desk = Desk(OnboardingSettings(frames=WANTED, stations="press-*"))
    desk.frames(WANTED)
    assert desk.job is None
    desk.frames(WANTED, station="press-1")
    assert desk.job == "press-1"


def test_it_can_be_turned_off() -> None:
    desk = Desk(OnboardingSettings(frames=WANTED, enabled=False))
    desk.frames(WANTED)
    assert desk.board.newcomers == {}


def test_a_flood_of_invented_names_drives_out_its_own_kind_and_no_real_station() -> None:
    desk = Desk(OnboardingSettings(frames=WANTED, most_stations=5))
    desk.frames(3)
    desk.turn([unserved(0, f"fake-{number}") for number in range(100)])
    assert len(desk.board.newcomers) == 5
    assert desk.board.newcomers["weld-07"].good == 3


def test_what_is_no_score_is_passed_over(desk: Desk) -> None:
    record = unserved(0)
    desk.turn([Record(SCORES, 0, 0, b"x", b"no_bundle {"), Record(SCORES, 0, 1, b"other", record.value)])
    assert desk.board.newcomers == {}


def test_long_problems_still_make_a_notice(desk: Desk) -> None:
    desk.frames(WANTED)
    (notice,) = said(desk.end(problem="x" * 5000))
    assert len(notice.sentence) <= 1000


def test_settings_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_ONBOARDING__BUDGET", "1 per 500")
    assert load(TrainerSettings).onboarding.budget == "1 per 500"
    monkeypatch.setenv("ANDON_ONBOARDING__BUDGET", "two")
    with pytest.raises(Exception, match="ANDON_ONBOARDING__BUDGET"):
        load(TrainerSettings)
