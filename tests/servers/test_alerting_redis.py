"""Alerting on real Redis, and as a whole on real Kafka, Redis and Alertmanager."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis

from andon.ids import frame_id, notice_id
from andon.kafka import KafkaSink, TopicReader
from andon.kafka.admin import create_topics
from andon.line import Plan, Policy
from andon.records import (
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Notice,
    NoticeKind,
    Score,
    Verdict,
    read_event,
    write_event,
)
from andon.redis_client import connect
from andon.settings import KafkaSettings, RedisSettings
from andon.stage import Message
from andon.topics import ALL, INCIDENTS, NOTICES, SCORES
from andon_alerting.alerting import Card
from andon_alerting.outbox import Keys, Outbox, Pace
from andon_alerting.policy import decide
from andon_alerting.states import RedisStates
from andon_alerting.story import turned
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
NOW_S = NOW.timestamp()
POLICY = Policy(clear_after=4, multiple=None)


def make_score(bad: bool, station: str, seq: int, at: datetime, epoch: int = 1, **about: Any) -> Score:
    score = Score(
        frame_id=frame_id(station, epoch, seq),
        station=station,
        epoch=epoch,
        seq=seq,
        captured_at=at,
        scored_at=at,
        verdict=Verdict.ANOMALOUS if bad else Verdict.OK,
        score=0.2 if bad else 0.05,
        threshold=0.1,
        bundle="b" * 64,
        width=640,
        height=480,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
    )
    return score.model_copy(update=about)


def eventually(ask: Callable[[], Any], within_s: float = 40.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


class Desk:
    """States and an outbox on real Redis, under keys of its own."""

    def __init__(self, url: str) -> None:
        self.redis = connect(RedisSettings(url=url))
        self.keys = Keys(f"t-{uuid4().hex[:8]}:")
        self.states = RedisStates(self.redis, self.keys, {"bell": False})

    def outbox(self, holder: str = "me", **pace: float) -> Outbox:
        return Outbox(self.redis, self.keys, "bell", holder, Pace(**pace))  # type: ignore[arg-type]

    def card(self) -> Card:
        return self.states.load({"weld-07": 0}, []).cards["weld-07"]

    def play(self, letters: str) -> list[str]:
        """Loads, decides, saves; answers what was refused."""
        card = self.card()
        first = card.state.seq + 1
        for seq, letter in enumerate(letters, first):
            decide_on(card, make_score(letter == "a", "weld-07", seq, NOW + timedelta(seconds=seq)))
        return self.states.save([card], NOW)


def decide_on(card: Card, score: Score) -> None:
    card.state, decisions = decide(card.state, score, POLICY)
    card.pages += [event for each in decisions if (event := turned(Plan(card.station), each))]


@pytest.fixture
def desk(servers: Servers) -> Iterator[Desk]:
    desk = Desk(servers.redis.url)
    yield desk
    desk.redis.close()


def test_a_state_is_kept_as_it_is_and_expires_when_idle_for_long(desk: Desk) -> None:
    assert desk.play("oaaa") == []
    assert desk.card().state.open
    assert desk.card().mark == "/1/3"
    assert 0 < desk.redis.ttl(desk.keys.station("weld-07")) <= 30 * 86_400


def test_a_replica_that_comes_too_late_changes_nothing_and_pages_nobody(desk: Desk) -> None:
    zombie = desk.card()
    desk.play("ooo")
    for seq in range(3):
        decide_on(zombie, make_score(True, "weld-07", seq, NOW))
    assert zombie.pages
    assert desk.states.save([zombie], NOW) == ["weld-07"]
    assert desk.card().state.made.window == "ooo"
    assert desk.outbox().claim(9, NOW_S + 1) == []


def test_a_save_whose_answer_was_lost_is_refused_when_repeated_and_pages_once(desk: Desk) -> None:
    card = desk.card()
    for seq in range(3):
        decide_on(card, make_score(True, "weld-07", seq, NOW))
    assert desk.states.save([card], NOW) == []
    assert desk.states.save([card], NOW) == ["weld-07"]
    assert len(desk.outbox().claim(9, NOW_S + 1)) == 1


def test_scripts_survive_a_restart_of_redis(desk: Desk) -> None:
    desk.play("o")
    desk.redis.script_flush()
    assert desk.play("aaa") == []
    desk.redis.script_flush()
    assert len(desk.outbox().claim(9, NOW_S + 1)) == 1


def test_a_page_is_held_by_one_until_the_lease_ends(desk: Desk) -> None:
    desk.play("aaa")
    mine, theirs = desk.outbox("me", lease_s=30), desk.outbox("they", lease_s=30)
    (entry,) = mine.claim(9, NOW_S + 1)
    assert theirs.claim(9, NOW_S + 30) == []
    assert len(theirs.claim(9, NOW_S + 32)) == 1
    mine.told(entry, NOW_S + 33)
    assert mine.waiting() == 1, "whoever lost the lease settles nothing"


def test_the_end_never_overtakes_the_beginning(desk: Desk) -> None:
    desk.play("aaa" + "oooo")
    outbox = desk.outbox()
    (opened,) = outbox.claim(9, NOW_S + 1)
    assert opened.event.kind == "opened"
    outbox.later(opened, NOW_S + 1, pause_s=60)
    assert outbox.claim(9, NOW_S + 50) == []
    (opened,) = outbox.claim(9, NOW_S + 70)
    assert (opened.event.kind, opened.attempts) == ("opened", 1)
    outbox.told(opened, NOW_S + 70)
    (resolved,) = outbox.claim(9, NOW_S + 70)
    assert (resolved.event.kind, resolved.attempts) == ("resolved", 0)
    outbox.told(resolved, NOW_S + 70)
    assert (outbox.claim(9, NOW_S + 9999), outbox.waiting()) == ([], 0)


def test_the_end_waits_while_somebody_is_telling_the_beginning(desk: Desk) -> None:
    desk.play("aaa")
    outbox = desk.outbox()
    outbox.told(*outbox.claim(9, NOW_S + 1), NOW_S + 1, again_in_s=0)
    (reminder,) = outbox.claim(9, NOW_S - 1 + 3)
    assert reminder.again
    desk.play("oooo")
    assert desk.outbox("they").claim(9, NOW_S + 5) == []
    outbox.told(reminder, NOW_S + 5, again_in_s=60)
    assert [each.event.kind for each in desk.outbox("they").claim(9, NOW_S + 5)] == ["resolved"]


def test_what_is_done_leaves_little_and_soon_nothing(desk: Desk) -> None:
    desk.play("aaa" + "oooo")
    outbox = desk.outbox()
    for _ in range(2):
        outbox.told(*outbox.claim(9, NOW_S + 1), NOW_S + 1)
    (page,) = desk.redis.keys(desk.keys.page("bell", "*"))
    assert set(desk.redis.hgetall(page)) == {"told", "attempts"}
    assert desk.redis.ttl(page) <= 86_400
    assert desk.redis.zcard(desk.keys.outbox("bell")) == 0


def test_a_sink_is_never_called_more_often_than_it_may(desk: Desk) -> None:
    desk.play("aaa")
    outbox, calls = desk.outbox(calls_per_minute=120), []
    for tenth in range(1200):
        at = NOW_S + 1 + tenth / 10
        for entry in outbox.claim(1, at):
            calls.append(at)
            outbox.later(entry, at, pause_s=0)
    most = max(sum(1 for each in calls if start <= each < start + 60) for start in calls)
    assert 100 <= most <= 120


def test_a_lost_redis_is_noticed_with_the_next_look(desk: Desk) -> None:
    assert desk.states.load({}, [0, 1]).lost == {0, 1}
    desk.states.restore([], [], [0, 1], NOW)
    assert desk.states.load({"weld-07": 0}, [0, 1]).lost == frozenset()
    desk.redis.delete(desk.keys.boot)
    assert desk.states.load({"weld-07": 0}, []).lost == {0}


def test_stations_are_found_by_when_they_were_last_heard(desk: Desk) -> None:
    desk.play("o")
    assert desk.states.quiet([0], NOW - timedelta(seconds=1)) == {}
    assert desk.states.quiet([0, 1], NOW + timedelta(seconds=61)) == {"weld-07": 0}


class Hook(ThreadingHTTPServer):
    """A webhook's receiver: keeps the ids of what it accepted; answers `status`."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.calls = 0
        self.status = 204
        super().__init__(("127.0.0.1", 0), _HookHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _HookHandler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        pages = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["pages"]
        self.server.calls += 1
        if self.server.status == 204:
            self.server.accepted += [each["id"] for each in pages]
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Quiet."""


class Line:
    """`andon alerting` as a process on real servers, one station of its own, and what it has told."""

    def __init__(self, servers: Servers, hook: Hook, folder: Path) -> None:
        self.hook = hook
        self.station = f"s-{uuid4().hex[:8]}"
        self.alertmanager = servers.alertmanager.url
        self.kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        self.redis = redis.Redis.from_url(servers.redis.url, decode_responses=True)
        self._env = os.environ | servers.env()
        self._env |= {
            "ANDON_WEBHOOK__URL": f"http://127.0.0.1:{hook.server_port}/",
            "ANDON_WEBHOOK__KEY": "k",
            "ANDON_WEBHOOK__GROUP_INTERVAL_S": "0",
            "ANDON_POLICY__CLEAR_AFTER": "4",
            "ANDON_WATCH_EVERY_S": "0.5",
        }
        self._log = (folder / "alerting.log").open("a")
        self._sink = KafkaSink(self.kafka, compression="zstd")
        self._seq = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", "from andon.cli import main; main()", "alerting"]
        self.process = subprocess.Popen(command, env=self._env, stderr=self._log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(25)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._log.close()
        self._sink.close()
        self.redis.close()

    def write(self, letters: str, **about: Any) -> None:
        """Scores, of `about`'s product or bundle."""
        now = datetime.now(UTC)
        scores = [
            make_score(each == "a", self.station, seq, now, **about) for seq, each in enumerate(letters, self._seq)
        ]
        self._seq += len(letters)
        self._sink.send([Message(SCORES, self.station.encode(), write_event(each)) for each in scores], lambda: None)

    def say(self, kind: NoticeKind, bundle: str, times: int = 1) -> str:
        """A notice, as scoring's replicas or the trainer write it; answers its id."""
        at = datetime.now(UTC)
        said = Notice(
            notice_id=notice_id(kind, self.station, None, bundle, at.isoformat()),
            kind=kind,
            station=self.station,
            bundle=bundle,
            sentence=f"{self.station}: {kind}",
            at=at,
        )
        self._sink.send([Message(NOTICES, self.station.encode(), write_event(said))] * times, lambda: None)
        return str(said.notice_id)

    def state(self) -> dict[str, str]:
        return self.redis.hgetall(f"andon:station:{self.station}")

    @property
    def last(self) -> int:
        """The last frame's place in its station."""
        return self._seq - 1

    def is_at_end(self) -> bool:
        return self.state().get("mark") == f"/1/{self._seq - 1}"

    def waiting(self) -> int:
        return sum(self.redis.scard(f"andon:waiting:{sink}") for sink in ("webhook", "alertmanager"))

    def events(self) -> list[IncidentEvent]:
        reader = TopicReader(self.kafka, INCIDENTS)
        found = [read_event(IncidentEvent, record.value) for record in reader.read_to_end()]
        reader.close()
        return [each for each in found if each.station == self.station]

    def alerts(self) -> list[dict[str, Any]]:
        found = httpx.get(f"{self.alertmanager}/api/v2/alerts").json()
        return [each for each in found if each["labels"].get("station") == self.station]

    def told(self) -> list[str]:
        """What the webhook accepted of our incidents, in order."""
        ours = {str(each.incident_id) for each in self.events()}
        return [each for each in self.hook.accepted if each.split("/")[0] in ours]


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook
        hook.shutdown()


@pytest.fixture
def line(servers: Servers, hook: Hook, tmp_path: Path) -> Iterator[Line]:
    create_topics(KafkaSettings(bootstrap_servers=servers.kafka.bootstrap), ALL, 4, 1)
    hook.status = 204
    line = Line(servers, hook, tmp_path)
    yield line
    line.close()


def test_a_page_goes_out_and_its_end_and_a_lost_redis_changes_neither(line: Line) -> None:
    line.write("ooaaa")
    assert eventually(lambda: line.told() and line.alerts())
    (alert,) = line.alerts()
    assert alert["labels"]["cause"] == "defect_surge"
    assert {"summary", "description", "first_action", "evidence"} <= set(alert["annotations"])
    assert eventually(lambda: not line.waiting())
    before = line.state()
    line.redis.flushall()
    assert eventually(lambda: line.redis.hlen("andon:boot") == 4, within_s=10)
    assert line.state() == before
    line.write("oooo")
    assert eventually(lambda: len(line.told()) == 2 and not line.alerts())
    kinds = [(each.kind.value, each.sink) for each in line.events()]
    assert sorted(kinds, key=str) == sorted(
        [("opened", None), ("resolved", None), *[("paged", each) for each in ("alertmanager", "webhook")] * 2], key=str
    )
    assert line.stop() == 0


def test_what_it_was_made_of_and_what_changed_survive_a_lost_redis_and_its_updates_call_nobody(line: Line) -> None:
    line.write("oooooa", product="bracket")
    line.write("ooo", product="hinge")
    line.write("aaa", product="hinge", bundle="c" * 64)
    line.write("aaaaaa", product="hinge", bundle="c" * 64)
    line.write("o", golden=f"{'c' * 64}/good-01")
    assert eventually(lambda: line.state().get("mark") == f"/1/{line.last - 1}" and len(line.told()) == 1)
    opened, *others = line.events()
    assert (opened.reason, opened.product, opened.count) == ("since_swap", "hinge", 3)
    assert opened.changed is not None
    assert (opened.changed.before, opened.changed.after) == ("b" * 64, "c" * 64)
    assert [each.count for each in others if each.kind is IncidentKind.UPDATED] == [4, 8]
    assert eventually(lambda: not line.waiting())
    before = line.state()
    line.redis.flushall()
    assert eventually(lambda: line.redis.hlen("andon:boot") == 4, within_s=10)
    assert line.state() == before
    line.write("oooo", product="bolt")
    assert eventually(lambda: len(line.told()) == 2)
    (resolved,) = [each for each in line.events() if each.kind is IncidentKind.RESOLVED]
    assert resolved.reason == "changed_over"
    assert [each.split("/")[1] for each in line.told()] == ["opened", "resolved"]


def test_killed_again_and_again_it_pages_each_incident_once_and_in_order(line: Line) -> None:
    random = Random(7)
    for _ in range(5):
        for _ in range(8):
            line.write("".join(random.choice("aaooo") for _ in range(4)))
            time.sleep(0.05)
        time.sleep(random.uniform(0.3, 3.5))
        line.kill()
        line.start()
    assert eventually(lambda: line.is_at_end() and not line.waiting(), within_s=60)
    events = line.events()
    told = [IncidentKind.OPENED, IncidentKind.RESOLVED]
    wanted = {f"{each.incident_id}/{each.kind}" for each in events if each.kind in told}
    assert wanted
    assert set(line.told()) == wanted
    assert len(line.told()) == len(wanted), "none twice"
    firsts = {each.split("/")[0]: each.split("/")[1] for each in reversed(line.told())}
    assert set(firsts.values()) == {"opened"}
    before = line.state()
    line.redis.flushall()
    # The last one killed keeps its partitions until its session of 10 s is over; only then are they looked at.
    assert eventually(lambda: line.redis.hlen("andon:boot") == 4, within_s=25)
    assert json.loads(line.state()["state"]) == json.loads(before["state"])


def test_a_refused_bundle_pages_until_another_serves_through_a_kill_and_a_lost_redis(line: Line) -> None:
    refused = line.say(NoticeKind.BUNDLE_REFUSED, "1b" * 32, times=2)
    assert eventually(lambda: line.alerts() and f"{refused}/opened" in line.hook.accepted)
    (alert,) = line.alerts()
    assert alert["labels"]["alertname"] == "AndonBundleRefused"
    assert alert["annotations"]["summary"] == f"{line.station}: bundle_refused"
    line.write("o")
    assert eventually(lambda: line.is_at_end() and not line.waiting())
    line.kill()
    line.redis.flushall()
    line.start()
    assert eventually(lambda: line.redis.hlen("andon:boot") == 4, within_s=25)
    line.say(NoticeKind.BUNDLE_SERVES, "0a" * 32)
    assert eventually(lambda: f"{refused}/resolved" in line.hook.accepted and not line.alerts())
    assert [each.split("/")[1] for each in line.hook.accepted if each.startswith(refused)] == ["opened", "resolved"]


def test_news_is_told_once_everywhere_and_is_no_incident(line: Line) -> None:
    news = line.say(NoticeKind.ONBOARDED, "1b" * 32, times=3)
    assert eventually(lambda: line.alerts() and f"{news}/notice" in line.hook.accepted)
    (alert,) = line.alerts()
    assert (alert["labels"]["alertname"], alert["labels"]["severity"]) == ("AndonNotice", "info")
    assert eventually(lambda: not line.waiting())
    line.kill()
    line.start()
    line.say(NoticeKind.PROMOTED, "1b" * 32)
    assert eventually(lambda: len(line.alerts()) == 2)
    assert line.hook.accepted.count(f"{news}/notice") == 1
    assert line.events() == []


def test_a_sink_that_fails_for_a_while_gets_its_page_and_delays_no_other(line: Line, hook: Hook) -> None:
    hook.status, hook.calls = 503, 0
    line.write("aaa")
    assert eventually(line.alerts), "Alertmanager does not wait for the webhook"
    assert eventually(lambda: hook.calls >= 2)
    line.kill()
    line.start()
    hook.status = 204
    assert eventually(lambda: len(line.told()) == 1, within_s=60)
    assert eventually(lambda: not line.waiting())
