"""What is open is shown by station and cause, by the one process that decides on it, and by nobody else."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from redis.exceptions import ConnectionError as Unreachable

from andon.ids import DRILL
from andon.kafka.source import Place
from andon.line import LineFile
from andon.metrics import Metrics
from andon.records import Cause, IncidentEvent, IncidentKind, Severity
from andon_alerting.counting import CountSlate, watched
from andon_alerting.false_calls import Overruled
from andon_alerting.memory import MemoryShelf
from andon_alerting.standing import EVERY_S, Reading, Standing, StationsShown, on_shelf, troubles_of
from andon_alerting.watch import Watch

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


def opened(number: int, station: str, cause: Cause = Cause.DRIFT, *stations: str) -> IncidentEvent:
    """An incident; of a whole line where it names stations."""
    return IncidentEvent(
        event_id=UUID(int=number),
        incident_id=UUID(int=number),
        kind=IncidentKind.OPENED,
        station=station,
        stations=stations,
        cause=cause,
        severity=Severity.CRITICAL,
        reason="surge",
        at=AT,
        opened_at=AT,
    )


class Rig:
    """Gauges, and what they show."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.standing = Standing(self.metrics)

    def shown(self, name: str = "incident_open") -> dict[tuple[str, ...], float]:
        families = {each.name: each for each in self.registry.collect()}
        return {tuple(one.labels.values()): one.value for one in families[f"andon_{name}"].samples}


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_each_cause_that_is_open_stands_there_once_and_is_gone_when_it_is_over(rig: Rig):
    rig.standing.put("scores", "weld-07", 2, [("weld-07", "defect_surge"), ("weld-07", "station_silent")])
    assert rig.shown() == {("weld-07", "defect_surge"): 1, ("weld-07", "station_silent"): 1}
    assert rig.shown("incidents_open") == {("weld-07",): 2}
    rig.standing.put("scores", "weld-07", 2, [])
    assert rig.shown() == {}
    assert rig.shown("incidents_open") == {("weld-07",): 0}


def test_a_station_without_any_incident_has_no_series(rig: Rig):
    rig.standing.put("scores", "weld-07", 2, [])
    assert (rig.shown(), rig.shown("incidents_open")) == ({}, {})


def test_what_two_stages_know_of_a_station_is_added_up(rig: Rig):
    rig.standing.put("scores", "weld-07", 2, [("weld-07", "defect_surge")])
    rig.standing.replace("findings", [("weld-07", "drift"), ("weld-08", "drift")])
    assert rig.shown("incidents_open") == {("weld-07",): 2, ("weld-08",): 1}
    rig.standing.replace("findings", [("weld-08", "drift")])
    assert rig.shown() == {("weld-07", "defect_surge"): 1, ("weld-08", "drift"): 1}


def test_a_station_s_gauges_go_with_its_partition(rig: Rig):
    rig.standing.put("scores", "weld-07", 2, [("weld-07", "defect_surge")])
    rig.standing.put("scores", "weld-08", 3, [("weld-08", "defect_surge")])
    rig.standing.replace("findings", [("weld-07", "drift")])
    rig.standing.keep("scores", {3})
    assert rig.shown() == {("weld-08", "defect_surge"): 1, ("weld-07", "drift"): 1}
    assert rig.shown("incidents_open") == {("weld-08",): 1, ("weld-07",): 1}


def test_two_incidents_of_one_cause_are_one_trouble_and_two_incidents(rig: Rig):
    """People overrule two products of one station."""
    events = [opened(1, "weld-07", Cause.FALSE_CALLS), opened(2, "weld-07", Cause.FALSE_CALLS)]
    rig.standing.put("false-calls", "weld-07", 0, troubles_of(events))
    assert rig.shown() == {("weld-07", "false_calls"): 1}
    assert rig.shown("incidents_open") == {("weld-07",): 2}


def test_a_rehearsal_is_not_among_them(rig: Rig):
    rig.standing.put("scores", f"{DRILL}weld-07", 2, [(f"{DRILL}weld-07", "defect_surge")])
    assert (rig.shown(), rig.shown("incidents_open")) == ({}, {})


def test_the_incident_of_a_whole_line_stands_at_each_of_its_stations():
    line = opened(1, "*", Cause.STATION_DARK, "weld-07", "weld-08")
    assert troubles_of([line]) == [("weld-07", "station_dark"), ("weld-08", "station_dark")]


def test_what_people_overrule_is_shown_while_it_is_open(rig: Rig):
    slate = CountSlate()
    handle = watched(lambda _records, _now: [], slate, rig.metrics, rig.standing)
    slate.kept = {"weld-07": Overruled("weld-07", 1, open=(opened(1, "weld-07", Cause.FALSE_CALLS),))}
    handle((), AT)
    assert rig.shown() == {("weld-07", "false_calls"): 1}
    slate.held, slate.kept = slate.kept, {}
    handle((), AT)
    assert rig.shown() == {}


class Source:
    """Owns what it is given."""

    def __init__(self) -> None:
        self.assignment: list[Place] = [("drift", 0)]


class Look:
    """What lies on the shelf of findings, with a clock."""

    def __init__(self, rig: Rig) -> None:
        self.now, self.source, self.away = 0.0, Source(), False
        self.shelf: MemoryShelf[Watch] = MemoryShelf()
        self.over: dict[UUID, IncidentEvent] = {}
        self.reading = Reading("findings", rig.standing, self.source, self.read, lambda: self.now)

    def read(self) -> list[IncidentEvent]:
        if self.away:
            raise Unreachable
        return on_shelf(self.shelf, lambda known: known.open, self._ended)

    def _ended(self, incidents: object) -> Mapping[UUID, IncidentEvent]:
        return self.over

    def later(self) -> None:
        self.now += EVERY_S
        self.reading()


@pytest.fixture
def look(rig: Rig) -> Look:
    look = Look(rig)
    look.shelf.restore({"drift": Watch(open=(opened(1, "weld-07"), opened(2, "weld-08")))}, AT)
    return look


def test_a_process_that_has_just_begun_shows_what_was_open_before_it(rig: Rig, look: Look):
    look.later()
    assert rig.shown() == {("weld-07", "drift"): 1, ("weld-08", "drift"): 1}


def test_what_a_person_ended_is_open_no_more(rig: Rig, look: Look):
    look.over = {UUID(int=1): opened(1, "weld-07")}
    look.later()
    assert rig.shown() == {("weld-08", "drift"): 1}


def test_who_does_not_decide_on_findings_shows_none(rig: Rig, look: Look):
    look.later()
    look.source.assignment = []
    look.later()
    assert rig.shown() == {}


def test_while_redis_is_away_what_was_open_stays_on_show(rig: Rig, look: Look):
    look.later()
    look.away = True
    look.later()
    assert rig.shown() == {("weld-07", "drift"): 1, ("weld-08", "drift"): 1}


def test_the_shelf_is_looked_at_every_few_seconds_only(rig: Rig, look: Look):
    look.later()
    look.source.assignment = []
    look.now += EVERY_S / 2
    look.reading()
    assert len(rig.shown()) == 2


def test_the_stations_of_the_line_file_are_told_with_their_lines_and_follow_it(rig: Rig, tmp_path: Path):
    path, clock = tmp_path / "line.yaml", [0.0]
    path.write_text("line: north\nstations:\n  weld-07: {}\n  weld-08: {line: south}\n  press-*: {}\n")
    plans = LineFile(path)
    shown = StationsShown(rig.metrics, plans, lambda: clock[0])
    shown()
    assert rig.shown("station_info") == {("weld-07", "north"): 1, ("weld-08", "south"): 1}
    path.write_text("stations:\n  weld-08: {line: south}\n  weld-09: {}\n")
    for _ in range(2):  # a file counts once two looks have found it alike
        clock[0] += EVERY_S
        plans.refresh(datetime.fromtimestamp(clock[0], UTC))
        shown()
    assert rig.shown("station_info") == {("weld-08", "south"): 1, ("weld-09", ""): 1}
