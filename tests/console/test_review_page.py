"""The page of the review queue: one frame after another, for whoever asks."""

import re
from typing import Any
from uuid import UUID

import pytest
from troubles import NOW, PART, STATION, event, form, record, scored, shown
from worlds import PAGE, House, Lying, TestClient, house

from andon.ids import frame_id
from andon.rates import is_audited
from andon.records import Answer, Assignment, Frame, FramePlace, Told, frame_headers, read_event, write_event
from andon.stage import Record
from andon.testing import hostile
from andon.topics import FRAMES, MODELS, REQUESTS, VERDICTS
from andon_console.review.opening import Listening
from andon_console.safe.people import Role
from andon_console.settings import ConsoleSettings

AUDITED = next(seq for seq in range(1, 50_000) if is_audited(frame_id(STATION, 1, seq), 0.001))
JPEG = hostile.jpeg(hostile.photo(seed=1))


def own(seq: int) -> UUID:
    return frame_id(STATION, 1, seq)


def picture(seq: int) -> Record:
    """The image of a frame, as it lies in Kafka."""
    given = Frame(
        station=STATION, epoch=1, seq=seq, frame_id=own(seq), captured_at=NOW, content_type="image/jpeg", product="lid"
    )
    return Record(FRAMES, 0, seq, STATION.encode(), JPEG, tuple(frame_headers(given)))


def open_house(*scores: Record, **other: Any) -> House:
    """A console whose queue has read these scores; the images of all lie in Kafka."""
    listening, lying = Listening(ConsoleSettings()), Lying()
    home = house(lying=lying, answers=listening.answers, rates=listening.rates, review=None, **other)
    object.__setattr__(home.world, "review", listening.asking(home.world.incidents))
    lying.add(*scores, *(picture(each.offset) for each in scores))
    listening.queue.take(scores)
    return home


@pytest.fixture
def home() -> House:
    return open_house(scored(1, 1.5), scored(2, 1.01), scored(AUDITED, 0.3))


@pytest.fixture
def rosa(home: House) -> TestClient:
    return home.signed_in(Role.REVIEWER, headers=PAGE)


def shown_in(text: str) -> str:
    found = re.search(r'id="shown"[^>]*data-frame="([^"]*)"', text)
    assert found, text[:2000]
    return found[1]


def test_the_frame_that_is_worth_most_is_shown_with_why_it_is_asked(rosa: TestClient):
    text = rosa.get("/review").text
    assert shown_in(text) == str(own(2))
    assert "near the threshold: 1.01" in text
    assert 'data-key="f"' in text


def test_the_picture_of_the_next_one_is_asked_for_beforehand(rosa: TestClient):
    text = rosa.get("/review").text
    assert f"{own(AUDITED)}/view.jpg" in text.split('class="soon"')[1].split("</div>")[0]


def test_after_an_answer_the_next_one_comes_with_what_was_said_of_the_one_before(rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="false_call"), headers=PART)
    text = rosa.get(f"/review/frame?before={own(2)}", headers=PART).text
    assert shown_in(text) == str(own(AUDITED))
    assert "You said: <b>False call</b>" in text
    assert "1</b> answered this shift" in text
    assert "2</b> left" in text


def test_a_frame_that_is_skipped_makes_room_for_the_next(rosa: TestClient):
    text = rosa.get(f"/review/frame?before={own(2)}&skip=true", headers=PART).text
    assert shown_in(text) == str(own(AUDITED))
    assert shown_in(rosa.get("/review").text) == str(own(AUDITED))


def test_one_can_go_back_to_a_frame_that_was_answered_and_undo_it(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="false_call"), headers=PART)
    text = rosa.get(f"/review/frame?frame={own(2)}", headers=PART).text
    assert shown_in(text) == str(own(2))
    assert "data-undo" in text
    seen = re.search(r'name="seen" value="([^"]+)"', text)
    rosa.post("/verdicts/undo", data=form(2, seen=seen[1]), headers=PART)
    assert home.world.review.queue.get(own(2)) is not None


def test_an_audit_is_said_to_be_one_and_its_answer_counts_as_one(home: House, rosa: TestClient):
    text = rosa.get("/review?kind=audit").text
    assert "audit: 1 of 1,000" in text
    assert "A frame drawn at random was called ok" in text
    assert 'name="audit" value="true"' in text
    rosa.post("/verdicts", data=form(AUDITED, answer="good", audit="true"), headers=PART)
    rosa.post("/verdicts", data=form(1, answer="false_call", audit="true"), headers=PART)
    assert [read_event(Answer, each.value).audit for each in home.sent.on(VERDICTS)] == [True, False]


def test_only_those_of_a_station_and_a_reason_are_shown_where_somebody_wants_these(rosa: TestClient):
    assert shown_in(rosa.get("/review?kind=call").text) == str(own(1))
    assert shown_in(rosa.get("/review?station=weld-08").text) == ""
    assert shown_in(rosa.get("/review?product=lid&kind=near").text) == str(own(2))


def test_a_frame_of_an_open_incident_names_it(home: House, rosa: TestClient):
    home.world.incidents.take([record(event(evidence=(shown(1, 1.5),)))])
    text = rosa.get("/review").text
    assert shown_in(text) == str(own(1))
    assert "open incident: defect surge" in text


def test_a_frame_whose_image_is_gone_is_passed_over_and_leaves(home: House, rosa: TestClient):
    home.world.log.forget(picture(2))  # type: ignore[attr-defined]
    assert shown_in(rosa.get("/review").text) == str(own(AUDITED))
    assert home.world.review.queue.get(own(2)) is None


def test_an_empty_queue_says_so_kindly(rosa: TestClient):
    for seq, answer in ((1, "real"), (2, "real"), (AUDITED, "good")):
        rosa.post("/verdicts", data=form(seq, answer=answer), headers=PART)
    text = rosa.get("/review").text
    assert "Nothing is left to look at." in text
    assert "1 of 1,000 that are called ok" in text
    assert "0</b> left" in text


def test_that_somebody_else_has_answered_the_frame_is_told_while_one_looks(home: House, rosa: TestClient):
    assert 'data-by=""' in rosa.get(f"/review/progress?frame={own(2)}", headers=PART).text
    home.signed_in(Role.ENGINEER).post("/verdicts", data=form(2, answer="real"), headers=PART)
    assert 'data-by="edda"' in rosa.get(f"/review/progress?frame={own(2)}", headers=PART).text


def test_while_kafka_is_away_the_queue_is_still_shown(home: House, rosa: TestClient):
    home.world.log.away = True  # type: ignore[attr-defined]
    answer = rosa.get("/review")
    assert answer.status_code == 200
    assert shown_in(answer.text) == str(own(2))


def test_a_viewer_may_look_and_not_answer(home: House):
    vera = home.signed_in(Role.VIEWER, headers=PAGE)
    text = vera.get("/review").text
    assert "reviewers answer" in text
    assert 'name="answer"' not in text


def test_a_frame_nobody_knows_is_not_there(rosa: TestClient):
    assert rosa.get(f"/review?frame={UUID(int=5)}").status_code == 410
    assert rosa.get("/review?frame=nonsense").status_code == 422


def test_what_cameras_wrote_is_escaped(home: House):
    evil = "<script>alert(1)</script>"
    other = open_house(scored(7, 1.5, product=evil))
    text = other.signed_in(Role.REVIEWER, headers=PAGE).get("/review").text
    assert evil not in text
    assert "&lt;script&gt;" in text


def test_an_engineer_may_add_a_false_call_to_the_memory_right_after_it(home: House, rosa: TestClient):
    edda = home.signed_in(Role.ENGINEER, headers=PART)
    edda.post("/verdicts", data=form(2, answer="false_call"))
    assert "/reviewed/memory" not in edda.get(f"/review/frame?before={own(2)}").text, "no bundle serves, none remembers"
    given = Assignment(station=STATION, bundle="ab" * 32, at=NOW)
    home.world.models.take([Record(MODELS, 0, 0, given.key, write_event(given))])
    assert "/reviewed/memory" in edda.get(f"/review/frame?before={own(2)}").text
    assert "/reviewed/memory" not in rosa.get(f"/review/frame?before={own(2)}", headers=PART).text
    assert home.sent.on(REQUESTS) == []


def test_an_answer_given_moves_the_rates_at_once(home: House, rosa: TestClient):
    before = home.world.rates.version
    rosa.post("/verdicts", data=form(1, answer="false_call"), headers=PART)
    assert home.world.rates.version > before
    assert home.world.rates.heard.is_set()


def test_answers_of_before_do_not_come_back_as_candidates(home: House):
    said = Answer(frame_id=own(1), station=STATION, answer=Told.REAL, by="x", at=NOW, captured_at=NOW,
                  frame=FramePlace(topic=FRAMES, partition=0, offset=1))  # fmt: skip
    home.world.answers.take([Record("verdicts", 0, 0, STATION.encode(), write_event(said))])
    assert own(1) not in {each.frame_id for each in home.world.review.all()}
