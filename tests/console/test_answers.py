"""The last word on each frame."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from andon.records import Answer, Told, write_event
from andon.stage import Record
from andon_console.live import answers as module
from andon_console.live.answers import Answers

AT = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
SPACE = UUID(int=7)


def said(frame: int, told: Told, at_s: float = 0, station: str = "weld-07", by: str = "mira") -> Answer:
    return Answer(
        frame_id=uuid5(SPACE, str(frame)), station=station, answer=told, by=by, at=AT + timedelta(seconds=at_s)
    )


def heard(*spoken: Answer) -> Answers:
    answers = Answers()
    for each in spoken:
        answers.hear(each)
    return answers


def test_the_last_word_on_a_frame_counts_whatever_order_it_comes_in():
    early, late = said(1, Told.REAL, 0), said(1, Told.FALSE_CALL, 5, by="jon")
    for answers in (heard(early, late), heard(late, early)):
        assert answers.of(early.frame_id) == late
        assert answers.at("weld-07") == [late]


def test_an_answer_that_was_taken_back_is_as_if_nobody_had_said_anything():
    answers = heard(said(1, Told.REAL), said(1, Told.WITHDRAWN, 5))
    assert answers.of(uuid5(SPACE, "1")) is None
    assert answers.at("weld-07") == answers.all() == []


def test_taking_back_can_be_taken_back():
    answers = heard(said(1, Told.REAL), said(1, Told.WITHDRAWN, 5), said(1, Told.REAL, 9))
    assert [each.answer for each in answers.all()] == [Told.REAL]


def test_answers_of_a_station_come_newest_first_and_only_its_own():
    answers = heard(said(1, Told.REAL), said(2, Told.UNSURE, 9), said(3, Told.GOOD, 5, station="press-1"))
    assert [each.answer for each in answers.at("weld-07")] == [Told.UNSURE, Told.REAL]
    assert [each.answer for each in answers.all()] == [Told.UNSURE, Told.GOOD, Told.REAL]


def test_a_repeat_changes_nothing_and_is_no_news():
    answers = heard(said(1, Told.REAL))
    before = answers.version
    answers.hear(said(1, Told.REAL))
    assert answers.version == before


def test_what_is_no_answer_is_passed_over():
    answers = Answers()
    good = write_event(said(1, Told.REAL))
    answers.take([Record("verdicts", 0, n, b"weld-07", value) for n, value in enumerate((b"\xff", b"{}", good))])
    assert len(answers.all()) == 1


def test_memory_is_bounded_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST", 3)
    answers = heard(*(said(n, Told.REAL, n) for n in range(5)))
    assert [each.frame_id for each in answers.all()] == [uuid5(SPACE, str(n)) for n in (4, 3, 2)]
    assert answers.of(uuid5(SPACE, "0")) is None
