"""Findings: what began opens, what ended resolves, nothing is told twice, nothing is forgotten by a lost Redis."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from andon.ids import finding_id
from andon.incidents import Incident, resolved
from andon.line import Burst, Plan
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.records import (
    Cause,
    Drift,
    DriftCause,
    Evidence,
    Finding,
    FindingKind,
    FramePlace,
    IncidentEvent,
    Measure,
    Severity,
    read_event,
)
from andon.records import write_event as write
from andon.redis_client import Patience
from andon.stage import Message, Record, Stage
from andon.topics import DEAD_LETTERS, DRIFT, INCIDENTS
from andon_alerting.beside import open_of
from andon_alerting.ended import settling
from andon_alerting.finding_state import rebuilt
from andon_alerting.findings import LATE_WAIT_S, FindingSlate, Taking, places_of, watched
from andon_alerting.kept import Keeping
from andon_alerting.memory import MemoryShelf
from andon_alerting.page import page
from andon_alerting.story import FIRST_ACTION, SEVERITY
from andon_alerting.watch import FOUND, Watch, ended_by_a_person

DARK = Cause.STATION_DARK


class Plans:
    burst = Burst(stations=3, within_s=60)
    shortest_silence_s = None

    def of(self, station: str) -> Plan:
        return Plan(station, site="north", line="press-shop" if station.startswith("weld") else "", route="press")


@dataclass
class History:
    """What the twin holds, up to the commit."""

    kafka: MemoryKafka

    def findings(self) -> Iterable[Record]:
        return self.kafka.log(DRIFT, 0)[: self.kafka.committed("g", DRIFT, 0)]

    def incidents(self, since: datetime) -> Iterable[Record]:
        return self.kafka.records(INCIDENTS)


@dataclass
class Desk:
    """The stage of findings in memory; each turn is that of a new process."""

    start: datetime
    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(partitions=1))
    shelf: MemoryShelf[Watch] = field(default_factory=MemoryShelf)
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry()))
    ended: dict[UUID, IncidentEvent] = field(default_factory=dict)

    def asked(self, incidents: Iterable[UUID]) -> dict[UUID, IncidentEvent]:
        """What people ended."""
        return {each: self.ended[each] for each in incidents if each in self.ended}

    def resolve(self, incident: UUID, at_s: float) -> None:
        """A person ends an incident."""
        story = Incident([each for each in self.events() if each.incident_id == incident])
        event = resolved(story, "Mira", "the lamp was loose", self.start + timedelta(seconds=at_s))
        self.kafka.append(Message(INCIDENTS, event.station.encode(), write(event)))
        self.ended[incident] = event

    def say(self, turn: str, station: str = "weld-07", since_s: float = 0, **other: object) -> Finding:
        since = self.start + timedelta(seconds=since_s)
        cause = other.get("cause", DARK)
        fields: dict[str, object] = {
            "finding_id": finding_id("drift", str(cause), station, since.isoformat()),
            "kind": FindingKind.BEGAN if turn == "+" else FindingKind.ENDED,
            "cause": cause,
            "station": station,
            "sentence": f"{station}: it {'began' if turn == '+' else 'ended'}",
            "since": since,
            "at": since + timedelta(seconds=0 if turn == "+" else 30),
            "by": "drift",
        }
        said = Finding.model_validate(fields | other)
        self.kafka.append(Message(DRIFT, station.encode(), write(said)))
        return said

    def stage(self, at_s: float) -> Stage:
        now, slate = self.start + timedelta(seconds=at_s), FindingSlate()
        source = Keeping(
            MemorySource(self.kafka, [DRIFT], "g"),
            self.shelf,
            slate,
            places_of,
            Patience(lambda: None, 1),
            clock=lambda: now,
            rebuild=lambda: rebuilt(History(self.kafka), now, now),
            settle=settling(self.asked, open_of, ended_by_a_person),
        )
        handle = watched(Taking(slate, Plans(), 300), slate, self.metrics)
        return Stage("findings", source, handle, MemorySink(self.kafka), MemoryDeadLetters(self.kafka))

    def turn(self, at_s: float = 1.0) -> list[str]:
        """Reads what is new; answers the pages there are by now, in order."""
        self.stage(at_s).step(lambda: self.start + timedelta(seconds=at_s))
        return [
            f"{page(each).kind} {','.join(getattr(each, 'stations', ())) or each.station}"
            for each in self.shelf.told.values()
        ]

    def events(self) -> list[IncidentEvent]:
        return [read_event(IncidentEvent, each.value) for each in self.kafka.records(INCIDENTS)]


@pytest.fixture
def desk(start: datetime) -> Desk:
    return Desk(start)


def test_a_finding_opens_an_incident_and_its_end_resolves_it(desk: Desk) -> None:
    said = desk.say("+", "lone-1")
    assert desk.turn() == ["opened lone-1"]
    desk.say("-", "lone-1")
    assert desk.turn(31) == ["opened lone-1", "resolved lone-1"]
    opened, over = desk.events()
    assert opened.incident_id == over.incident_id == said.finding_id
    assert (opened.summary, over.summary) == ("lone-1: it began", "lone-1: it ended")
    assert (opened.reason, over.reason) == ("began", "ended")
    assert desk.metrics.incidents_opened.labels("lone-1", "station_dark")._value.get() == 1


def test_an_incident_says_all_that_the_finding_and_the_line_file_know(desk: Desk, start: datetime) -> None:
    frame = Evidence(
        frame_id=desk.say("+", "x").finding_id,
        frame=FramePlace(topic="camera.frames", partition=0, offset=7),
        captured_at=start,
    )
    measure = Measure(name="luminance", value=12, limit=60)
    desk.say("+", since_s=5, at=start + timedelta(seconds=9), evidence=(frame,), measure=measure, product="bracket")
    desk.turn(10)
    event = desk.events()[-1]
    assert (event.site, event.line, event.route, event.drill) == ("north", "press-shop", "press", False)
    assert (event.severity, event.first_action) == (SEVERITY[DARK], FIRST_ACTION[DARK])
    assert (event.opened_at, event.at) == (start + timedelta(seconds=5), start + timedelta(seconds=9))
    assert (event.evidence, event.measure, event.product) == ((frame,), measure, "bracket")
    assert event.first == event.last == frame.frame_id


@pytest.mark.parametrize("cause", sorted(FOUND))
def test_every_cause_that_is_found_becomes_an_incident_and_a_page(desk: Desk, cause: Cause) -> None:
    desk.say("+", cause=cause)
    desk.turn()
    (event,) = desk.events()
    assert event.cause is cause
    assert page(event).consequence


def test_a_turn_said_again_or_after_its_end_changes_nothing(desk: Desk) -> None:
    for turn in "++--+-":
        desk.say(turn)
    desk.say("+")
    desk.turn(31)
    assert [each.kind for each in desk.events()] == ["opened", "resolved"]


def test_one_page_tells_of_the_line_and_none_of_the_stations_that_came_in_the_same_moment(desk: Desk) -> None:
    for each in range(4):
        desk.say("+", f"weld-0{each}", since_s=each)
    assert desk.turn(5) == ["opened weld-00,weld-01,weld-02,weld-03"]
    assert [each.kind for each in desk.events()] == ["opened", "opened", "resolved", "resolved", "opened", "updated"]


def test_who_joins_or_leaves_makes_no_new_page_but_the_page_says_so(desk: Desk) -> None:
    for each in range(3):
        desk.say("+", f"weld-0{each}")
    desk.turn()
    desk.say("+", "weld-03", since_s=100)
    assert desk.turn(101) == ["opened weld-00,weld-01,weld-02,weld-03"]
    desk.say("-", "weld-00")
    assert desk.turn(130) == ["opened weld-01,weld-02,weld-03"]
    (told,) = desk.shelf.told.values()
    assert page(told).what.startswith("3 stations of line press-shop are dark since")


def test_a_station_told_before_its_line_is_told_to_be_part_of_it(desk: Desk) -> None:
    desk.say("+", "weld-00")
    assert desk.turn() == ["opened weld-00"]
    desk.say("+", "weld-01", since_s=1)
    desk.say("+", "weld-02", since_s=2)
    assert desk.turn(3) == ["opened weld-00", "resolved weld-00", "opened weld-00,weld-01,weld-02"]
    (over,) = [each for each in desk.events() if each.kind == "resolved" and each.station == "weld-00"]
    assert over.reason == "part_of_line"


def test_a_finding_lasts_so_it_is_told_however_late_but_not_at_once(desk: Desk) -> None:
    desk.say("+")
    assert desk.turn(7200) == ["opened weld-07"]
    desk.say("+", "lone-1", since_s=7200)
    desk.turn(7201)
    assert list(desk.shelf.waits.values()) == [LATE_WAIT_S, 0.0]


@pytest.mark.parametrize("at_s", [31, 7200])
def test_what_was_over_before_anybody_was_told_is_only_recorded(desk: Desk, at_s: float) -> None:
    desk.say("+")
    desk.say("-")
    assert desk.turn(at_s) == []
    assert [each.kind for each in desk.events()] == ["opened", "resolved"]


def test_what_is_no_finding_is_a_dead_letter_and_the_rest_goes_on(desk: Desk, start: datetime) -> None:
    said = write(desk.say("+"))
    for key, value in (
        (b"weld-07", b"{}"),
        (b"weld-07", said.replace(b"station_dark", b"station_haunted")),
        (b"weld-07", said.replace(b"station_dark", b"defect_surge")),
        (b"weld-08", said),
        (None, said),
        (b"weld 07", said.replace(b"weld-07", b"weld 07")),
    ):
        desk.kafka.append(Message(DRIFT, key, value))
    desk.say("+", "lone-1", since=start.replace(tzinfo=None), at=start.replace(tzinfo=None))
    assert desk.turn() == ["opened weld-07"]
    reasons = [dict(each.headers)["andon-reason"] for each in desk.kafka.records(DEAD_LETTERS)]
    assert sorted(reasons) == [*[b"bad_record"] * 4, *[b"bad_station"] * 3]


def test_a_crash_before_it_is_kept_makes_the_same_events_again(desk: Desk) -> None:
    desk.say("+")
    broken = desk.stage(1)
    results = broken.handle(broken.source.poll(), desk.start)
    broken.sink.send([each for each in results if isinstance(each, Message)], lambda: None)
    assert desk.turn() == ["opened weld-07"]
    first, again = desk.events()
    assert first == again


def test_a_crash_before_the_commit_changes_nothing_more(desk: Desk) -> None:
    desk.say("+")
    desk.turn()
    desk.kafka.commit("g", DRIFT, 0, 0)
    assert desk.turn(2) == ["opened weld-07"]
    assert len(desk.events()) == 1


def test_where_another_process_was_faster_nothing_is_kept_and_the_rest_is_still_done(desk: Desk) -> None:
    desk.say("+", "lone-1")
    slow = desk.stage(1)
    polled = slow.source.poll()
    desk.turn()
    desk.kafka.commit("g", DRIFT, 0, 0)
    slow.handle(polled, desk.start)
    slow.source.commit()
    assert desk.kafka.committed("g", DRIFT, 0) == 0
    assert slow.step(lambda: desk.start) == 1
    assert desk.kafka.committed("g", DRIFT, 0) == 1
    assert len(desk.shelf.told) == 1


def test_what_a_lost_redis_knew_is_read_back_and_goes_on(desk: Desk) -> None:
    for each in range(4):
        desk.say("+", f"weld-0{each}", since_s=each)
    desk.say("+", "lone-1")
    desk.say("-", "weld-01", since_s=1)
    desk.say("+", "lone-2", cause=Cause.CAMERA_MOVED)
    desk.turn(40)
    before, desk.shelf.held = desk.shelf.held, None
    assert desk.turn(41) == desk.turn(41)
    assert desk.shelf.held is None, "nothing is read back before it is needed"
    desk.say("-", "lone-1")
    desk.say("+", "weld-03", since_s=3)
    desk.turn(42)
    again = desk.shelf.held or {}
    assert before is not None
    assert again["camera_moved"] == before["camera_moved"]
    assert [each.incident_id for each in again[DARK].open] == [
        each.incident_id for each in before[DARK].open if each.station != "lone-1"
    ]
    assert again[DARK].open[-1].stations == ("weld-00", "weld-02", "weld-03")
    assert desk.events()[-1].kind == "resolved"


def test_what_a_person_ended_stays_over_while_the_finding_goes_on_and_opens_when_it_begins_again(desk: Desk) -> None:
    first = desk.say("+", "lone-1")
    desk.turn()
    desk.resolve(first.finding_id, 5)
    desk.say("+", "lone-1")
    desk.say("+", "other-1")
    assert desk.turn(10) == ["opened lone-1", "resolved lone-1", "opened other-1"]
    desk.say("-", "lone-1")
    desk.turn(40)
    assert [each.reason for each in desk.events() if each.station == "lone-1"] == ["began", "by_a_person"]
    second = desk.say("+", "lone-1", since_s=60)
    assert desk.turn(61)[-1] == "opened lone-1"
    assert desk.events()[-1].incident_id == second.finding_id != first.finding_id


SOFTER, LIGHTER = DriftCause.FOCUS, DriftCause.EXPOSURE


def drift(desk: Desk, turn: str, named: DriftCause = SOFTER, since_s: float = 0, station: str = "weld-07") -> Finding:
    said = Drift(named=named, since=desk.start + timedelta(seconds=since_s))
    finding = finding_id("drift", f"drift/{named}", station, str(since_s))
    return desk.say(turn, station, since_s, cause=Cause.DRIFT, drift=said, finding_id=finding)


def critical(desk: Desk) -> list[str]:
    """The pages that call people."""
    pages = [page(each) for each in desk.shelf.told.values()]
    return [f"{each.kind} {each.cause}" for each in pages if each.severity is Severity.CRITICAL]


@pytest.mark.parametrize("first", ["drift", "rejects"])
@pytest.mark.parametrize("lost", [False, True])
def test_drift_with_rejects_pages_once_in_whatever_order_also_after_a_lost_redis(
    desk: Desk, first: str, lost: bool
) -> None:
    def drifts() -> None:
        drift(desk, "+")

    def rejects() -> None:
        desk.say("+", cause=Cause.REJECT_RATE)

    one, other = (drifts, rejects) if first == "drift" else (rejects, drifts)
    one()
    desk.turn(1)
    assert critical(desk) == []
    if lost:
        desk.shelf.held = None
    other()
    desk.turn(2)
    second = Cause.REJECT_RATE if first == "drift" else Cause.DRIFT
    assert critical(desk) == [f"opened {second}"]
    desk.kafka.commit("g", DRIFT, 0, 0)
    desk.turn(3)
    one()
    other()
    desk.turn(4)
    assert critical(desk) == [f"opened {second}"], "said again, and read again"
    assert desk.events()[-1].severity is Severity.CRITICAL


def test_both_in_one_batch_page_once_and_say_what_drifted(desk: Desk) -> None:
    drift(desk, "+")
    desk.say("+", cause=Cause.REJECT_RATE)
    desk.turn()
    assert critical(desk) == ["opened reject_rate"]
    told = page(desk.events()[-1])
    assert told.changed == "at the same time: it began"


def test_a_second_thing_that_drifts_is_told_by_the_first_ones_page(desk: Desk) -> None:
    drift(desk, "+", station="lone-1")
    assert desk.turn() == ["opened lone-1"]
    drift(desk, "+", LIGHTER, 900, "lone-1")
    assert desk.turn(901) == ["opened lone-1"]
    (told,) = desk.shelf.told.values()
    assert page(told).what == "lone-1: it began. Also: it began."
    drift(desk, "-", station="lone-1")
    assert desk.turn(931) == ["opened lone-1"]
    drift(desk, "-", LIGHTER, 900, "lone-1")
    assert desk.turn(932) == ["opened lone-1", "resolved lone-1"]


def test_a_ticket_that_became_a_page_is_over_as_a_ticket(desk: Desk) -> None:
    for each in range(3):
        drift(desk, "+", LIGHTER, each, f"weld-0{each}")
    desk.turn(5)
    desk.say("+", "weld-04", cause=Cause.REJECT_RATE)
    drift(desk, "+", LIGHTER, 600, "weld-04")
    assert desk.turn(601) == [
        "opened weld-00,weld-01,weld-02",
        "opened weld-04",
        "resolved weld-00,weld-01,weld-02",
        "opened weld-00,weld-01,weld-02,weld-04",
    ]
    assert critical(desk) == ["opened drift"]


def test_what_drifts_is_read_back_by_name(desk: Desk) -> None:
    drift(desk, "+", station="weld-00")
    for each in range(3):
        drift(desk, "+", LIGHTER, each, f"weld-0{each}")
    desk.turn(5)
    before, desk.shelf.held = desk.shelf.held, None
    drift(desk, "+", LIGHTER, 600, "weld-04")
    desk.turn(601)
    assert before is not None
    again = (desk.shelf.held or {})[Cause.DRIFT]
    assert again.found[:4] == before[Cause.DRIFT].found
    assert {each.incident_id: each.drift for each in again.open} == {
        each.incident_id: each.drift for each in before[Cause.DRIFT].open
    }


def test_a_lost_redis_does_not_bring_back_what_a_person_ended(desk: Desk) -> None:
    for each in range(2):
        desk.say("+", f"weld-0{each}", since_s=each)
    desk.turn()
    for each in desk.events():
        desk.resolve(each.incident_id, 5)
    desk.say("+", "lone-1", since_s=9)
    desk.turn(10)
    before, desk.shelf.held = desk.shelf.held, None
    desk.ended.clear()
    desk.say("+", "lone-2", since_s=10)
    desk.turn(11)
    held = (desk.shelf.held or {})[DARK]
    assert before is not None
    assert held.found[:3] == before[DARK].found
    assert [each.station for each in held.open] == ["lone-1", "lone-2"]
