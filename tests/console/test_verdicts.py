"""Verdicts: what a press writes, who was first, what can be taken back."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from troubles import NOW, PART, STATION, form, scored, shown, surge
from worlds import NAMES, PAGE, House, Lying, TestClient, house

from andon.ids import frame_id
from andon.rates import is_audited
from andon.records import Answer, Deed, Did, FramePlace, Outline, Told, Verdict, read_event
from andon.topics import AUDIT, SCORES, VERDICTS
from andon_console.answering import stamp
from andon_console.safe.people import Role

WORST = frame_id(STATION, 1, 2)
BOX = "[[[10, 10], [50, 10], [50, 40]]]"


@pytest.fixture
def home() -> House:
    return surge()[0]


@pytest.fixture
def rosa(home: House) -> TestClient:
    return home.signed_in(Role.REVIEWER, headers=PART)


@pytest.fixture
def edda(home: House) -> TestClient:
    return home.signed_in(Role.ENGINEER, headers=PART)


def written(home: House) -> list[Answer]:
    return [read_event(Answer, each.value) for each in home.sent.on(VERDICTS)]


def seen(home: House, frame: UUID = WORST) -> str:
    return stamp(home.world.answers.last(frame))


def test_a_press_is_an_answer_with_all_that_inspection_said(home: House, rosa: TestClient):
    answer = rosa.post("/verdicts", data=form(2, answer="real"))
    assert answer.status_code == 200
    (said,) = written(home)
    assert (said.frame_id, said.station, said.answer, said.by) == (WORST, STATION, Told.REAL, NAMES[Role.REVIEWER])
    assert (said.verdict, said.score, said.threshold, said.bundle) == (Verdict.ANOMALOUS, 2.5, 1.0, "ab" * 32)
    assert (said.product, said.width, said.height, said.captured_at) == ("lid", 640, 480, NOW + timedelta(seconds=2))
    assert said.scored == FramePlace(topic=SCORES, partition=0, offset=2)
    assert said.frame is not None
    assert said.frame.offset == 2
    assert home.sent.on(VERDICTS)[0].key == STATION.encode()


def test_it_stands_in_the_audit_log_with_what_was_said_before(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="real"))
    rosa.post("/verdicts", data=form(2, answer="false_call", seen=seen(home)))
    last: Deed = home.sent.deeds()[-1]
    assert (last.did, last.by, last.station, last.subject) == (Did.ANSWERED, "rosa", STATION, str(WORST))
    assert (last.before, last.after) == ("rosa: real", "rosa: false_call")


def test_what_came_back_says_who_said_what_and_offers_to_undo_it(rosa: TestClient):
    text = rosa.post("/verdicts", data=form(2, answer="real")).text
    assert "You said: <b>Real defect</b>" in text
    assert 'aria-pressed="true">Real defect' in text
    assert "data-undo" in text


def test_who_is_signed_in_answers_whatever_the_form_says(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="real", by="mallory", station="other", score="0.1"))
    (said,) = written(home)
    assert (said.by, said.station, said.score) == ("rosa", STATION, 2.5)


def test_pressed_twice_it_counts_once(home: House, rosa: TestClient):
    for _ in range(2):
        assert rosa.post("/verdicts", data=form(2, answer="false_call")).status_code == 200
    assert [each.answer for each in written(home)] == [Told.FALSE_CALL]


def test_of_two_at_once_the_first_counts_and_the_second_is_told_who_was_first(
    home: House, rosa: TestClient, edda: TestClient
):
    rosa.post("/verdicts", data=form(2, answer="false_call"))
    answer = edda.post("/verdicts", data=form(2, answer="real"))
    assert [each.by for each in written(home)] == ["rosa"]
    assert "rosa was first: False call" in answer.text
    assert "HX-Trigger-After-Settle" in answer.headers
    assert "andon:said" not in answer.headers["HX-Trigger-After-Settle"]


def test_another_s_answer_can_be_overruled_by_who_has_seen_it(home: House, rosa: TestClient, edda: TestClient):
    rosa.post("/verdicts", data=form(2, answer="false_call"))
    shown_to_edda = edda.get("/verdicts", params=form(2)).text
    assert "rosa said: <b>False call</b>" in shown_to_edda
    assert "Overrule rosa:" in shown_to_edda
    edda.post("/verdicts", data=form(2, answer="real", seen=seen(home)))
    assert [(each.by, each.answer) for each in written(home)] == [("rosa", Told.FALSE_CALL), ("edda", Told.REAL)]


@pytest.mark.parametrize(
    ("seq", "told"), [(2, "missed"), (2, "good"), (4, "real"), (4, "false_call"), (2, "withdrawn"), (2, "rubbish")]
)
def test_an_answer_that_does_not_fit_what_inspection_said_is_refused(
    home: House, rosa: TestClient, seq: int, told: str
):
    assert rosa.post("/verdicts", data=form(seq, answer=told)).status_code == 422
    assert written(home) == []


def test_an_ok_frame_can_be_a_missed_defect(home: House, rosa: TestClient):
    assert rosa.post("/verdicts", data=form(4, answer="missed")).status_code == 200
    assert [(each.answer, each.verdict) for each in written(home)] == [(Told.MISSED, Verdict.OK)]


def test_a_frame_that_does_not_lie_there_is_refused(home: House, rosa: TestClient):
    stranger = str(frame_id(STATION, 1, 99))
    answer = rosa.post("/verdicts", data=form(2, answer="real") | {"frame_id": stranger})
    assert answer.status_code == 410
    assert written(home) == []


def test_a_golden_frame_is_no_part(home: House, rosa: TestClient):
    lying = Lying()
    lying.add(scored(7, golden="ab/one"))
    golden = house(lying=lying)
    answer = golden.signed_in(Role.REVIEWER, headers=PART).post("/verdicts", data=form(7, answer="real"))
    assert answer.status_code == 422
    assert "golden frame" in answer.text


def test_where_the_score_has_expired_the_incident_s_evidence_is_answered(home: House, rosa: TestClient):
    home.world.log.records.clear()  # type: ignore[attr-defined]
    assert rosa.post("/verdicts", data=form(2, answer="real")).status_code == 200
    (said,) = written(home)
    assert (said.score, said.product, said.verdict) == (2.5, "lid", Verdict.ANOMALOUS)


def test_a_frame_of_which_nothing_is_left_says_so(home: House, rosa: TestClient):
    answer = rosa.post("/verdicts", data=form(44, answer="real"))
    assert answer.status_code == 410
    assert "not kept any more" in answer.text


def test_the_kind_of_defect_and_what_was_drawn_refine_an_answer_that_counts_already(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="real"))
    rosa.post("/verdicts", data=form(2, answer="real", defect=" deep\nscratch ", outlines=BOX, seen=seen(home)))
    first, second = written(home)
    assert (first.defect, first.outlines) == (None, ())
    assert (second.defect, second.outlines) == ("deep scratch", (Outline(points=((10, 10), (50, 10), (50, 40))),))


def test_what_a_second_word_does_not_say_it_keeps(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="real", outlines=BOX))
    rosa.post("/verdicts", data=form(2, answer="real", defect="dent", seen=seen(home)))
    last = written(home)[-1]
    assert (last.defect, len(last.outlines)) == ("dent", 1)


def test_a_good_frame_has_no_defect(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="false_call", defect="dent", outlines=BOX))
    assert [(each.defect, each.outlines) for each in written(home)] == [(None, ())]


def test_kinds_that_were_named_at_the_station_are_offered(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(1, answer="real", defect="<b>burr</b>"))
    text = rosa.post("/verdicts", data=form(2, answer="real")).text
    assert 'value="&lt;b&gt;burr&lt;/b&gt;"' in text
    assert "<b>burr" not in text


@pytest.mark.parametrize(
    "drawn",
    [
        "[[[1, 1], [2, 2]]]",
        "[[[1, 1], [2, 2], [700, 3]]]",
        "[[[-1, 1], [2, 2], [3, 3]]]",
        "[[[1e400, 1], [2, 2], [3, 3]]]",
        "{}",
        "[" * 5000,
        str([[[1, 1], [2, 2], [3, 3]]] * 17),
    ],
)
def test_what_cannot_be_a_region_of_the_frame_is_told_and_nothing_is_written(home: House, rosa: TestClient, drawn: str):
    answer = rosa.post("/verdicts", data=form(2, answer="real", outlines=drawn))
    assert (answer.status_code, written(home)) == (422, [])
    assert "outlines" in answer.text


def test_an_answer_is_taken_back_and_taking_back_can_be_taken_back(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="real", defect="dent"))
    text = rosa.post("/verdicts/undo", data=form(2, seen=seen(home))).text
    assert home.world.answers.of(WORST) is None
    assert "Say it again" in text
    rosa.post("/verdicts/undo", data=form(2, seen=seen(home)))
    assert [each.answer for each in written(home)] == [Told.REAL, Told.WITHDRAWN, Told.REAL]
    back = home.world.answers.of(WORST)
    assert back is not None
    assert back.defect == "dent"
    assert [each.did for each in home.sent.deeds()] == [Did.ANSWERED, Did.WITHDREW, Did.ANSWERED]


def test_undo_pressed_twice_undoes_once(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="real"))
    before = seen(home)
    for _ in range(2):
        assert rosa.post("/verdicts/undo", data=form(2, seen=before)).status_code == 200
    assert [each.answer for each in written(home)] == [Told.REAL, Told.WITHDRAWN]


def test_nobody_takes_back_what_another_said(home: House, rosa: TestClient, edda: TestClient):
    rosa.post("/verdicts", data=form(2, answer="real"))
    answer = edda.post("/verdicts/undo", data=form(2, seen=seen(home)))
    assert answer.status_code == 422
    assert "it is theirs to take back" in answer.text
    assert len(written(home)) == 1


def test_a_later_word_counts_though_the_one_before_came_from_a_clock_that_is_ahead(home: House, rosa: TestClient):
    ahead = Answer(frame_id=WORST, station=STATION, answer=Told.REAL, by="rosa", at=NOW + timedelta(minutes=5))
    home.world.answers.hear(ahead)
    rosa.post("/verdicts", data=form(2, answer="unsure", seen=stamp(ahead)))
    last = home.world.answers.of(WORST)
    assert last is not None
    assert last.answer is Told.UNSURE


def test_a_viewer_may_look_and_not_answer(home: House):
    vera = home.signed_in(Role.VIEWER, headers=PART)
    assert vera.post("/verdicts", data=form(2, answer="real")).status_code == 403
    assert vera.post("/verdicts/undo", data=form(2)).status_code == 403
    assert written(home) == []
    text = vera.get("/verdicts", params=form(2, seen="x")).text
    assert "reviewers answer" in text
    assert "<button" not in text


def test_while_kafka_is_away_nothing_is_written_and_the_page_says_to_press_again(home: House, rosa: TestClient):
    home.sent.away = True
    answer = rosa.post("/verdicts", data=form(2, answer="real"))
    assert answer.status_code == 503
    assert "Nothing was written. Press again" in answer.text
    assert home.world.answers.of(WORST) is None
    home.sent.away = False
    assert rosa.post("/verdicts", data=form(2, answer="real")).status_code == 200


def test_where_kafka_is_known_to_be_away_nobody_waits_for_it(home: House, rosa: TestClient):
    home.world.reachable.away_since = NOW
    answer = rosa.post("/verdicts", data=form(2, answer="real"))
    assert answer.status_code == 503
    assert "Kafka does not answer" in answer.text
    assert home.sent.messages == []


def test_what_has_not_changed_is_not_sent_again(home: House, rosa: TestClient):
    rosa.post("/verdicts", data=form(2, answer="real"))
    assert rosa.get("/verdicts", params=form(2, seen=seen(home))).status_code == 204
    assert rosa.get("/verdicts", params=form(2, seen="")).status_code == 200


def test_the_page_s_scripts_hear_which_frame_was_answered(rosa: TestClient):
    said = rosa.post("/verdicts", data=form(2, answer="false_call")).headers["HX-Trigger-After-Settle"]
    assert re.search(r'"andon:said": \{"frame_id": "' + str(WORST) + '", "answer": "false_call"', said)


def test_without_script_the_form_leads_back_and_only_to_our_own_page(home: House):
    plain = home.signed_in(Role.REVIEWER, headers=PAGE)
    answer = plain.post("/verdicts", data=form(2, answer="real", back="/incidents/abc"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/incidents/abc")
    away = plain.post("/verdicts", data=form(1, answer="real", back="https://evil.example/"))
    assert away.headers["Location"] == "/"


def audited() -> int:
    """The first frame of the station that is in a sample of 1 in 1,000."""
    return next(seq for seq in range(100, 100_000) if is_audited(frame_id(STATION, 1, seq), 0.001))


def test_an_answer_to_the_random_sample_is_known_by_the_frame_and_not_by_the_form_alone():
    seq, lying = audited(), Lying()
    lying.add(scored(seq, 0.2), scored(4, 0.4))
    home = house(lying=lying)
    rosa = home.signed_in(Role.REVIEWER, headers=PART)
    for each in (seq, 4):
        rosa.post("/verdicts", data=form(each, answer="good", audit="true"))
    assert [each.audit for each in written(home)] == [True, False]


def test_a_frame_without_a_score_has_no_verdict_to_answer():
    lying = Lying()
    lying.add(scored(5, None))
    rosa = house(lying=lying).signed_in(Role.REVIEWER, headers=PART)
    assert rosa.post("/verdicts", data=form(5, answer="unsure")).status_code == 422
    assert 'name="answer"' not in rosa.get("/verdicts", params=form(5, seen="x")).text


@pytest.mark.parametrize("wrong", [{"frame_id": "x"}, {"offset": -1}, {"partition": 2**40}, {"outlines": "x" * 60_001}])
def test_what_cannot_be_meant_is_a_sentence_and_no_crash(home: House, rosa: TestClient, wrong: dict[str, Any]):
    assert rosa.post("/verdicts", data=form(2, answer="real") | wrong).status_code == 422
    assert home.sent.on(AUDIT) == []


def test_evidence_of_a_whole_line_whose_scores_are_gone_names_no_station_and_is_not_answered(rosa: TestClient):
    from troubles import event, record

    home = house()
    home.world.incidents.take([record(event(station="*", stations=("weld-07", "weld-08"), evidence=(shown(2, 2.5),)))])
    answer = home.signed_in(Role.REVIEWER, headers=PART).post("/verdicts", data=form(2, answer="real"))
    assert (answer.status_code, written(home)) == (410, [])


def test_what_comes_back_leads_without_script_to_the_page_that_was_looked_at(rosa: TestClient):
    headers = {"HX-Current-URL": f"http://127.0.0.1:8600/incidents/abc?frame={WORST}"}
    text = rosa.post("/verdicts", data=form(2, answer="real"), headers=headers).text
    assert f'name="back" value="/incidents/abc?frame={WORST}"' in text
    away = rosa.post("/verdicts", data=form(1, answer="real"), headers={"HX-Current-URL": "//evil.example//x"})
    assert "evil" not in away.text
