"""The two sinks, with a PLC and a broker of ten lines each: what is written, in which order, and what a break costs."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from andon.errors import Broken
from andon.line import Plans
from andon.records import Score, Verdict
from andon.stage import Idle, Message
from andon_machines.away import Away, Stopping, Unreachable
from andon_machines.gate import Gate
from andon_machines.link import Accepted
from andon_machines.mqtt import Broker
from andon_machines.nodes import KINDS, Place, fitting, places
from andon_machines.reachable import Reachable
from andon_machines.result import PartResult, part_result, write_result
from andon_machines.session import Types, Write
from andon_machines.settings import GateSettings, MqttSettings, NodeSettings, OpcUaSettings
from andon_machines.telling import VERDICT

Scores = Callable[..., Score]
STATIONS = ["weld-07", "press-1"]
KIND = {
    str: ua.VariantType.String,
    bool: ua.VariantType.Boolean,
    float: ua.VariantType.Double,
    int: ua.VariantType.UInt32,
}


def idle() -> None:
    """Nobody keeps a place here."""


class Time:
    """A clock that goes when it is told to, or slept by."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.passed_s = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed_s)

    def ticks(self) -> float:
        return self.passed_s

    def sleep(self, seconds: float) -> None:
        self.passed_s += seconds


class Plc:
    """Remembers each Write; breaks off where `broken` says so."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.broken = 0
        self.opened = 0

    def open(self, _idle: Idle) -> "Plc":
        self.opened += 1
        if self.broken:
            self.broken -= 1
            raise Unreachable("away")
        return self

    def types(self, given: Sequence[Place], _idle: Idle) -> Types:
        return {place: fitting(place, KIND[KINDS[place.field]]) for place in given}

    def write(self, writes: Sequence[Write], _idle: Idle) -> None:
        if self.broken:
            self.broken -= 1
            raise Unreachable("broke off")
        self.written.append(
            {f"{place.station}.{place.field}": data.Value.Value for place, data in writes if data.Value}
        )

    def read(self, given: Sequence[Place], _idle: Idle) -> list[Any]:
        return [None for _ in given]

    def close(self) -> None:
        """Nothing to give back."""

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        return [write for write in self.written if any(name.endswith(".seq") for name in write)]


class World:
    """A gate, its PLC, and the time."""

    def __init__(self, now: datetime, plans: Plans, scores: Scores, **settings: Any) -> None:
        self.time, self.plc, self.told = Time(now), Plc(), list[tuple[int, bool]]()
        self.causes, self.well, self.stop = {"weld-07": "", "press-1": ""}, True, False
        self._plans, self._scores = plans, scores
        nodes = NodeSettings()
        self.away = Away("opcua", 60, lambda: self.stop, self.time.ticks, self.time.sleep)
        self.gate = Gate(
            OpcUaSettings(nodes=nodes, **settings),
            GateSettings(),
            places(nodes, STATIONS),
            self.plc.open,
            self.time.now,
            self.away,
            self._hear,
            lambda station: self.causes[station],
            lambda: self.well,
            self.time.ticks,
        )

    def _hear(self, result: PartResult, _now: datetime) -> None:
        self.told.append((result.seq, result.late))

    def send(self, *given: tuple[int, str]) -> None:
        self.gate.send([self.message(*each) for each in given], idle)

    def message(self, seq: int, station: str, verdict: Verdict = Verdict.ANOMALOUS) -> Message:
        given = self._scores(seq, verdict, station)
        return Message(VERDICT, station.encode(), write_result(part_result(given, self._plans.of(station), "reject")))


@pytest.fixture
def world(now: datetime, plans: Plans, score: Scores) -> World:
    return World(now, plans, score)


def test_verdicts_of_one_station_are_written_one_by_one_and_those_of_several_together(world: World):
    world.send((1, "weld-07"), (2, "weld-07"), (1, "press-1"))
    assert [sorted(name for name in each if name.endswith("seq")) for each in world.plc.verdicts] == [
        ["press-1.seq", "weld-07.seq"],
        ["weld-07.seq"],
    ]
    assert [each["weld-07.seq"] for each in world.plc.verdicts] == [1, 2]
    assert list(world.plc.verdicts[1])[-1] == "weld-07.seq"


def test_seq_may_have_a_write_of_its_own_after_all_others(now: datetime, plans: Plans, score: Scores):
    world = World(now, plans, score, seq_apart=True)
    world.send((1, "weld-07"))
    others, seq = world.plc.written[-2:]
    assert "weld-07.reject" in others
    assert seq == {"weld-07.seq": 1}


def test_one_write_never_holds_more_nodes_than_the_server_takes(now: datetime, plans: Plans, score: Scores):
    world = World(now, plans, score, nodes_per_call=12)
    world.send((1, "weld-07"), (1, "press-1"))
    assert [len(each) for each in world.plc.verdicts] == [8, 8]


def test_a_break_writes_again_in_order_and_judges_anew_what_is_late(world: World):
    world.send((1, "weld-07"))
    world.time.passed_s = 1.9
    world.plc.broken = 3
    world.send((2, "weld-07"), (3, "weld-07"))
    assert [(each["weld-07.seq"], each["weld-07.late"], each["weld-07.reject"]) for each in world.plc.verdicts] == [
        (1, False, True),
        (3, True, False),
    ]
    assert world.told == [(1, False), (2, True), (3, True)], "a late one that is left out is counted all the same"


def test_a_fresh_verdict_is_written_even_where_a_newer_one_waits(world: World):
    world.send(*((seq, "weld-07") for seq in range(5)))
    assert [each["weld-07.seq"] for each in world.plc.verdicts] == [0, 1, 2, 3, 4]


def test_incidents_are_shown_after_every_connect_and_when_they_change(world: World):
    world.gate.tend(idle)
    world.causes["weld-07"] = "station_dark"
    world.gate.tend(idle)
    world.gate.tend(idle)
    shown = [each["weld-07.incident_open"] for each in world.plc.written if "weld-07.incident_open" in each]
    assert shown == [False, True]
    world.plc.broken = 1
    world.send((1, "weld-07"))
    shown = [each["weld-07.incident_open"] for each in world.plc.written if "weld-07.incident_open" in each]
    assert shown == [False, True, True]


def test_the_heartbeat_goes_up_every_second_while_verdicts_can_come(world: World):
    for _ in range(30):
        world.gate.tend(idle)
        world.time.sleep(0.1)
    world.well = False
    world.time.sleep(5)
    world.gate.tend(idle)
    beats = [each["weld-07.heartbeat"] for each in world.plc.written if "weld-07.heartbeat" in each]
    assert beats == [1, 2, 3]


def test_a_server_that_stays_away_is_given_up_and_one_that_we_need_not_wait_for_is_not(world: World):
    world.plc.broken = 10_000
    with pytest.raises(Broken, match="opcua has been away for 60 s"):
        world.send((1, "weld-07"))
    assert 60 < world.time.passed_s < 70
    assert world.plc.opened < 60, "it is knocked at ever more rarely"
    world.stop = True
    with pytest.raises(Stopping):
        World(world.time.start, world._plans, world._scores).away.__class__(
            "opcua", 60, lambda: True, world.time.ticks, world.time.sleep
        ).wait(idle)


def test_a_server_that_lets_us_in_and_refuses_what_we_bring_is_given_up_too(world: World):
    def refuse(_writes: Sequence[Write], _idle: Idle) -> None:
        raise Unreachable("BadOutOfService")

    world.plc.write = refuse  # type: ignore[method-assign]
    with pytest.raises(Broken, match="BadOutOfService"):
        world.send((1, "weld-07"))
    assert world.plc.opened < 60


def test_one_that_was_back_for_a_while_is_tried_again_at_once(world: World):
    for _ in range(8):
        world.away.failed("away")
    world.away.back()
    world.time.sleep(30)
    world.away.failed("away")
    world.time.sleep(0.11)
    assert world.away.due


OK = ReasonCode(PacketTypes.PUBACK, "Success")


class Link:
    """A broker that acknowledges at once, until `takes` messages were taken: then it breaks off."""

    window = 4

    def __init__(self, takes: int, heard: list[tuple[str, bytes, bool]]) -> None:
        self.takes, self.heard = takes, heard
        self._news: list[Accepted] = []
        self._mid = 0

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        if self._mid >= self.takes:
            raise Unreachable("broke off")
        self._mid += 1
        self.heard.append((topic, payload, retain))
        self._news.append(Accepted(self._mid, OK))
        return self._mid

    def news(self, within_s: float) -> Accepted | None:
        return self._news.pop(0) if self._news else None

    def close(self) -> None:
        """Nothing to give back."""


def broker(takes: list[int], time: Time, plans: Plans, told: list[int]) -> tuple[Broker, list[tuple[str, bytes, bool]]]:
    heard: list[tuple[str, bytes, bool]] = []
    links = iter(takes)
    return (
        Broker(
            MqttSettings(url="mqtt://broker"),
            GateSettings(),
            plans,
            time.now,
            Away("mqtt", 60, lambda: False, time.ticks, time.sleep),
            lambda result, _now: told.append(result.seq),
            lambda _settings, _will: Link(next(links), heard),  # type: ignore[arg-type, return-value]
        ),
        heard,
    )


def test_a_broken_broker_gets_everything_in_order_and_what_it_acknowledged_not_again(world: World, plans: Plans):
    told: list[int] = []
    sink, heard = broker([4, 100], world.time, plans, told)
    sink.send([world.message(seq, "weld-07") for seq in range(8)], idle)
    assert told == list(range(8))
    seqs = [json.loads(payload)["seq"] for topic, payload, _ in heard if topic.endswith("/verdict")]
    assert sorted(set(seqs)) == list(range(8))
    assert seqs[-5:] == [3, 4, 5, 6, 7]


def test_the_broker_hears_that_we_are_online_and_at_the_end_that_we_are_not(world: World, plans: Plans):
    sink, heard = broker([100], world.time, plans, [])
    sink.tend()
    sink.close()
    said = [(topic, json.loads(payload)["state"], retain) for topic, payload, retain in heard]
    where = "andon/North field/body-2/machines/status"
    assert said == [(where, "online", True), (where, "offline", True)]


def test_kafka_counts_as_gone_three_seconds_after_its_last_answer(now: datetime):
    time, answers = Time(now), [True, False]
    reachable = Reachable(lambda: answers.pop(0), time.ticks)
    assert not reachable()
    reachable.look()
    time.sleep(2.9)
    assert reachable()
    reachable.look()
    time.sleep(0.2)
    assert not reachable()
