"""What a machine is told, and what it is not."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from andon.line import Plans
from andon.reasons import Reason
from andon.records import Cause, IncidentEvent, IncidentKind, Score, Severity, Verdict
from andon.records.score import Unscorable
from andon.stage import Message, Record, Rejected
from andon_machines.incident import OpenIncidents, station_incident
from andon_machines.result import Action, Rule, part_result, sent, write_result
from andon_machines.telling import Verdicts, incidents

Scores = Callable[..., Score]
Events = Callable[..., IncidentEvent]
Records = Callable[..., Record]


@pytest.mark.parametrize(
    ("verdict", "rule", "action"),
    [
        (Verdict.OK, "reject", Action.GO),
        (Verdict.ANOMALOUS, "pass", Action.REJECT),
        (Verdict.UNSCORABLE, "reject", Action.REJECT),
        (Verdict.UNSCORABLE, "pass", Action.GO),
        (Verdict.UNSCORABLE, "hold", Action.HOLD),
    ],
)
def test_a_part_that_nobody_could_inspect_is_treated_as_the_factory_says(
    verdict: Verdict, rule: Rule, action: Action, score: Scores, plans: Plans
):
    assert part_result(score(verdict=verdict), plans.of("weld-07"), rule).action is action


@pytest.mark.parametrize(
    ("captured_s", "scored_s", "late"),
    [
        (-1.9, -1.0, False),
        (-2.1, -1.0, True),
        (-60, -0.1, True),
        (+30, -60, True),  # the camera's clock runs ahead: what was scored a minute ago is not fresh
        (+30, -0.1, False),
        (+30, +30, True),  # both clocks do: nobody knows how old it is
    ],
)
def test_a_verdict_older_than_two_seconds_is_late_and_rejects_nothing(
    captured_s: float, scored_s: float, late: bool, score: Scores, plans: Plans, now: datetime
):
    given = score(
        verdict=Verdict.ANOMALOUS,
        captured_at=now + timedelta(seconds=captured_s),
        scored_at=now + timedelta(seconds=scored_s),
    )
    told = sent(part_result(given, plans.of("weld-07"), "reject"), now, 2000)
    assert told.late is late
    assert told.action is (Action.NONE if late else Action.REJECT)


def test_a_verdict_that_was_late_once_is_judged_anew_when_it_is_sent_again(score: Scores, plans: Plans, now: datetime):
    given = part_result(score(verdict=Verdict.ANOMALOUS), plans.of("weld-07"), "reject")
    assert not sent(given, now + timedelta(seconds=1), 2000).late
    assert sent(sent(given, now + timedelta(seconds=1), 2000), now + timedelta(seconds=3), 2000).late


def test_the_json_has_the_names_of_opc_40100_1(score: Scores, plans: Plans, now: datetime):
    given = score(
        verdict=Verdict.UNSCORABLE, unscorable=Unscorable.NO_BUNDLE, part="A 4711", product="door", bundle="b"
    )
    told = json.loads(write_result(sent(part_result(given, plans.of("weld-07"), "reject"), now, 2000)))
    assert told["resultId"] == str(given.frame_id)
    assert (told["resultState"], told["isPartial"], told["isSimulated"]) == (4, False, False)
    assert (told["partId"], told["productId"], told["recipeId"]) == ("A 4711", "door", "b")
    assert (told["verdict"], told["unscorable"], told["action"], told["late"]) == (
        "unscorable",
        "no_bundle",
        "reject",
        False,
    )
    assert (told["site"], told["line"], told["station"]) == ("North field", "body/2", "weld-07")


def test_golden_frames_drills_and_stations_without_nodes_reach_no_machine(
    score: Scores, plans: Plans, record: Records, now: datetime
):
    given = [score(), score(golden="bundle/good"), score(station="drill.weld-07"), score(station="press-1")]
    told = Verdicts(plans, "reject", {"weld-07", "drill.weld-07"}.__contains__)(list(map(record, given)), now)
    assert [each.key for each in told if isinstance(each, Message)] == [b"weld-07"]


def test_verdicts_of_a_station_keep_their_order(score: Scores, plans: Plans, record: Records, now: datetime):
    told = Verdicts(plans, "reject")([record(score(seq)) for seq in range(5)], now)
    assert [json.loads(each.value)["seq"] for each in told if isinstance(each, Message)] == [0, 1, 2, 3, 4]


def test_what_is_no_score_or_incident_is_rejected(plans: Plans, now: datetime):
    bad = Record("scores", 0, 0, b"weld-07", b"{}")
    for told in (Verdicts(plans, "reject")([bad], now), incidents([bad], now)):
        (result,) = told
        assert isinstance(result, Rejected)
        assert result.reason is Reason.BAD_RECORD


def test_drills_and_pages_are_no_news_for_machines(event: Events, record: Records, now: datetime):
    given = [
        event(1),
        event(2, drill=True),
        event(1, IncidentKind.PAGED, sink="webhook"),
        event(1, IncidentKind.RESOLVED),
    ]
    told = [json.loads(each.value) for each in incidents(list(map(record, given)), now) if isinstance(each, Message)]
    assert [(each["kind"], each["open"]) for each in told] == [("opened", True), ("resolved", False)]


def test_an_incident_of_a_whole_line_has_no_station_and_names_them(event: Events):
    told = station_incident(event(station="*", stations=("weld-07", "weld-08"), line="body-2"))
    assert (told.station, told.stations, told.line) == ("", ("weld-07", "weld-08"), "body-2")


def test_the_causes_of_a_station_stand_worst_first_and_those_of_its_line_too(event: Events):
    table = OpenIncidents()
    table.take(event(1, cause=Cause.DRIFT, severity=Severity.WARNING))
    table.take(event(2, cause=Cause.DEFECT_SURGE))
    table.take(event(3, cause=Cause.STATION_DARK, station="*", stations=("weld-07", "weld-08")))
    assert table.causes("weld-07") == "defect_surge,station_dark,drift"
    assert table.causes("weld-08") == "station_dark"
    assert table.causes("weld-09") == ""


def test_what_is_resolved_stays_so_when_old_events_come_again(event: Events):
    table = OpenIncidents()
    for kind in (IncidentKind.RESOLVED, IncidentKind.OPENED, IncidentKind.UPDATED, IncidentKind.ACKNOWLEDGED):
        table.take(event(1, kind))
    assert table.causes("weld-07") == ""


def test_an_acknowledged_incident_is_still_open(event: Events):
    table = OpenIncidents()
    for kind in (IncidentKind.OPENED, IncidentKind.ACKNOWLEDGED, IncidentKind.PAGED):
        table.take(event(1, kind))
    assert table.causes("weld-07") == "defect_surge"


def test_a_drill_opens_nothing(event: Events):
    table = OpenIncidents()
    table.take(event(1, drill=True))
    assert table.causes("weld-07") == ""
