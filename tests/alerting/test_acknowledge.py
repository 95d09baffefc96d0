"""`andon acknowledge`: who has taken an incident on; and what alerting does with it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from incident_turns import acknowledged, ago, opened, over, paged, short, turn
from people_desk import MemoryDesk

from andon.errors import Broken, Mistake
from andon.records import Cause, IncidentEvent, IncidentKind, read_event, write_event
from andon.redis_client import Patience
from andon.stage import Idle, Record
from andon.topics import INCIDENTS
from andon_alerting.acknowledging import Following, TakenBoard, acknowledging, still_said, turns
from andon_alerting.commands import desk as desks
from andon_alerting.outbox import turn as turn_of
from andon_alerting.page import page

NOW = datetime(2026, 3, 2, 6, 32, tzinfo=UTC)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk()
    monkeypatch.setattr(desks, "open_desk", desk.open)
    return desk


def events(desk: MemoryDesk) -> list[IncidentEvent]:
    return [read_event(IncidentEvent, each.value) for each in desk.kafka.records(INCIDENTS)]


def test_an_incident_is_taken_on_by_its_first_digits(desk: MemoryDesk):
    event = opened()
    desk.say(event, paged(event, "webhook"))
    told = desk.run("acknowledge", short(event)[:6], "--by", "Mira", "--note", "looking at the lamp")
    assert told.exit_code == 0
    written = events(desk)[-1]
    assert (written.kind, written.incident_id, written.by) == ("acknowledged", event.incident_id, "Mira")
    assert written.note == "looking at the lamp"
    assert written.summary == "Mira has taken it on: looking at the lamp"
    assert (written.station, written.line, written.opened_at) == (event.station, event.line, event.opened_at)
    assert desk.kafka.records(INCIDENTS)[-1].key == b"weld-07"
    assert "open for 12 min: you have it now; pages say so" in told.stderr


def test_a_station_names_its_open_incident(desk: MemoryDesk):
    desk.say(opened("weld-07"), opened("weld-08"))
    desk.run("acknowledge", "weld-08", "--by", "Mira")
    assert (events(desk)[-1].kind, events(desk)[-1].station) == ("acknowledged", "weld-08")


def test_a_station_names_the_incident_of_its_line(desk: MemoryDesk):
    event = opened("*", stations=("weld-07", "weld-08"), cause=Cause.STATION_DARK)
    desk.say(event)
    desk.run("acknowledge", "weld-08", "--by", "Mira")
    assert events(desk)[-1].incident_id == event.incident_id
    assert desk.kafka.records(INCIDENTS)[-1].key == b"*"


def test_the_first_who_acknowledges_counts(desk: MemoryDesk):
    event = opened()
    desk.say(event)
    desk.run("acknowledge", short(event), "--by", "Mira")
    told = desk.run("acknowledge", short(event), "--by", "Bo", "--json")
    assert told.exit_code == 0
    assert "Mira at" in told.stderr
    assert "was first and has it; nothing was written" in told.stderr
    assert len(events(desk)) == 2
    assert (json.loads(told.stdout)["by"], json.loads(told.stdout)["first"]) == ("Mira", False)


def test_the_same_person_twice_at_once_makes_the_same_event(desk: MemoryDesk):
    event = opened()
    desk.say(event)
    desk.run("acknowledge", short(event), "--by", "Mira")
    first = events(desk)[-1]
    desk.kafka = MemoryDesk().kafka
    desk.say(event)
    desk.run("acknowledge", short(event), "--by", "Mira")
    assert events(desk)[-1].event_id == first.event_id


def test_what_is_over_is_refused_with_since_when(desk: MemoryDesk):
    event = opened(at=ago(hours=2))
    desk.say(event, over(event, ago(hours=1)))
    told = desk.run("acknowledge", short(event))
    assert isinstance(told.exception, Mistake)
    assert "has been over since" in str(told.exception)
    assert len(events(desk)) == 2


def test_what_nobody_knows_is_told_with_the_newest_open_one(desk: MemoryDesk):
    assert "nothing is open" in str(desk.run("acknowledge", "weld-07").exception)
    event = opened()
    desk.say(event)
    told = desk.run("acknowledge", "ffffff00")
    assert isinstance(told.exception, Mistake)
    assert f"The newest open one is {short(event)}: defect_surge at weld-07 (body)" in str(told.exception)


def test_a_station_with_several_open_must_be_said_more_precisely(desk: MemoryDesk):
    desk.say(opened(), opened(cause=Cause.STATION_DARK))
    told = str(desk.run("acknowledge", "weld-07").exception)
    assert "weld-07 has 2 open incidents; say which" in told
    assert "station_dark" in told


def test_a_station_whose_last_incident_is_over_is_told_which_that_was(desk: MemoryDesk):
    event = opened(at=ago(hours=2))
    desk.say(event, over(event, ago(hours=1)))
    told = str(desk.run("acknowledge", "weld-07").exception)
    assert f"weld-07 has no open incident: its last one, {short(event)} defect_surge, has been over since" in told


def test_too_few_digits_are_no_incident(desk: MemoryDesk):
    event = opened()
    desk.say(event)
    assert isinstance(desk.run("acknowledge", short(event)[:5]).exception, Mistake)


def test_kafka_away_is_told(desk: MemoryDesk):
    desk.down = True
    assert isinstance(desk.run("acknowledge", "weld-07").exception, Broken)


def test_pages_say_who_has_it():
    event = opened(at=NOW)
    told = page(event, acknowledged(event, "Mira", NOW, "looking at the lamp"))
    assert told.acknowledged_by == "Mira at 06:32 UTC: looking at the lamp"
    assert "Acknowledged by Mira at 06:32 UTC: looking at the lamp." in told.description
    assert told.id == page(event).id


def test_an_acknowledgement_is_a_page_of_its_own_that_is_told_once_and_never_over():
    event = acknowledged(opened(at=NOW), "Mira", NOW)
    told = page(event)
    assert (told.kind, told.id) == ("acknowledged", f"{event.incident_id}/acknowledged")
    assert told.what == "Mira has taken it on."
    assert turn_of(event) is IncidentKind.OPENED


def records(*told: IncidentEvent | bytes) -> list[Record]:
    values = [each if isinstance(each, bytes) else write_event(each) for each in told]
    return [Record(INCIDENTS, 0, number, b"weld-07", value) for number, value in enumerate(values)]


def test_only_the_first_acknowledgement_of_what_is_still_open_is_kept():
    a, b, c = opened("weld-07"), opened("weld-08"), opened("weld-09")
    told = [a, b, c, acknowledged(a, "Mira", NOW), acknowledged(a, "Bo", NOW), acknowledged(b, "Mira", NOW)]
    told += [over(b, NOW), over(c, NOW), acknowledged(c, "Mira", NOW)]
    found = still_said(turns(records(*told, b"{")))
    assert [(each.station, each.by) for each in found] == [("weld-07", "Mira")]


def test_the_stage_sends_nothing_and_passes_over_what_it_cannot_read():
    board = TakenBoard()
    event = opened()
    batch = records(event, paged(event, "webhook"), b"{", acknowledged(event, "Mira", NOW), over(event, NOW))
    assert acknowledging(board)(batch, NOW) == []
    assert [each.kind for each in board.turns] == ["acknowledged", "resolved"]


@dataclass
class Source:
    """Hands out batches."""

    batches: list[list[Record]]
    commits: int = 0
    ended: bool = False

    def poll(self) -> Sequence[Record]:
        return self.batches.pop(0) if self.batches else []

    def commit(self) -> None:
        self.commits += 1

    def hold(self, records: Sequence[Record]) -> None: ...
    def idle(self) -> None: ...
    def close(self) -> None: ...


@dataclass
class Taken:
    """Acknowledgements in memory; `known` are the partitions that are here."""

    known: set[int] = field(default_factory=set)
    applied: list[IncidentEvent] = field(default_factory=list)
    restored: list[IncidentEvent] = field(default_factory=list)

    def apply(self, turns: Sequence[IncidentEvent], now: datetime) -> None:
        self.applied += turns

    def restore(self, turns: Sequence[IncidentEvent], now: datetime) -> None:
        self.restored += turns

    def lost(self, partitions: Iterable[int]) -> frozenset[int]:
        return frozenset(partitions) - self.known

    def found(self, partitions: Iterable[int], now: datetime) -> None:
        self.known |= set(partitions)


@dataclass
class Stage:
    """The stage's source, with what it stands on."""

    source: Source
    taken: Taken = field(default_factory=Taken)
    places: list[int] = field(default_factory=lambda: [0])
    now: datetime = NOW
    asked: list[frozenset[int]] = field(default_factory=list)
    there: list[IncidentEvent] = field(default_factory=list)
    board: TakenBoard = field(default_factory=TakenBoard)

    def __post_init__(self) -> None:
        self.following = Following(
            self.source,
            lambda: self.places,
            self.taken,
            self.board,
            self.read_back,
            Patience(lambda: None, 1),
            clock=lambda: self.now,
        )

    def read_back(self, partitions: frozenset[int], now: datetime, idle: Idle) -> list[IncidentEvent]:
        self.asked.append(partitions)
        return self.there

    def turn(self) -> None:
        batch = self.following.poll()
        acknowledging(self.board)(batch, self.now)
        if batch:
            self.following.commit()


def test_what_was_heard_is_kept_before_the_commit():
    event = acknowledged(opened(), "Mira", NOW)
    stage = Stage(Source([records(event)]), Taken({0}))
    stage.turn()
    assert stage.taken.applied == [event]
    assert stage.source.commits == 1
    stage.turn()
    assert stage.taken.applied == [event]


def test_a_redis_that_knows_nothing_of_a_partition_is_told_by_kafka_once():
    event = acknowledged(opened(), "Mira", NOW)
    stage = Stage(Source([]), places=[0, 1], there=[event])
    stage.turn()
    stage.turn()
    assert stage.asked == [frozenset({0, 1})]
    assert (stage.taken.restored, stage.taken.applied) == ([event], [])


def test_a_redis_that_lost_everything_is_noticed_within_seconds_and_a_new_partition_at_once():
    stage = Stage(Source([]), Taken({0}))
    stage.turn()
    stage.taken.known.clear()
    stage.turn()
    assert stage.asked == []
    stage.now += timedelta(seconds=3)
    stage.turn()
    assert stage.asked == [frozenset({0})]
    stage.places = [0, 4]
    stage.turn()
    assert stage.asked == [frozenset({0}), frozenset({4})]


def test_without_a_partition_nothing_is_asked():
    stage = Stage(Source([]), places=[])
    stage.turn()
    assert stage.asked == []


def test_turns_of_other_kinds_are_nobodys_business_here():
    event = opened()
    updated: Any = turn(event, IncidentKind.UPDATED, NOW)
    assert list(turns(records(event, updated, paged(event, "webhook")))) == []
