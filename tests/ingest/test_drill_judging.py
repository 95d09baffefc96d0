"""Whether a drill went as it should: the rule book of the judging, and what is told of it."""

import json
import socket
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree

import pytest
from rich.console import Console

from andon.errors import Mistake
from andon.ids import derived_id
from andon.records import Cause, IncidentEvent, IncidentKind, Severity, write_event
from andon.stage import Record
from andon_ingest.drill.faults import EXPECTED, OF_THE_PICTURE, Fault, may_be_told
from andon_ingest.drill.judging import Outcome, Result, Tried, judge
from andon_ingest.drill.listen import address, incidents_in, listening
from andon_ingest.drill.report import WORDS, Drill, as_record, junit, table
from andon_ingest.drill.story import Heard, Story

BEGAN = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
FRAMES = [UUID(int=100 + number) for number in range(24)]


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def heard(cause: Cause, opened_s: float = 1.0, paged_s: float | None = 1.5, over_s: float | None = 9.0) -> Heard:
    found = Heard(derived_id(UUID(int=1), cause), cause, at(opened_s), frozenset(FRAMES[:3]))
    found.paged = {} if paged_s is None else {"alertmanager": at(paged_s)}
    found.resolved = None if over_s is None else at(over_s)
    return found


def tried(fault: Fault, within_s: float = 5.0) -> Tried:
    return Tried(fault, BEGAN, FRAMES, within_s)


@pytest.mark.parametrize("fault", list(Fault))
def test_the_right_cause_paged_in_time_is_right(fault: Fault) -> None:
    for cause in EXPECTED[fault]:
        outcome = judge(tried(fault), [heard(cause)])
        assert (outcome.result, outcome.named, outcome.beside) == (Result.RIGHT, cause, ())


def test_each_time_is_counted_from_the_first_altered_frame_and_frames_up_to_the_one_that_opened() -> None:
    outcome = judge(tried(Fault.DEFECT), [heard(Cause.DEFECT_SURGE)])
    assert (outcome.frames, outcome.opened_s, outcome.paged_s, outcome.resolved_s) == (3, 1.0, 1.5, 9.0)
    assert outcome.sink == "alertmanager"


def test_the_first_sink_that_accepted_counts() -> None:
    found = heard(Cause.DEFECT_SURGE)
    found.paged["webhook"] = at(1.2)
    outcome = judge(tried(Fault.DEFECT), [found])
    assert (outcome.paged_s, outcome.sink) == (1.2, "webhook")


def test_nothing_heard_is_wrong() -> None:
    outcome = judge(tried(Fault.DIM), [])
    assert (outcome.result, outcome.right, outcome.named) == (Result.NOTHING, False, None)


def test_another_cause_alone_is_wrong_even_one_that_may_stand_beside_the_right_one() -> None:
    assert judge(tried(Fault.DIM), [heard(Cause.DEFECT_SURGE)]).result is Result.WRONG_CAUSE
    assert judge(tried(Fault.DEFECT), [heard(Cause.STATION_BLURRED)]).result is Result.WRONG_CAUSE


def test_bad_looking_parts_may_be_told_beside_a_spoilt_picture_and_beside_nothing_else() -> None:
    for fault in Fault:
        story = [heard(EXPECTED[fault][0]), heard(Cause.DEFECT_SURGE, 0.5)]
        is_fine = fault in OF_THE_PICTURE or fault is Fault.DEFECT
        assert judge(tried(fault), story).result is (Result.RIGHT if is_fine else Result.MORE_CAUSES)


@pytest.mark.parametrize("fault", list(Fault))
def test_any_other_cause_beside_the_right_one_is_wrong(fault: Fault) -> None:
    for cause in set(Cause) - may_be_told(fault):
        outcome = judge(tried(fault), [heard(EXPECTED[fault][0]), heard(cause, 2.0)])
        assert (outcome.result, outcome.beside) == (Result.MORE_CAUSES, (cause,))


def test_named_right_but_told_nobody_is_wrong() -> None:
    assert judge(tried(Fault.DIM), [heard(Cause.STATION_DARK, paged_s=None)]).result is Result.NOT_PAGED


def test_paged_later_than_allowed_is_wrong() -> None:
    assert judge(tried(Fault.DIM, within_s=1.5), [heard(Cause.STATION_DARK)]).right
    assert judge(tried(Fault.DIM, within_s=1.4), [heard(Cause.STATION_DARK)]).result is Result.TOO_LATE


def test_where_a_notification_is_waited_for_it_must_arrive() -> None:
    found = heard(Cause.STATION_DARK)
    waiting = Tried(Fault.DIM, BEGAN, FRAMES, 5.0, {})
    assert judge(waiting, [found]).result is Result.NOT_NOTIFIED
    outcome = judge(Tried(Fault.DIM, BEGAN, FRAMES, 5.0, {found.incident.hex[:12]: at(1.75)}), [found])
    assert (outcome.right, outcome.notified_s) == (True, 1.75)


def event(kind: IncidentKind, seconds: float, station: str = "drill.weld-07", **more: object) -> Record:
    made = IncidentEvent(
        event_id=derived_id(UUID(int=3), kind, str(seconds)),
        incident_id=UUID(int=3),
        kind=kind,
        station=station,
        cause=Cause.STATION_DARK,
        severity=Severity.CRITICAL,
        reason="began",
        at=at(seconds),
        opened_at=at(0),
        last=FRAMES[2],
        **more,
    )
    stamp = int(at(seconds).timestamp() * 1000)
    return Record("incidents", 0, 0, station.encode(), write_event(made), (), stamp)


def test_a_story_follows_an_incident_from_opened_to_resolved() -> None:
    story = Story("drill.weld-07")
    opened = event(IncidentKind.OPENED, 2)
    page = {"sink": "alertmanager", "about": IncidentKind.OPENED}
    story.take([opened, event(IncidentKind.PAGED, 2.5, **page), event(IncidentKind.PAGED, 7, **page), opened])
    (found,) = story.open
    assert (found.opened, found.paged, FRAMES[2] in found.frames) == (at(2), {"alertmanager": at(2.5)}, True)
    over = {"sink": "alertmanager", "about": IncidentKind.RESOLVED}
    story.take(
        [event(IncidentKind.RESOLVED, 9), event(IncidentKind.PAGED, 9.5, **over), event(IncidentKind.RESOLVED, 10)]
    )
    assert (story.open, found.resolved, found.paged) == ([], at(9), {"alertmanager": at(2.5)})
    assert story.after({found.incident}) == []
    assert story.after(set()) == [found]


def test_a_story_is_of_one_station_and_takes_no_harm_from_what_is_no_event() -> None:
    story = Story("drill.weld-07")
    torn = Record("incidents", 0, 0, b"drill.weld-07", b"{", (), 0)
    story.take([event(IncidentKind.OPENED, 2, "weld-07"), torn, event(IncidentKind.RESOLVED, 3)])
    assert story.incidents == {}


def outcome(fault: Fault = Fault.DIM, result: Result = Result.RIGHT, paged_s: float | None = 1.5) -> Outcome:
    return Outcome(fault, result, BEGAN, EXPECTED[fault][0], paged_s=paged_s, opened_s=1.0, frames=8, sink="webhook")


def test_every_result_has_words() -> None:
    assert set(WORDS) == set(Result)


def test_a_drill_is_right_when_all_are_and_says_so_in_a_sentence() -> None:
    drill = Drill("weld-07", (outcome(), outcome(Fault.BLUR, paged_s=2.25)))
    assert (drill.right, drill.failed) == (True, False)
    assert drill.sentence == "weld-07: 2 of 2 drills were named right, the slowest page after 2.2 s."
    wrong = Drill("weld-07", (outcome(), outcome(Fault.BLUR, Result.NOTHING, None)))
    assert (wrong.right, wrong.failed) == (False, True)
    assert wrong.sentence == "weld-07: 1 of 2 drills went wrong: blur (nobody was told anything)."


def test_what_could_not_be_drilled_is_neither_right_nor_failed() -> None:
    drill = Drill("weld-07", problem="no proven bundle serves it", skipped=True)
    assert (drill.right, drill.failed) == (False, False)
    assert "was not done: no proven bundle" in drill.sentence


def test_as_json_a_drill_tells_each_time_and_their_quantiles() -> None:
    drill = Drill("weld-07", tuple(outcome(paged_s=second / 100) for second in range(1, 102)))
    told = json.loads(json.dumps(as_record(drill)))
    assert told["seconds"]["dim"]["paged_s"] == {"count": 101, "p50": 0.51, "p99": 1.0, "max": 1.01}
    assert (told["drills"][0]["expected"], told["drills"][0]["result"]) == (["station_dark"], "right")
    assert told["seconds"]["dim"]["notified_s"] is None


def test_a_table_has_a_row_a_fault_and_counts_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    drill = Drill("weld-07", (outcome(), outcome(result=Result.TOO_LATE), outcome(Fault.SILENCE)))
    Console(width=80).print(table(drill))
    shown = capsys.readouterr().out
    assert "1/2" in shown
    assert [line for line in shown.splitlines() if "silence" in line and "station_silent" in line and "yes" in line]
    assert "…" not in shown, "80 columns are enough"
    assert "p50/p99" in shown


def test_a_junit_report_names_each_failure_and_what_was_not_done(tmp_path: Path) -> None:
    drills = [
        Drill("weld-07", (outcome(), outcome(Fault.BLUR, Result.WRONG_CAUSE))),
        Drill("weld-08", problem="Kafka holds too few frames", skipped=True),
        Drill("weld-09", problem="it did not settle"),
    ]
    junit(drills).write(tmp_path / "drill.xml", encoding="utf-8", xml_declaration=True)
    first, second, third = ElementTree.parse(tmp_path / "drill.xml").getroot()  # noqa: S314  our own
    assert (first.get("name"), first.get("tests"), first.get("failures")) == ("weld-07", "2", "1")
    assert [case.get("name") for case in first if case.find("failure") is not None] == ["blur 2"]
    assert (second.get("tests"), second.get("skipped"), second.get("errors")) == ("1", "1", "0")
    assert (third.get("errors"), third.find("testcase/error") is not None) == ("1", True)


def test_a_notification_of_alertmanager_arrives_by_the_incidents_it_fires_for() -> None:
    alerts = [
        {"status": "firing", "labels": {"incident": "aaa"}},
        {"status": "resolved", "labels": {"incident": "bbb"}},
        {"status": "firing", "labels": {}},
        "nonsense",
    ]
    body = json.dumps({"version": "4", "alerts": alerts}).encode()
    port = free_port()
    with listening("127.0.0.1", port) as arrived:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", body)
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            assert answer.status == 200
        assert list(arrived) == ["aaa"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'{"alerts": 3}', b'{"alerts": [{"status": "firing"}]}'])
def test_what_is_no_notification_says_nothing(body: bytes) -> None:
    assert incidents_in(body) == []


@pytest.mark.parametrize("text", ["", "9099", "host:", ":9099", "host:0", "host:70000", "host:nine"])
def test_where_to_listen_is_a_host_and_a_port(text: str) -> None:
    with pytest.raises(Mistake, match="HOST:PORT"):
        address(text)
    assert address("0.0.0.0:9099") == ("0.0.0.0", 9099)


def test_a_port_that_somebody_has_is_a_mistake() -> None:
    port = free_port()
    with listening("127.0.0.1", port), pytest.raises(Mistake, match=str(port)), listening("127.0.0.1", port):
        pass
