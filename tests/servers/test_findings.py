"""Findings and people's answers on real Kafka and Redis: one incident of the line, one page, and nothing forgotten."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from andon.health import ImageHealth
from andon.ids import derived_id, finding_id, frame_id
from andon.kafka import KafkaSink, TopicReader
from andon.kafka.admin import create_topics
from andon.records import (
    Answer,
    Cause,
    Drift,
    DriftCause,
    Evidence,
    Finding,
    FindingKind,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Told,
    Verdict,
    read_event,
    write_event,
)
from andon.redis_client import connect
from andon.settings import KafkaSettings, RedisSettings
from andon.stage import Message
from andon.topics import ALL, DRIFT, INCIDENTS, SCORES, VERDICTS
from andon_alerting.counting import Counted
from andon_alerting.counts import RedisCounts
from andon_alerting.false_calls import Called, Overruled, Said, hour_of
from andon_alerting.finding_state import incidents_since
from andon_alerting.kept import Due, RedisShelf
from andon_alerting.outbox import Keys, Outbox, Pace
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
NOW = datetime(2026, 3, 2, 14, 20, tzinfo=UTC)
NOW_S = NOW.timestamp()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers([Kafka(), Redis()]) as started:
        create_topics(KafkaSettings(bootstrap_servers=started.kafka.bootstrap), ALL, 2, 1)
        yield started


class Desk:
    """A shelf and the counts on real Redis, under keys of their own."""

    def __init__(self, url: str) -> None:
        self.redis = connect(RedisSettings(url=url))
        self.keys = Keys(f"t-{uuid4().hex[:8]}:")
        self.counts = RedisCounts(self.redis, self.keys)
        self.shelf = self.another()

    def another(self) -> RedisShelf[str]:
        """What another process has in hand."""
        return RedisShelf(self.redis, self.keys, self.keys.findings, ["bell"], read=str, text=str, may_be_lost=True)

    def due(self, now_s: float = NOW_S) -> list[IncidentEvent]:
        found = Outbox(self.redis, self.keys, "bell", "me", Pace()).claim(9, now_s)
        return [each.event for each in found if isinstance(each.event, IncidentEvent)]


@pytest.fixture
def desk(servers: Servers) -> Iterator[Desk]:
    desk = Desk(servers.redis.url)
    yield desk
    desk.redis.close()


def event(kind: IncidentKind, summary: str = "dark") -> IncidentEvent:
    return IncidentEvent(
        event_id=derived_id(UUID(int=7), kind),
        incident_id=UUID(int=7),
        kind=kind,
        station="weld-07",
        cause=Cause.STATION_DARK,
        severity=Severity.CRITICAL,
        reason="began",
        at=NOW,
        opened_at=NOW,
        summary=summary,
    )


OPENED = Due(event(IncidentKind.OPENED))


def test_a_shelf_that_was_never_there_or_was_flushed_is_lost_until_it_is_restored(desk: Desk) -> None:
    assert desk.shelf.load(["dark"]) is None
    desk.shelf.restore({"dark": "a"}, NOW)
    assert desk.shelf.load(["dark", "frozen"]) == {"dark": "a"}
    desk.redis.delete(desk.keys.findings)
    assert desk.shelf.load(["dark"]) is None


def test_what_is_restored_never_overwrites_what_is_there(desk: Desk) -> None:
    desk.shelf.restore({"dark": "a"}, NOW)
    desk.another().restore({"dark": "b"}, NOW)
    assert desk.shelf.load(["dark"]) == {"dark": "a"}


def test_pages_and_what_is_remembered_are_one_step(desk: Desk) -> None:
    desk.shelf.restore({}, NOW)
    slow = desk.another()
    for shelf in (slow, desk.shelf):
        assert shelf.load(["dark"]) == {}
    assert desk.shelf.save({"dark": "a", "frozen": "b"}, [], NOW)
    assert not slow.save({"dark": "c"}, [OPENED], NOW)
    assert desk.due() == []
    assert slow.load(["dark", "frozen"]) == {"dark": "a", "frozen": "b"}
    assert slow.save({"dark": None}, [OPENED], NOW)
    assert desk.shelf.places() == ["frozen"]
    assert desk.due() == [OPENED.about]


def test_a_long_reading_back_keeps_the_place_in_the_group(servers: Servers) -> None:
    kafka, beats = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap), []
    sink = KafkaSink(kafka)
    sink.send(
        [Message(INCIDENTS, b"weld-07", write_event(event(IncidentKind.UPDATED))) for _ in range(1200)], lambda: None
    )
    sink.close()
    read = list(incidents_since(kafka, NOW, lambda: beats.append(1)))
    assert len(read) >= 1200
    assert len(beats) >= 3


def test_a_script_survives_a_restart_of_redis(desk: Desk) -> None:
    desk.shelf.restore({}, NOW)
    for text in "ab":
        desk.shelf.load(["dark"])
        assert desk.shelf.save({"dark": text}, [], NOW)
        desk.redis.script_flush()


def test_a_page_of_what_came_late_waits_for_what_may_end_it(desk: Desk) -> None:
    desk.shelf.restore({}, NOW)
    desk.shelf.load([])
    assert desk.shelf.save({}, [replace(OPENED, wait_s=5.0)], NOW)
    assert desk.due(NOW_S + 4.9) == []
    assert desk.due(NOW_S + 5.1) == [OPENED.about]


def test_an_update_is_no_page_but_what_a_waiting_page_then_says(desk: Desk) -> None:
    desk.shelf.restore({}, NOW)
    desk.shelf.load([])
    more = Due(event(IncidentKind.UPDATED, "4 stations are dark"))
    assert desk.shelf.save({}, [more], NOW)
    assert desk.due() == [], "an update of what nobody waits to tell"
    assert desk.shelf.save({}, [OPENED, more], NOW)
    (told,) = desk.due()
    assert (told.kind, told.summary) == ("opened", "4 stations are dark")


def counted(begin: int, end: int, frames: Sequence[UUID] = (), product: str | None = "hinge") -> Counted:
    made = Counted(begin, end)
    made.scored["weld-07", "hinge", hour_of(NOW)] = 10
    made.scored["weld-07", None, hour_of(NOW - timedelta(hours=23))] = 1
    for each in frames:
        place = FramePlace(topic="camera.frames", partition=0, offset=1)
        made.called["weld-07", each] = Called(Evidence(frame_id=each, frame=place, captured_at=NOW), product)
    return made


@pytest.mark.parametrize("product", ["hinge", None])
def test_counts_move_with_the_place_they_were_counted_up_to(desk: Desk, product: str | None) -> None:
    place, frame = (SCORES, 1), frame_id("weld-07", 1, 5)
    assert desk.counts.places([place]) == {}
    desk.counts.begin({place: 40})
    desk.counts.begin({place: 99})
    assert desk.counts.places([place, (SCORES, 0)]) == {place: 40}
    assert desk.counts.add(place, counted(40, 50, [frame], product))
    assert not desk.counts.add(place, counted(40, 50, [frame])), "said again"
    assert desk.counts.add(place, counted(50, 60))
    known = Overruled("weld-07", 0, said=(Said(frame, Told.FALSE_CALL, NOW), Said(UUID(int=1), Told.FALSE_CALL, NOW)))
    looked = desk.counts.look(known, NOW - timedelta(hours=24), NOW)
    assert looked.scored == {("hinge", hour_of(NOW)): 20, (None, hour_of(NOW - timedelta(hours=23))): 2}
    assert {each: found.product for each, found in looked.called.items()} == {frame: product}
    assert looked.called[frame].evidence.captured_at == NOW


def test_what_was_counted_goes_by_itself(desk: Desk) -> None:
    desk.counts.begin({(SCORES, 1): 0})
    desk.counts.add((SCORES, 1), counted(0, 9, [UUID(int=3)]))
    counts = [each for each in desk.redis.scan_iter(f"{desk.keys.findings[:-8]}*") if "weld" in each]
    assert len(counts) == 3
    assert all(0 < desk.redis.ttl(each) <= 3 * 86_400 for each in counts)


def test_a_station_whose_every_frame_is_called_takes_no_endless_room(desk: Desk) -> None:
    desk.counts.begin({(SCORES, 1): 0})
    desk.counts.add((SCORES, 1), counted(0, 2100, [UUID(int=each) for each in range(2100)]))
    assert desk.redis.hlen(desk.keys.called("weld-07", f"{NOW:%Y%m%d}")) == 2000


class Hook(ThreadingHTTPServer):
    """A webhook's receiver, and the pages it accepted."""

    def __init__(self) -> None:
        self.pages: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.pages += json.loads(self.rfile.read(int(self.headers["Content-Length"])))["pages"]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Quiet."""


def eventually(ask: Callable[[], Any], within_s: float = 40.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


class Line:
    """`andon alerting` as a process, a line of its own, and what it has told."""

    def __init__(self, servers: Servers, folder: Path, sessions: list[subprocess.Popen[bytes]]) -> None:
        self.name = f"l-{uuid4().hex[:6]}"
        self.hook = Hook()
        self.kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        self.redis = connect(RedisSettings(url=servers.redis.url))
        file = folder / "line.yaml"
        file.write_text(f"line: {self.name}\nburst: 3 stations within 60 s\ndefaults:\n  budget: 10 per 1000\n")
        self._env = os.environ | servers.env() | {"ANDON_LINE": str(file), "ANDON_LOOK_EVERY_S": "1"}
        self._env |= {"ANDON_WEBHOOK__URL": f"http://127.0.0.1:{self.hook.server_port}/", "ANDON_WEBHOOK__KEY": "k"}
        self._env |= {"ANDON_WEBHOOK__GROUP_INTERVAL_S": "0", "ANDON_PAGING__HOLD_S": "8"}
        self._log, self._sink = (folder / "alerting.log").open("a"), KafkaSink(self.kafka)
        self._sessions = sessions
        self.start()

    def station(self, number: int) -> str:
        return f"{self.name}-{number}"

    def start(self) -> None:
        command = [sys.executable, "-c", "from andon.cli import main; main()", "alerting"]
        self.process = subprocess.Popen(command, env=self._env, stderr=self._log)
        self._sessions.append(self.process)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def send(self, topic: str, events: Sequence[Finding | Score | Answer]) -> None:
        self._sink.send([Message(topic, each.station.encode(), write_event(each)) for each in events], lambda: None)

    def say(
        self,
        turn: FindingKind,
        since: datetime,
        *numbers: int,
        cause: Cause = Cause.STATION_DARK,
        named: DriftCause | None = None,
    ) -> None:
        found = [
            Finding(
                finding_id=finding_id("drift", f"{cause}{named or ''}", self.station(each), since.isoformat()),
                kind=turn,
                cause=cause,
                station=self.station(each),
                sentence=f"{self.station(each)}: {named or cause} {turn}.",
                since=since,
                at=datetime.now(UTC),
                drift=Drift(named=named, since=since) if named else None,
                by="drift",
            )
            for each in numbers
        ]
        self.send(DRIFT, found)

    def inspect(self, number: int, letters: str, first: int = 0, luminance: float = 0.4) -> None:
        """Scores of pictures of that brightness, one every two seconds until now: o for good, a for anomalous."""
        at, station = datetime.now(UTC), self.station(number)
        looks = {"contrast": 0.2, "clipped_low": 0, "clipped_high": 0, "sharpness": 5, "red_green": 1, "blue_green": 1}
        scores = [
            Score(
                frame_id=frame_id(station, 1, seq),
                station=station,
                epoch=1,
                seq=seq,
                captured_at=at - timedelta(seconds=2 * (first + len(letters) - 1 - seq)),
                scored_at=at,
                verdict=Verdict.ANOMALOUS if letter == "a" else Verdict.OK,
                score=0.15 if letter == "a" else 0.05,
                threshold=0.1,
                bundle="b" * 64,
                width=640,
                height=480,
                frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
                health=ImageHealth(luminance=luminance, noise=seq / 1000, **looks),
            )
            for seq, letter in enumerate(letters, first)
        ]
        self.send(SCORES, scores)

    def pages(self, number: int) -> list[dict[str, Any]]:
        """What the webhook accepted of one station."""
        return [each for each in self.hook.pages if each["station"] == self.station(number)]

    def opened(self, number: int, cause: Cause) -> IncidentEvent | None:
        found = [each for each in self.events() if each.station == self.station(number) and each.cause is cause]
        return found[0] if found else None

    def events(self) -> list[IncidentEvent]:
        reader = TopicReader(self.kafka, INCIDENTS)
        found = [read_event(IncidentEvent, each.value) for each in reader.read_to_end()]
        reader.close()
        return [each for each in found if each.line == self.name]

    def told(self) -> list[str]:
        """What the webhook accepted of our line, in order."""
        ours = [each for each in self.hook.pages if each["line"] == self.name]
        return [f"{each['kind']} {len(each['stations']) or each['station']}" for each in ours]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(25)
        self._log.close()
        self._sink.close()
        self.redis.close()
        self.hook.shutdown()
        self.hook.server_close()


@pytest.fixture
def line(servers: Servers, tmp_path: Path) -> Iterator[Line]:
    sessions: list[subprocess.Popen[bytes]] = []
    line = Line(servers, tmp_path, sessions)
    yield line
    line.close()


def test_a_line_that_goes_dark_is_one_incident_through_a_kill_and_a_lost_redis(line: Line) -> None:
    since = datetime.now(UTC)
    line.say(FindingKind.BEGAN, since, 1)
    assert eventually(lambda: line.told() == [f"opened {line.station(1)}"])
    line.say(FindingKind.BEGAN, since, 2, 3, 4)
    whole = eventually(lambda: [each for each in line.told() if each in ("opened 3", "opened 4")])
    assert whole
    assert eventually(lambda: f"resolved {line.station(1)}" in line.told())
    assert len(line.told()) == 3, line.told()
    assert eventually(lambda: not line.redis.scard("andon:waiting:webhook"))
    line.kill()
    line.redis.flushall()
    line.start()
    line.say(FindingKind.BEGAN, since, 1, 2)  # said again
    line.say(FindingKind.ENDED, since, 1, 2, 3)
    line.say(FindingKind.BEGAN, since, 5)
    line.say(FindingKind.ENDED, since, 4, 5)
    assert eventually(lambda: [each for each in line.told() if each.startswith("resolved 1")])
    told = line.told()
    assert len(told) == 4, told
    turns = [(each.incident_id, each.kind) for each in line.events() if each.kind in ("opened", "resolved")]
    assert len(set(turns)) == len(turns), "each incident opened once and ended once"
    assert {each for each, kind in turns if kind == "opened"} == {each for each, kind in turns if kind == "resolved"}


def test_drift_and_rejects_call_people_once_and_bad_parts_are_told_with_what_drifted_before(line: Line) -> None:
    since = datetime.now(UTC) - timedelta(minutes=20)
    line.say(FindingKind.BEGAN, since, 1, cause=Cause.DRIFT, named=DriftCause.FOCUS)
    assert eventually(lambda: [each["severity"] for each in line.pages(1)] == ["warning"])
    line.redis.flushall()
    line.say(FindingKind.BEGAN, datetime.now(UTC), 1, cause=Cause.REJECT_RATE)
    assert eventually(lambda: "reject_rate" in [each["cause"] for each in line.pages(1)])
    line.inspect(1, "ooaaa")
    assert eventually(lambda: "defect_surge" in [each["cause"] for each in line.pages(1)])
    told = {each["cause"]: (each["severity"], each.get("changed")) for each in line.pages(1)}
    assert told == {
        "drift": ("warning", None),
        "reject_rate": ("critical", "20 min before: focus began"),
        "defect_surge": ("critical", "20 min before: focus began"),
    }
    assert len(line.pages(1)) == 3


def test_bad_parts_in_a_bright_picture_wait_for_the_cameras_fault_and_are_told_where_there_is_none(line: Line) -> None:
    bright = Cause.STATION_BRIGHT
    line.say(FindingKind.BEGAN, datetime.now(UTC), 3, cause=bright)
    assert eventually(lambda: line.pages(3)), "it reads findings by now"
    for number in (1, 2):
        line.inspect(number, "ooo")
        line.inspect(number, "aaa", first=3, luminance=0.9)
    assert eventually(lambda: line.redis.scard("andon:waiting:webhook") == 2)
    assert line.pages(1) == line.pages(2) == []
    line.say(FindingKind.BEGAN, datetime.now(UTC), 1, cause=bright)
    assert eventually(lambda: [each["cause"] for each in line.pages(1)] == ["station_bright"])
    assert line.pages(2) == []
    line.kill()
    line.start()
    assert eventually(lambda: [each["cause"] for each in line.pages(2)] == ["defect_surge"])
    surge = line.opened(1, Cause.DEFECT_SURGE)
    assert surge is not None
    page = f"andon:page:webhook:{surge.incident_id}"
    assert eventually(lambda: line.redis.hget(page, "put_off") == "1")
    assert [each["cause"] for each in line.pages(1)] == ["station_bright"], "one page, and it names the camera"


def test_people_who_overrule_too_much_open_an_incident_and_take_it_back(line: Line) -> None:
    at, station = datetime.now(UTC), line.station(1)
    scores = [
        Score(
            frame_id=frame_id(station, 1, seq),
            station=station,
            epoch=1,
            seq=seq,
            captured_at=at,
            scored_at=at,
            verdict=Verdict.ANOMALOUS if seq % 20 == 0 else Verdict.OK,
            score=0.15 if seq % 20 == 0 else 0.05,
            threshold=0.1,
            bundle="b" * 64,
            width=640,
            height=480,
            frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
        )
        for seq in range(300)
    ]

    def say(answer: Told) -> None:
        called = [each for each in scores if each.verdict is Verdict.ANOMALOUS]
        said = datetime.now(UTC)
        line.send(
            VERDICTS, [Answer(frame_id=each.frame_id, station=station, answer=answer, at=said) for each in called]
        )

    def ours(kind: str) -> list[dict[str, Any]]:
        return [each for each in line.hook.pages if each["cause"] == "false_calls" and each["kind"] == kind]

    line.send(SCORES, scores)
    say(Told.FALSE_CALL)
    assert eventually(lambda: ours("opened"))
    assert ours("opened")[0]["what"] == f"{station}: people overruled 15 of 300 verdicts; the budget is 10 per 1,000."
    say(Told.REAL)
    assert eventually(lambda: ours("resolved"))
    events = [each for each in line.events() if each.cause is Cause.FALSE_CALLS and each.sink is None]
    assert [(each.kind, each.reason) for each in events] == [("opened", "over_budget"), ("resolved", "within_budget")]
