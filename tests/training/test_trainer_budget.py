"""Who is worked for, and when: people before drift, one at a time per station, so many at once, so many a day."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from andon.assignments import Assignments
from andon.records import (
    Assignment,
    JobPhase,
    Request,
    RequestNews,
    RequestState,
    Trial,
    Wish,
    read_event,
    write_event,
)
from andon.stage import Message, Record
from andon.topics import MODELS, REQUESTS
from andon_training.jobs.worker import Ended, Report, Task
from andon_training.trainer.apprentice import Apprentice
from andon_training.trainer.board import Board, WorkEnd
from andon_training.trainer.budget import Budget
from andon_training.trainer.decide import Deciding
from andon_training.trainer.desk import Desk
from andon_training.trainer.lesson import Job
from andon_training.trainer.newcomers import Look, Newcomer
from andon_training.trainer.settings import OnboardingSettings, RequestSettings
from andon_training.trainer.word import Result, Word

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
MADE = "4b" * 32


class Hand:
    """A worker that says what it is told to."""

    def __init__(self) -> None:
        self.report = Report(JobPhase.RUNNING)
        self.ended: Ended | None = None
        self.left = False
        self.said: list[str] = []

    def lines(self) -> list[str]:
        said, self.said = self.said, []
        return said

    def leave(self) -> None:
        self.left = True


class Hands:
    """Begins such."""

    def __init__(self) -> None:
        self.begun: dict[Task, Hand] = {}

    def begin(self, task: Task) -> Hand:
        self.begun[task] = Hand()
        return self.begun[task]


class Line:
    """The trainer's middle, and whoever works for it."""

    def __init__(self, at_once: int = 1, a_day: int | None = None, fits: int | None = None, **requests: Any) -> None:
        settings = RequestSettings(**requests)
        self.board = Board(
            Assignments(), OnboardingSettings(frames=20), at_once=at_once, fits=Budget(fits), desk=Desk(Budget(a_day))
        )
        self.decide = Deciding(self.board, 0, settings.retry_s, settings.trial)
        self.hands = Hands()
        self.apprentice = Apprentice(self.board, self.hands, lambda: 0.0, str)
        self.now = START

    def ask(self, number: int, by: str = "drift", station: str = "", **given: Any) -> Request:
        wish = {"wish": Wish.RETRAIN, "bundle": "0c" * 32, "station": station or f"weld-{number}", "by": by}
        asked = Request.model_validate({"request_id": uuid5(UUID(int=0), str(number)), "at": START} | wish | given)
        self.board.desk.take(Record(REQUESTS, 0, number, None, write_event(asked)))
        return asked

    def turn(self, seconds: float = 0) -> list[RequestNews]:
        """News of this turn."""
        self.now += timedelta(seconds=seconds)
        self.messages: list[Message] = [each for each in self.decide([], self.now) if isinstance(each, Message)]
        self.apprentice.tend()
        return [read_event(RequestNews, each.value) for each in self.messages if each.topic == REQUESTS]

    def at_work(self) -> list[Request]:
        return self.board.desk.at_work

    def hand(self, asked: Request) -> Hand:
        """The last who began it."""
        return [hand for task, hand in self.hands.begun.items() if task.key == str(asked.request_id)][-1]

    def finish(self, asked: Request, **result: Any) -> list[RequestNews]:
        given = {"bundle": MADE} | result
        word = Word(result=Result(request_id=asked.request_id, sentence="It is done.", **given))
        self.hand(asked).said.append(word.model_dump_json())
        self.apprentice.tend()
        return self.turn()

    def newcomer(self, station: str) -> None:
        self.board.newcomers[station] = Newcomer(station, 0, START, looks=(Look.GOOD,) * 20)


def test_what_people_ask_for_goes_before_what_drift_asks_for() -> None:
    line = Line()
    line.ask(1)
    person = line.ask(2, by="mira")
    line.turn()
    assert line.at_work() == [person]


def test_several_stations_are_worked_for_at_once_and_one_station_once() -> None:
    line = Line(at_once=2)
    first, _, third = line.ask(1, station="weld"), line.ask(2, station="weld"), line.ask(3, station="paint")
    line.turn()
    assert line.at_work() == [first, third]
    line.finish(third)
    assert line.at_work() == [first], "the other one of that station waits"


def test_beyond_the_days_budget_drift_waits_and_is_told_until_when() -> None:
    line = Line(at_once=4, a_day=1)
    first, second = line.ask(1), line.ask(2)
    (begun, waits) = line.turn()
    assert (begun.request_id, begun.began_at) == (first.request_id, START)
    assert (waits.request_id, waits.phase, waits.began_at) == (second.request_id, JobPhase.WAITING, None)
    assert "It waits until 03 March 14:00 UTC" in waits.sentence
    assert [each for each in line.turn(60) if each.request_id == second.request_id] == [], "told once"
    line.finish(first)
    line.turn(24 * 3600)
    assert line.at_work() == [second]


def test_people_do_not_wait_for_the_budget_but_use_it_up() -> None:
    line = Line(at_once=4, a_day=1)
    people = [line.ask(1, by="mira"), line.ask(2, by="mira")]
    line.ask(3)
    line.turn()
    assert line.at_work() == people


def test_what_was_begun_today_counts_after_a_restart_and_a_second_try_does_not() -> None:
    line = Line(a_day=1)
    first = line.ask(1)
    (news,) = line.turn()
    again = Line(a_day=1)
    again.board.desk.take(Record(REQUESTS, 0, 0, None, write_event(news)))
    again.ask(2)
    (waits,) = again.turn()
    assert waits.phase is JobPhase.WAITING
    line.finish(first, bundle=None, problem="the store is away", ours=True)
    line.turn(61)
    assert line.at_work() == [first]


def test_new_stations_have_a_budget_of_their_own_and_leave_room_for_people() -> None:
    line = Line(at_once=3, a_day=1, fits=2)
    for n in range(4):
        line.newcomer(f"new-{n}")
    line.turn()
    assert len(line.board.jobs) == 2, "one place is kept"
    person = line.ask(1, by="mira")
    line.turn()
    assert line.at_work() == [person]
    for station in list(line.board.jobs):
        del line.board.jobs[station]
    line.turn(60)
    assert line.board.jobs == {}, "two a day"
    line.turn(24 * 3600)
    assert len(line.board.jobs) == 2


def test_a_station_whose_request_is_worked_on_is_not_fitted_beside() -> None:
    line = Line(at_once=3)
    line.ask(1, station="weld-07")
    line.turn()
    line.newcomer("weld-07")
    line.turn()
    assert line.board.jobs == {}


def test_phase_and_last_words_are_told_and_a_growing_log_only_now_and_then() -> None:
    line = Line()
    asked = line.ask(1)
    line.turn()
    line.hand(asked).report = Report(JobPhase.PENDING, "no node takes it: 0/3 nodes")
    line.hand(asked).said = ["epoch 1"]
    line.apprentice.tend()
    (pending,) = line.turn()
    assert (pending.phase, pending.log) == (JobPhase.PENDING, ("epoch 1",))
    assert pending.sentence == "Its Job has been made and waits to begin: no node takes it: 0/3 nodes."
    line.hand(asked).said = ["epoch 2"]
    line.apprentice.tend()
    assert line.turn(1) == []
    (news,) = line.turn(10)
    assert news.log == ("epoch 1", "epoch 2")
    line.hand(asked).report = Report(JobPhase.FAILED)
    (done,) = line.finish(asked, bundle=None, problem="all frames are alike")
    assert (done.state, done.phase, done.log) == (RequestState.REFUSED, JobPhase.FAILED, ("epoch 1", "epoch 2"))


def test_a_log_line_that_is_json_is_no_word() -> None:
    line = Line()
    asked = line.ask(1)
    line.turn()
    line.hand(asked).said = ['{"event": "hello", "level": "info"}']
    line.apprentice.tend()
    assert line.board.desk.words == []
    assert line.board.desk.taken[asked.request_id].log == ('{"event": "hello", "level": "info"}',)


def test_who_ends_without_a_word_is_told_with_why_and_tried_again_under_another_task() -> None:
    line = Line()
    asked = line.ask(1)
    line.turn()
    line.hand(asked).ended = Ended("its pod was put out (Evicted)", ours=True)
    line.apprentice.tend()
    (news,) = line.turn()
    assert news.sentence.startswith("Not done yet: its pod was put out (Evicted). Training tries again")
    line.turn(61)
    assert sorted(task.tries for task in line.hands.begun) == [0, 1]
    assert [each.end for each in line.board.ended] == [WorkEnd.FAILED]


def test_what_nobody_waits_for_any_more_is_left() -> None:
    line = Line()
    asked = line.ask(1)
    line.turn()
    line.board.desk.forget()
    line.apprentice.tend()
    assert line.hand(asked).left


def test_a_fit_is_one_task_whatever_becomes_of_its_newcomer() -> None:
    line = Line()
    line.newcomer("new")
    line.turn()
    line.board.newcomers.clear()
    line.apprentice.tend()
    (task,) = line.hands.begun
    assert Job.model_validate_json(task.asked) == line.board.jobs["new"]


@pytest.mark.parametrize(
    ("settings", "promotion"),
    [
        ({}, None),
        ({"trial_frames": 500, "trial_budget": "5 per 1000"}, Trial(frames=500, budget=0.005)),
    ],
)
def test_what_drift_asked_for_takes_over_by_itself_only_by_a_trial_that_was_set(
    settings: dict[str, Any], promotion: Trial | None
) -> None:
    line = Line(**settings)
    given = Assignment(station="weld-1", bundle="0c" * 32, by="mira", at=START)
    line.board.table.apply(Record(MODELS, 0, 0, given.key, write_event(given)))
    asked = line.ask(1)
    line.turn()
    line.finish(asked)
    (after,) = [read_event(Assignment, each.value) for each in line.messages if each.topic == MODELS]
    assert (after.bundle, after.shadows, after.promotion) == ("0c" * 32, (MADE,), promotion)
