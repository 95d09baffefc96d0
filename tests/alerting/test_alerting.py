"""What the handler makes of scores: events for Kafka, states and pages on the board."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from andon.incidents import Incident, resolved
from andon.line import LineFile, Plan, Plans, Policy
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.records import Cause, IncidentEvent, Severity, read_event
from andon.stage import Message, Record, Rejected
from andon_alerting.alerting import Alerting, Board, Card, Telling
from andon_alerting.observe import counted
from andon_alerting.policy import State, Why

MakeRecords = Callable[..., Sequence[Record]]
POLICY = Policy(clear_after=4, multiple=None)
LATER = {Cause.DEFECT_SURGE: Severity.WARNING}
RAW = (
    b'{"frame_id":"6f0c0e0a-0000-5000-8000-000000000000","station":"STATION","epoch":1,"seq":1,"verdict":"ok",'
    b'"captured_at":"2026-03-02T14:00:00ZONE","scored_at":"2026-03-02T14:00:00Z","width":1,"height":1,'
    b'"frame":{"topic":"camera.frames","partition":0,"offset":1}}'
)
CAPITALS = RAW.replace(b"STATION", b"Weld 07").replace(b"ZONE", b"Z")
NO_ZONE = RAW.replace(b"STATION", b"weld-07").replace(b"ZONE", b"")


def board_for(*stations: str) -> Board:
    return Board({each: Card(each, 0, State(each)) for each in stations})


def events(results: Sequence[object]) -> list[IncidentEvent]:
    return [read_event(IncidentEvent, each.value) for each in results if isinstance(each, Message)]


def test_a_page_goes_out_after_three_of_five(records: MakeRecords, start: datetime) -> None:
    board = board_for("weld-07")
    results = Alerting(board, LineFile(None, POLICY), 300)(records("oaoaa"), start + timedelta(seconds=5))
    (event,) = events(results)
    assert board.cards["weld-07"].pages == [event]
    assert event.summary == "weld-07: 3 of the last 5 frames look defective."


def test_each_station_has_its_own_policy(records: MakeRecords, start: datetime, tmp_path: Path) -> None:
    board = board_for("weld-07", "press-1")
    file = tmp_path / "line.yaml"
    file.write_text("stations: {weld-*: {policy: {open: 1 of 1 frames}}}")
    results = Alerting(board, LineFile(file, POLICY), 300)([*records("a"), *records("a", "press-1")], start)
    assert [each.station for each in events(results)] == ["weld-07"]


def test_late_frames_page_nobody_until_a_fresh_one_shows_the_same(records: MakeRecords, start: datetime) -> None:
    board = board_for("weld-07")
    alerting = Alerting(board, LineFile(None, POLICY), max_alert_age_s=30)
    late = start + timedelta(minutes=10)
    opened, *updated = events(alerting(records("aaaaaaaa"), late))
    card = board.cards["weld-07"]
    assert [each.kind for each in updated] == ["updated"] * 2, "recorded all the same"
    assert (card.pages, card.owed) == ([], {opened.incident_id})
    assert [told for _, _, told in board.decided][2:] == [Telling.TOO_OLD_TO_PAGE] * 6
    assert alerting(records("a", first=8), start + timedelta(seconds=10)) == []
    assert [(each.event_id, each.kind, each.count) for each in card.pages] == [(opened.event_id, "opened", 9)]
    assert card.owed == frozenset()


def test_a_fresh_frame_that_doubles_the_count_of_a_late_incident_pages_that_it_opened(
    records: MakeRecords, start: datetime
) -> None:
    board = board_for("weld-07")
    alerting = Alerting(board, LineFile(None, POLICY), max_alert_age_s=30)
    (opened,) = events(alerting(records("aaa"), start + timedelta(minutes=10)))
    (updated,) = events(alerting(records("a", first=3), start + timedelta(seconds=10)))
    card = board.cards["weld-07"]
    assert updated.kind == "updated"
    assert [(each.event_id, each.kind) for each in card.pages] == [(opened.event_id, "opened")]


def test_that_it_is_worse_by_now_is_recorded_and_calls_nobody_again(records: MakeRecords, start: datetime) -> None:
    board = board_for("weld-07")
    opened, *updated = events(Alerting(board, LineFile(None, POLICY), 300)(records("a" * 20), start))
    assert [(each.kind, each.reason, each.count) for each in updated] == [
        ("updated", "count_doubled", 4),
        ("updated", "count_doubled", 8),
        ("updated", "count_doubled", 16),
    ]
    assert (
        updated[-1].summary == "weld-07: 16 frames look defective by now, after 13 s; the worst is 2.0 times the limit."
    )
    assert [each.event_id for each in board.cards["weld-07"].pages] == [opened.event_id]


def test_an_event_says_where_it_belongs_and_how_bad_that_is_there(
    records: MakeRecords, start: datetime, plans: Callable[[Plan], Plans]
) -> None:
    plan = Plan("weld-07", "north", "body", "frames", POLICY, route="nights", severities=LATER)
    (event,) = events(Alerting(board_for("weld-07"), plans(plan), 300)(records("aaa"), start))
    assert (event.site, event.area, event.line, event.route) == ("north", "body", "frames", "nights")
    assert (event.severity, event.drill) == ("warning", False)


def test_a_drill_copy_is_marked_wherever_its_incidents_go(records: MakeRecords, start: datetime) -> None:
    board = board_for("drill.weld-07")
    results = Alerting(board, LineFile(None, POLICY), 300)(records("aaaoooo", "drill.weld-07"), start)
    assert [(each.kind, each.drill) for each in events(results)] == [("opened", True), ("resolved", True)]


def test_evidence_says_where_the_score_lies(records: MakeRecords, start: datetime) -> None:
    (event,) = events(Alerting(board_for("weld-07"), LineFile(None, POLICY), 300)(records("aaa"), start))
    assert [(each.scored and each.scored.topic, each.scored and each.scored.offset) for each in event.evidence] == [
        ("scores", 2),
        ("scores", 0),
        ("scores", 1),
    ]
    assert (event.first, event.last) == (event.evidence[1].frame_id, event.evidence[0].frame_id)


def test_a_golden_frame_is_counted_nowhere_and_does_not_keep_a_station_from_falling_silent(
    records: MakeRecords, story_records: MakeRecords, start: datetime
) -> None:
    board, registry = board_for("weld-07"), CollectorRegistry()
    handle = counted(Alerting(board, LineFile(None, POLICY), 300), board, Metrics(registry))
    list(handle(records("o"), start))
    card = board.cards["weld-07"]
    card.mark = card.state.mark
    board.quiet = ["weld-07"]
    (event,) = events(list(handle(story_records("golden:aaauuu", first=1), start + timedelta(minutes=3))))
    assert event.cause == "station_silent"
    assert registry.get_sample_value("andon_scores_stale_total", {"station": "weld-07"}) is None


def test_what_nobody_was_told_of_is_over_without_a_page(records: MakeRecords, start: datetime) -> None:
    board = board_for("weld-07")
    results = Alerting(board, LineFile(None, POLICY), 30)(records("aaa" + "oooo"), start + timedelta(hours=1))
    assert [each.kind for each in events(results)] == ["opened", "resolved"]
    assert board.cards["weld-07"].pages == []
    assert board.decided[-1][2] is Telling.NEVER_TOLD


def test_the_end_of_a_paged_incident_is_paged_however_late(records: MakeRecords, start: datetime) -> None:
    board = board_for("weld-07")
    alerting = Alerting(board, LineFile(None, POLICY), 30)
    alerting(records("aaa"), start)
    alerting(records("oooo", first=3), start + timedelta(hours=1))
    assert [each.kind for each in board.cards["weld-07"].pages] == ["opened", "resolved"]


def test_a_redelivered_batch_decides_nothing(records: MakeRecords, start: datetime) -> None:
    board = board_for("weld-07")
    alerting = Alerting(board, LineFile(None, POLICY), 300)
    assert alerting(records("aaaoooo"), start)
    held = replace(board.cards["weld-07"])
    assert alerting(records("aaaoooo"), start) == []
    assert board.cards["weld-07"].state is held.state


def test_a_silent_station_opens_an_incident_unless_it_just_spoke(records: MakeRecords, start: datetime) -> None:
    board = board_for("weld-07", "press-1")
    alerting = Alerting(board, LineFile(None, POLICY), 300)
    alerting([*records("o"), *records("o", "press-1")], start)
    for card in board.cards.values():
        card.mark = card.state.mark
    board.quiet = ["weld-07", "press-1"]
    results = alerting(records("o", first=1), start + timedelta(minutes=3))
    assert [(each.station, each.cause) for each in events(results)] == [("press-1", "station_silent")]
    assert events(results)[0].summary == "press-1 has sent no frame since 14:00:00 UTC."


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": b"{}"}, Reason.BAD_RECORD),
        ({"value": b"\xff\xfe"}, Reason.BAD_RECORD),
        ({"key": b"other"}, Reason.BAD_STATION),
        ({"key": None}, Reason.BAD_STATION),
        ({"key": b"Weld 07", "value": CAPITALS}, Reason.BAD_STATION),
        ({"value": NO_ZONE}, Reason.BAD_RECORD),
    ],
)
def test_a_record_that_is_no_score_is_rejected_and_the_rest_goes_on(
    change: dict[str, bytes], reason: Reason, records: MakeRecords, start: datetime
) -> None:
    first, *rest = records("aaaa")
    board = board_for("weld-07")
    results = Alerting(board, LineFile(None, POLICY), 300)([replace(first, **change), *rest], start)
    assert [each.reason for each in results if isinstance(each, Rejected)] == [reason]
    assert len(events(results)) == 1


def test_decisions_are_counted_from_outside(records: MakeRecords, start: datetime) -> None:
    board, registry = board_for("weld-07"), CollectorRegistry()
    handle = counted(Alerting(board, LineFile(None, POLICY), 300), board, Metrics(registry))
    list(handle(records("aaaa"), start))
    list(handle(records("a"), start))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"andon_{name}", {"station": "weld-07"} | labels)

    assert value("incidents_opened_total", cause="defect_surge") == 1
    assert value("incidents_open") == 1
    assert value("incident_open", cause="defect_surge") == 1
    assert value("scores_stale_total") == 1


def by_a_person(opened: IncidentEvent, at: datetime) -> IncidentEvent:
    return resolved(Incident([opened]), "Mira", "the lamp was loose", at)


def test_what_a_person_ended_is_over_without_an_event_of_ours_and_its_page_is_queued_once_more(
    records: MakeRecords, start: datetime
) -> None:
    board, metrics = board_for("weld-07"), Metrics(CollectorRegistry())
    alerting = counted(Alerting(board, LineFile(None, POLICY), 300), board, metrics)
    (opened,) = events(list(alerting(records("aaa"), start)))
    card = board.cards["weld-07"]
    board.cards["weld-07"] = Card("weld-07", 0, card.state, card.state.mark, ended=(by_a_person(opened, start),))
    assert events(list(alerting([], start))) == []
    card = board.cards["weld-07"]
    assert card.changed
    assert card.state.open == ()
    assert [each.by for each in card.pages] == ["Mira"]
    assert [(each.why, told) for _, each, told in board.decided] == [(Why.BY_A_PERSON, Telling.PAGE)]
    assert metrics.incidents_open.labels("weld-07")._value.get() == 0


def test_what_nobody_was_told_of_and_a_person_ended_is_told_to_nobody(records: MakeRecords, start: datetime) -> None:
    board, late = board_for("weld-07"), start + timedelta(minutes=10)
    alerting = Alerting(board, LineFile(None, POLICY), max_alert_age_s=30)
    (opened,) = events(alerting(records("aaa"), late))
    card = board.cards["weld-07"]
    assert card.owed == {opened.incident_id}
    card.ended = (by_a_person(opened, late),)
    alerting([], late)
    assert (card.owed, card.pages, card.state.open) == (frozenset(), [], ())


def test_the_end_of_what_is_over_changes_nothing(records: MakeRecords, start: datetime) -> None:
    board = board_for("weld-07")
    alerting = Alerting(board, LineFile(None, POLICY), 300)
    opened, _ = events(alerting(records("aaaoooo"), start))
    card = board.cards["weld-07"]
    before, pages = card.state, list(card.pages)
    card.ended = (by_a_person(opened, start),)
    assert alerting([], start) == []
    assert (card.state, card.pages) == (before, pages)
