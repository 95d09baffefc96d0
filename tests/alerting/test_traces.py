"""An incident belongs to the trace of the frame that opened it, in every turn and on every page."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from andon.ids import frame_id
from andon.line import LineFile, Policy
from andon.records import FramePlace, IncidentEvent, IncidentKind, Score, Verdict, read_event, write_event
from andon.records.frame import Frame, identity_headers
from andon.stage import Message, Record
from andon.topics import SCORES
from andon_alerting.alerting import Alerting, Board, Card
from andon_alerting.notifiers.alertmanager import alert
from andon_alerting.page import page
from andon_alerting.policy import State, decide
from andon_alerting.rebuild import Rebuild
from andon_alerting.settings import RebuildSettings
from andon_alerting.states import read_state, write_state
from andon_alerting.traces import turn_message, with_trace

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
STATION = "weld-07"


def parent(seq: int) -> str:
    return f"00-{seq + 1:032x}-{seq + 1:016x}-01"


def scored(seq: int, anomalous: bool, header: bytes | None = b"") -> Record:
    """A score as scoring writes it. `header` b"": with its own trace; None: with none."""
    at = AT + timedelta(seconds=seq)
    frame = Frame(STATION, 1, seq, frame_id(STATION, 1, seq), at, traceparent=parent(seq))
    score = Score(
        frame_id=frame.frame_id,
        station=STATION,
        epoch=1,
        seq=seq,
        captured_at=at,
        scored_at=at,
        verdict=Verdict.ANOMALOUS if anomalous else Verdict.OK,
        score=2.0 if anomalous else 0.1,
        threshold=1.0,
        bundle="b" * 64,
        width=8,
        height=8,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
    )
    headers = [(name, value) for name, value in identity_headers(frame) if name != "traceparent"]
    if header is not None:
        headers.append(("traceparent", header or parent(seq).encode()))
    return Record(SCORES, 0, seq, STATION.encode(), write_event(score), tuple(headers))


def told(*records: Record) -> tuple[list[Message], Card]:
    """What alerting says of them, one after another."""
    board = Board({STATION: Card(STATION, 0, State(STATION))})
    alerting = Alerting(board, LineFile(None), 300)
    said = [each for record in records for each in alerting([record], AT)]
    return [each for each in said if isinstance(each, Message)], board.cards[STATION]


def surge(count: int = 3, good: int = 0, **given: Any) -> list[Record]:
    return [scored(seq, seq < count, **given) for seq in range(count + good)]


def test_every_turn_carries_the_trace_of_the_frame_that_opened_the_incident():
    messages, _ = told(*surge(6, 20))
    events = [read_event(IncidentEvent, each.value) for each in messages]
    assert {each.kind for each in events} == {IncidentKind.OPENED, IncidentKind.UPDATED, IncidentKind.RESOLVED}
    opener = parent(2)  # the third of five opens it
    assert {each.traceparent for each in events} == {opener}
    assert {each.headers for each in messages} == {(("traceparent", opener.encode()),)}


def test_a_score_without_a_trace_opens_an_incident_without_one():
    messages, _ = told(*surge(header=None))
    (event,) = [read_event(IncidentEvent, each.value) for each in messages]
    assert event.traceparent is None
    assert messages[0].headers == ()


def test_a_hostile_trace_is_passed_on_to_nobody():
    messages, _ = told(*surge(header=b"00-" + b"z" * 32 + b"-1-01"))
    assert b"zzz" not in messages[0].value
    assert messages[0].headers == ()


def test_a_hostile_trace_in_an_event_costs_nobody_the_incident():
    messages, _ = told(*surge())
    evil = messages[0].value.replace(parent(2).encode(), b"<script>")
    assert read_event(IncidentEvent, evil).traceparent is None


def test_a_page_names_the_trace_for_the_webhook_and_as_an_annotation():
    messages, _ = told(*surge())
    made = page(read_event(IncidentEvent, messages[0].value))
    assert made.trace_id == parent(2)[3:35]
    assert alert(made, AT, 60)["annotations"]["trace_id"] == made.trace_id
    assert "trace_id" not in alert(made, AT, 60)["labels"]


def test_a_page_of_an_incident_without_a_trace_has_no_such_annotation():
    messages, _ = told(*surge(header=None))
    assert "trace_id" not in alert(page(read_event(IncidentEvent, messages[0].value)), AT, 60)["annotations"]


def test_what_redis_remembers_keeps_the_trace():
    _, card = told(*surge())
    assert [each.traceparent for each in read_state(write_state(card.state)).open] == [parent(2)]


@pytest.mark.parametrize("header", [b"", None])
def test_a_state_that_was_lost_gets_the_trace_back_from_the_events(header: bytes | None):
    records = surge(header=header)
    messages, card = told(*records)

    class History:
        def incidents(self, partitions: Any, since: Any) -> list[Record]:
            return [Record("incidents", 0, 0, each.key, each.value, each.headers, 0) for each in messages]

        def scores(self, partitions: Any, since: Any) -> list[tuple[int, Record]]:
            return [(0, each) for each in records]

    found, _ = Rebuild(History(), LineFile(None), RebuildSettings(), 300)([0], AT, lambda: None)
    assert [each.traceparent for each in found[0].state.open] == [each.traceparent for each in card.state.open]


def test_a_decision_that_opens_nothing_is_as_it_was():
    score = read_event(Score, scored(0, False).value)
    step = decide(State(STATION), score, Policy())
    assert with_trace(step, parent(0)) is step


def test_a_turn_without_a_trace_has_no_header():
    messages, _ = told(*surge())
    event = read_event(IncidentEvent, messages[0].value)
    assert turn_message(event.model_copy(update={"traceparent": None})).headers == ()
    assert replace(turn_message(event), headers=()) == replace(messages[0], headers=())
