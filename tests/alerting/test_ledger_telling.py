"""What people are told of missing frames, when, and when it is over."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from finding_turns import PLANS
from ledger_room import BEGAN, EPOCH, FORGET_S, SETTLE_S, Room
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from andon.metrics import Metrics
from andon.passing import Which
from andon.records import Finding, FindingKind, IncidentEvent, IncidentKind, Severity, read_event, write_event
from andon.stage import Record
from andon.topics import DRIFT
from andon_alerting.findings import FindingSlate, Taking, read_finding
from andon_alerting.ledger.board import Board
from andon_alerting.ledger.observe import Shown
from andon_alerting.ledger.opened import Opened
from andon_alerting.ledger.orphans import Orphans
from andon_alerting.ledger.station import Station, Told
from andon_alerting.ledger.sweep import Reads, Sweep
from andon_alerting.ledger.telling import Patience
from andon_alerting.ledger.watching import Watching
from andon_alerting.ledger.words import clock, moment, numbers


@pytest.fixture
def room() -> Room:
    return Room()


def lose(room: Room, *seqs: int, first: int = 0) -> None:
    """Of ten frames all but `seqs` are scored, and preprocess read them all."""
    room.passed("reached_preprocess", (first, first + 9))
    room.scored(*(each for each in range(first, first + 10) if each not in seqs))
    room.look()
    room.look(SETTLE_S)


def test_a_person_is_told_which_frames_vanished_where_and_what_to_look_at(room: Room):
    lose(room, 3, 4, 5)
    (told,) = room.findings
    began = datetime.fromtimestamp(EPOCH / 1000, UTC)
    assert told.sentence == (
        f"press-1: 3 frames (3 to 5 of the capture that began {began:%H:%M} UTC) vanished in preprocess: read there at "
        f"{began:%H:%M} UTC, neither passed on nor refused. See the log of preprocess at that time; report it as a "
        "fault of Andon with that log. andon ledger press-1 --missing names them all."
    )
    assert told.measure is not None
    assert (told.measure.name, told.measure.value, told.measure.limit) == ("missing frames", 3, 0)
    assert told.since == began


def test_more_losses_while_people_know_of_it_join_what_they_know(room: Room):
    lose(room, 3)
    lose(room, 13, 15, first=10)
    assert len(room.findings) == 1
    assert room.station.missing == 3


def test_it_is_over_when_nothing_more_vanished_for_an_hour_and_then_they_are_lost(room: Room):
    lose(room, 3)
    room.now += FORGET_S / 2
    lose(room, 13, first=10)
    assert room.look(FORGET_S - 1) == []
    (ended,) = room.look(1)
    assert ended.kind is FindingKind.ENDED
    assert ended.finding_id == room.findings[0].finding_id
    assert ended.sentence == (
        "press-1: nothing more has vanished for 60 min. 2 frames of it count as lost; andon ledger press-1 names them."
    )
    assert (room.station.missing, room.station.totals.lost, room.station.captured) == (0, 2, 20)
    assert [run[:2] for run in room.station.accounts[room.which].lost] == [(3, 3), (13, 13)]


def test_what_is_lost_and_comes_after_all_is_lost_no_more(room: Room):
    lose(room, 3)
    room.look(FORGET_S)
    room.scored(3)
    totals = room.station.totals
    assert (totals.lost, totals.found, totals.scored, room.station.captured) == (0, 1, 10, 10)


def test_the_next_loss_is_told_anew(room: Room):
    lose(room, 3)
    room.look(FORGET_S)
    lose(room, 13, first=10)
    assert [each.kind for each in room.findings] == [FindingKind.BEGAN, FindingKind.ENDED, FindingKind.BEGAN]
    assert room.findings[0].finding_id != room.findings[2].finding_id


def test_a_loss_that_is_decided_again_after_a_crash_is_the_same_finding(room: Room):
    other = Room()
    lose(room, 3, 4)
    other.now = 777
    lose(other, 3, 4)
    assert room.findings[0].finding_id == other.findings[0].finding_id


def test_what_another_told_is_over_only_when_nothing_vanished_for_an_hour(room: Room):
    """Redis has lost what was missing then: that it is not missing now says nothing."""
    began = Room()
    lose(began, 3)
    opened = Opened(Topic(began.findings))
    room.station.told = opened.told("press-1", room.ms)
    room.scored(range(10))
    assert room.look(FORGET_S - 1) == []
    (ended,) = room.look(1)
    assert ended.finding_id == began.findings[0].finding_id


def test_what_is_over_is_open_no_more(room: Room):
    lose(room, 3)
    topic = Topic(room.findings)
    opened = Opened(topic)
    assert opened.stations() == ["press-1"]
    topic.more = room.look(FORGET_S)
    opened.refresh()
    assert opened.told("press-1", room.ms) is None


class Topic:
    """A topic of findings."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = list(findings)
        self.more: list[Finding] = []

    def read_to_end(self):  # type: ignore[no-untyped-def]
        return map(record_of, self.findings)

    def changes(self) -> list[Record]:
        return [record_of(each) for each in self.more]

    def close(self) -> None:
        """Holds nothing."""


def record_of(finding: Finding) -> Record:
    return Record(DRIFT, 0, 0, finding.station.encode(), write_event(finding))


def test_alerting_opens_one_critical_incident_and_resolves_it(room: Room):
    lose(room, 3)
    lose(room, 13, first=10)
    room.look(FORGET_S)
    slate = FindingSlate()
    taking = Taking(slate, PLANS, max_alert_age_s=300)
    events = [taking([record_of(each)], each.at) for each in room.findings]
    turns = [read_event(IncidentEvent, message.value) for some in events for message in some]
    assert [turn.kind for turn in turns] == [IncidentKind.OPENED, IncidentKind.RESOLVED]
    assert turns[0].severity is Severity.CRITICAL
    assert turns[0].summary == room.findings[0].sentence
    assert all(read_finding(record_of(each)) == each for each in room.findings)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([(5, 5)], "5"),
        ([(1201, 1203)], "1,201 to 1,203"),
        ([(1, 2), (4, 4), (6, 7), (9, 20)], "1 to 2, 4, 6 to 7 and 12 more"),
    ],
)
def test_numbers_are_named_up_to_some(runs: list[tuple[int, int]], said: str):
    assert numbers(runs) == said


def test_a_time_of_another_day_has_its_day():
    now = datetime(2026, 3, 2, 14, tzinfo=UTC)
    assert clock(now, now) == "14:00 UTC"
    assert clock(now - timedelta(days=1), now) == "2026-03-01 14:00 UTC"
    assert moment(10**17).year == 9999  # an epoch that no calendar has is no traceback


def test_losses_in_two_places_are_told_in_one_sentence(room: Room):
    room.passed("captured", (0, 19))
    room.passed("reached_scoring", (15, 15))
    room.scored(*(each for each in range(20) if each not in (3, 15)))
    room.look()
    room.look(SETTLE_S)
    (told,) = room.findings
    assert "1 frame (3 of the capture" in told.sentence
    assert "vanished in camera.frames" in told.sentence
    assert "1 frame more vanished there or elsewhere." in told.sentence


@pytest.fixture
def board() -> Board:
    return Board(BEGAN)


@pytest.fixture
def kafka() -> "Groups":
    return Groups()


class Groups:
    """Where topics end, and where groups stand in them."""

    def __init__(self) -> None:
        self.topics = {("camera.frames", 0): 10, ("frames.prepared", 0): 10, ("scores", 0): 10}
        self.stands = {"pre": {("camera.frames", 0): 10}, "scoring": {("frames.prepared", 0): 10}, "own": {}}
        self.stands["own"] = {("scores", 0): 10}
        self.asked = 0

    def ends(self, topics):  # type: ignore[no-untyped-def]
        self.asked += 1
        return {place: end for place, end in self.topics.items() if place[0] in topics}

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        return self.stands[group]


ALL = (Reads("pre", ("camera.frames",)), Reads("scoring", ("frames.prepared",)), Reads("own", ("scores",)))


def test_a_sweep_goes_on_when_each_group_has_read_what_was_there(kafka: Groups):
    sweep = Sweep(kafka, ALL)
    kafka.stands["pre"] = {("camera.frames", 0): 9}
    assert sweep(100) == 0
    kafka.topics["camera.frames", 0] = 1000  # the line goes on: it never is empty
    assert sweep(101) == 0
    kafka.stands["pre"] = {("camera.frames", 0): 10}
    assert sweep(102) == 100
    assert sweep(103) == 0 + 100  # what came since is not read


@pytest.mark.parametrize("group", ["pre", "scoring", "own"])
def test_no_sweep_passes_a_group_that_has_not_read_on(kafka: Groups, group: str):
    sweep = Sweep(kafka, ALL)
    kafka.stands[group] = {place: end - 1 for place, end in kafka.stands[group].items()}
    assert [sweep(each) for each in (1, 2, 3)] == [0, 0, 0]


def test_a_group_that_never_read_a_topic_has_not_read_it(kafka: Groups):
    kafka.stands["scoring"] = {}
    assert Sweep(kafka, ALL)(1) == 0


def test_what_a_group_wrote_while_it_read_on_is_waited_for_as_well(kafka: Groups):
    sweep = Sweep(kafka, ALL)
    kafka.stands["pre"] = {("camera.frames", 0): 9}
    sweep(1)
    kafka.topics["frames.prepared", 0] = 11  # before it commits
    kafka.stands["pre"] = {("camera.frames", 0): 10}
    assert sweep(2) == 0
    kafka.stands["scoring"] = {("frames.prepared", 0): 11}
    assert sweep(3) == 1


def test_when_partitions_move_nothing_is_proven_any_more(kafka: Groups):
    sweep = Sweep(kafka, ALL)
    assert sweep(5) == 5
    sweep.again()
    assert sweep.swept == 0


def test_only_places_of_ours_count_where_others_read_the_rest(kafka: Groups):
    kafka.topics["scores", 1] = 5
    assert Sweep(kafka, ALL)(1) == 0
    assert Sweep(kafka, ALL, lambda place: place != ("scores", 1))(1) == 1


@pytest.fixture
def watch(board: Board, kafka: Groups, room: Room) -> Callable[[float], list[Finding]]:
    """Looks at what is on the board, so many seconds after the epoch; answers what is to be told."""
    board.stations["press-1"] = room.station
    clock = {"now": 0.0}
    own, metrics = Sweep(kafka, ALL[2:]), Metrics(CollectorRegistry())
    watching = Watching(
        board,
        own,
        Sweep(kafka, ALL),
        Patience(SETTLE_S, FORGET_S),
        lambda: datetime.fromtimestamp(EPOCH / 1000 + clock["now"], UTC),
        10,
        Shown(metrics),
        lambda *_: [],
    )

    def look(at: float) -> list[Finding]:
        clock["now"] = room.now = at
        watching()
        found, board.findings = board.findings, []
        return found

    look.metrics = metrics  # type: ignore[attr-defined]
    return look


def test_it_looks_every_while_and_asks_kafka_only_when_something_waits(watch, room: Room, kafka: Groups):  # type: ignore[no-untyped-def]
    room.scored(0, 2)
    assert watch(0) == []
    assert kafka.asked == 0
    watch(SETTLE_S / 2 + 1)
    assert kafka.asked > 0
    with capture_logs() as logs:
        (finding,) = watch(SETTLE_S + 1)
    assert finding.station == "press-1"
    (line,) = [each for each in logs if each["event"] == "frames_missing"]
    assert (line["station"], line["where"], line["count"]) == ("press-1", "ingest", 1)


def test_it_does_not_look_again_before_what_it_found_is_told(watch, room: Room, board: Board):  # type: ignore[no-untyped-def]
    lose(room, 3)
    board.findings = waiting = [*room.findings]
    assert watch(10 * FORGET_S) == waiting
    assert room.station.told is not None  # else its end would have been told before its beginning


def test_no_verdict_while_kafka_does_not_answer(watch, room: Room, kafka: Groups, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    from andon.errors import Broken

    def away(_: object) -> None:
        raise Broken("no answer within 5 s")

    room.scored(0, 2)
    watch(0)
    monkeypatch.setattr(kafka, "ends", away)
    assert watch(2 * SETTLE_S) == []
    monkeypatch.undo()
    assert watch(2 * SETTLE_S + 10)


def test_no_verdict_while_finals_wait_to_be_read(watch, room: Room, kafka: Groups):  # type: ignore[no-untyped-def]
    kafka.stands["own"] = {("scores", 0): 9}
    room.scored(0, 2)
    watch(0)
    assert watch(10 * SETTLE_S) == []


def test_metrics_show_how_a_station_stands_and_go_with_it(watch, room: Room, board: Board):  # type: ignore[no-untyped-def]
    def value(name: str, **labels: str) -> float | None:
        return watch.metrics.registry.get_sample_value(f"andon_ledger_{name}", labels or {"station": "press-1"})  # type: ignore[no-any-return]

    room.scored(0, 1, 3)
    room.refused(4)
    room.passed("captured", (0, 5))
    room.station.account(room.which, room.ms, BEGAN).skip({"busy": 2}, room.station.totals)
    watch(0)
    assert (value("captured_frames_total"), value("scored_frames_total"), value("waiting_frames")) == (6, 3, 2)
    assert (value("dead_lettered_frames_total"), value("skipped_frames_total")) == (1, 2)
    watch(SETTLE_S + 1)
    watch(2 * SETTLE_S)
    assert value("missing_frames") == 2
    assert value("vanished_frames_total", hop="camera.frames") == 2
    assert value("vanished_frames_total", hop="scores") == 0  # so that a rate sees the first
    room.scored(4)  # replayed: no counter goes back
    watch(2 * SETTLE_S + 10)
    assert (value("dead_lettered_frames_total"), value("scored_frames_total")) == (1, 4)
    watch(3 * SETTLE_S + FORGET_S)
    assert (value("lost_frames_total"), value("missing_frames")) == (2, 0)
    board.drop([("ledger", 0)])
    watch(3 * SETTLE_S + FORGET_S + 10)
    assert value("captured_frames_total") is None
    assert value("missing_frames") is None


def test_too_many_stations_go_from_memory_the_longest_silent_first():
    board = Board(BEGAN)
    for number in range(5):
        room = Room(station=Station(f"press-{number}", 0, Room().station.totals))
        room.now = number
        room.scored(0, which=Which(f"press-{number}", EPOCH))
        board.stations[f"press-{number}"] = room.station
    board.changed.add("press-0")  # not saved yet
    board.stations["press-1"].told = Told(Room().findings and None, moment(0), "", 0)  # type: ignore[arg-type]
    assert board.too_many(most=3) == ["press-2", "press-3"]


@dataclass
class World:
    """Who leads, what Redis knows, and what it was asked for."""

    leads: bool = True
    known: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def knows(self, name: str) -> bool:
        self.asked.append(name)
        return name in self.known


def orphans(room: Room, world: World) -> Orphans:
    lose(room, 3)
    opened = Opened(Topic(room.findings))
    return Orphans(opened, Patience(SETTLE_S, FORGET_S), lambda: world.leads, world.knows)


def test_what_was_told_of_a_station_that_nobody_knows_any_more_ends_after_an_hour(room: Room):
    look_after, now = orphans(room, World()), room.time
    assert look_after((), now) == []
    assert look_after((), now + timedelta(seconds=FORGET_S - 1)) == []
    (over,) = look_after((), now + timedelta(seconds=FORGET_S))
    assert (over.finding_id, over.kind) == (room.findings[0].finding_id, FindingKind.ENDED)


@pytest.mark.parametrize(
    ("world", "ours"),
    [(World(leads=False), ()), (World(known=("press-1",)), ()), (World(), ("press-1",))],
)
def test_findings_of_stations_that_somebody_looks_after_are_left_to_them(
    room: Room, world: World, ours: tuple[str, ...]
):
    look_after = orphans(room, world)
    for hours in range(4):
        assert look_after(ours, room.time + timedelta(seconds=hours * FORGET_S)) == []
    assert len(world.asked) <= 4
