"""People are told: each page at least once, in order, together, and not too often; whatever breaks meanwhile.

Scores are written as scoring writes them, `andon alerting` runs as processes on real Kafka, Redis and Alertmanager, and
a webhook keeps what it was told. What must be told is known from the scores alone: three defects open an incident, four
good frames end it.
"""

import http.server
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis

from andon.ids import frame_id
from andon.kafka import KafkaSink, TopicReader
from andon.kafka.admin import create_topics
from andon.records import FramePlace, IncidentEvent, IncidentKind, Score, Verdict, read_event, write_event
from andon.settings import KafkaSettings
from andon.stage import Message
from andon.topics import ALL, INCIDENTS, SCORES
from andon_alerting.outbox import Pace
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(3600)]

TURNS = (IncidentKind.OPENED, IncidentKind.RESOLVED)
BURST, CALM = "aaa", "oooo"
GROUP = "line: {line}\nsite: north\n"
POLICY = """
defaults:
  policy:
    open: 3 of 3 frames
    open at once: never
    over after: 4 good frames
    silent after: never
"""
# Who is killed is missed within 1.5 s instead of 45, so that a test sees many kills: the protocol is the same.
QUICK_GROUPS = {
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "1500",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "300",
}


@dataclass(frozen=True)
class Watched(Alertmanager):
    """Alertmanager whose watchdog goes to the address that everything else goes to, once a second."""

    def render(self, template: str) -> str:
        text = super().render(template).replace("group_interval: 15s", "group_interval: 1s")
        text = text.replace("repeat_interval: 10s", "repeat_interval: 1s")
        hook = f"    webhook_configs:\n      - url: {self.webhook}watchdog\n"
        return text.replace("  - name: watchdog\n", f"  - name: watchdog\n{hook}")


class Line:
    """`andon alerting` as processes, stations of their own, and the scores of each. Unless `grouped`, the stations
    belong to no line, and are told one by one."""

    def __init__(self, servers: Servers, folder: Path, hook: str, *, grouped: bool = True, **settings: str) -> None:
        self.name = f"line-{uuid4().hex[:6]}"
        file = folder / "line.yaml"
        file.write_text((GROUP.format(line=self.name) if grouped else "") + POLICY)
        self.alertmanager = settings.get("ALERTMANAGER__URL", servers.alertmanager.url)
        self.kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap, group_protocol="consumer")
        self.redis = redis.Redis.from_url(servers.redis.url, decode_responses=True)
        self.redis.delete("andon:beat:alertmanager")  # of a test before, where it was longer
        self._sink = KafkaSink(self.kafka, compression="zstd")
        self._lock = threading.Lock()
        self._seqs: Counter[str] = Counter()
        self.bursts: Counter[str] = Counter()
        self._log = (folder / "alerting.log").open("a")
        env = {
            "ANDON_LINE": str(file),
            "ANDON_KAFKA__GROUP_PROTOCOL": "consumer",
            "ANDON_WEBHOOK__URL": hook,
            "ANDON_WEBHOOK__KEY": "k",
            "ANDON_WEBHOOK__GROUP_INTERVAL_S": "0.2",
            "ANDON_PAGING__LEASE_S": "3",
            "ANDON_PAGING__CALLS_PER_MINUTE": "6000",
            "ANDON_PAGING__FIRST_RETRY_S": "0.2",
            "ANDON_PAGING__LONGEST_RETRY_S": "2",
        }
        self._env = os.environ | servers.env() | env | {f"ANDON_{name}": value for name, value in settings.items()}
        self.replicas: list[subprocess.Popen[bytes]] = []

    def station(self, number: int) -> str:
        return f"{self.name}-{number:03}"

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", "from andon.cli import main; main()", "alerting"]
        process = subprocess.Popen(command, env=self._env, stderr=self._log)
        self.replicas.append(process)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()
        self.replicas.remove(process)

    def stop(self, process: "subprocess.Popen[bytes]") -> int:
        process.terminate()
        self.replicas.remove(process)
        return process.wait(25)

    def runs(self) -> bool:
        """True, unless a replica ended by itself."""
        dead = [each.returncode for each in self.replicas if each.poll() is not None]
        assert not dead, f"alerting ended with {dead}: {Path(self._log.name).read_text()[-2000:]}"
        return True

    def close(self) -> None:
        for process in list(self.replicas):
            self.kill(process)
        self._log.close()
        self._sink.close()
        self.redis.close()

    def say(self, station: str, letters: str) -> None:
        """Scores of now: a for anomalous, o for ok. Any thread may."""
        now = datetime.now(UTC)
        with self._lock:
            first = self._seqs[station]
            self._seqs[station] += len(letters)
            scores = [make_score(station, first + place, letter == "a", now) for place, letter in enumerate(letters)]
            self._sink.send([Message(SCORES, station.encode(), write_event(each)) for each in scores], lambda: None)

    def burst(self, station: str) -> None:
        """A whole incident."""
        self.bursts[station] += 1
        self.say(station, BURST + CALM)

    def waiting(self, *sinks: str) -> int:
        return sum(self.redis.scard(f"andon:waiting:{sink}") for sink in sinks or ("webhook", "alertmanager"))

    def events(self) -> list[IncidentEvent]:
        """What `incidents` says of our stations, each event once."""
        reader = TopicReader(self.kafka, INCIDENTS)
        found = [read_event(IncidentEvent, record.value) for record in reader.read_to_end()]
        reader.close()
        return list({each.event_id: each for each in found if each.station.startswith(self.name)}.values())

    def wanted(self) -> set[str]:
        """The ids of the pages people must have got, as `incidents` says."""
        return {f"{each.incident_id}/{each.kind}" for each in self.events() if each.kind in TURNS}

    def turns(self) -> dict[str, Counter[str]]:
        """By station, how often an incident was opened and resolved."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for each in self.events():
            if each.kind in TURNS:
                found[each.station][each.kind] += 1
        return found

    def is_told(self) -> bool:
        """Whether every burst became an incident, and every incident was told to every sink."""
        ended = {station: turns["resolved"] for station, turns in self.turns().items()}
        return ended == dict(self.bursts) and not self.waiting()

    def alerts(self) -> list[dict[str, Any]]:
        found = httpx.get(f"{self.alertmanager}/api/v2/alerts").json()
        return [each for each in found if each["labels"].get("station", "").startswith(self.name)]

    def watchdogs(self) -> int:
        found = httpx.get(f"{self.alertmanager}/api/v2/alerts").json()
        return sum(each["labels"]["alertname"] == "AndonWatchdog" for each in found)


def make_score(station: str, seq: int, bad: bool, at: datetime) -> Score:
    return Score(
        frame_id=frame_id(station, 1, seq),
        station=station,
        epoch=1,
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


@contextmanager
def notified(heard: list[tuple[float, int]]) -> Iterator[str]:
    """The address of a receiver for Alertmanager: keeps when it was notified, and of how many alerts."""

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append((time.monotonic(), len(told["alerts"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def gaps(at: Sequence[float]) -> list[float]:
    """The pauses between moments."""
    return [later - earlier for earlier, later in itertools.pairwise(at)]


def until(ask: Callable[[], Any], what: str, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not ask():
        assert time.monotonic() < deadline, f"waited {within_s:.0f} s in vain for {what}"
        time.sleep(0.1)


@contextmanager
def going_on(turn: Callable[[], None], every_s: float) -> Iterator[None]:
    """`turn` every so often, beside the block."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(every_s):
            turn()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def quick() -> Iterator[Servers]:
    """Servers of this file alone, whose consumer groups miss a member soon."""
    with Servers([Kafka(properties=QUICK_GROUPS), Redis(), Alertmanager()]) as servers:
        create_topics(KafkaSettings(bootstrap_servers=servers.kafka.bootstrap), ALL, 4, 1)
        yield servers


@pytest.fixture
def line(quick: Servers, pages: Any, tmp_path: Path) -> Iterator[Callable[..., Line]]:
    """Makes the line, with settings of its own."""
    with ExitStack() as closing:

        def make(**settings: Any) -> Line:
            made = Line(quick, tmp_path, pages.url, **settings)
            closing.callback(made.close)
            return made

        yield make


def in_order(accepted: Sequence[str]) -> bool:
    """Whether no incident was told as resolved first, or as opened after that."""
    told: dict[str, list[str]] = defaultdict(list)
    for each in accepted:
        incident, turn = each.split("/")
        told[incident].append(turn)
    return all(turns == sorted(turns) and turns[0] == "opened" for turns in told.values())


@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=pytest.mark.nightly)])
def test_killed_at_any_moment_no_page_is_lost_and_none_is_doubled_after_its_key(
    kills: int, line: Callable[..., Line], pages: Any
) -> None:
    it, draw = line(), random.Random(kills)
    pages.answer = lambda _ids: (time.sleep(0.02), (204, None))[1]  # so that it is killed while telling, too
    numbers = itertools.cycle(range(20))
    with going_on(lambda: it.burst(it.station(next(numbers))), every_s=0.15):
        for kill in range(kills):
            process = it.start()
            before = len(pages.calls)
            until(lambda: it.runs() and len(pages.calls) > before, f"pages to flow after kill {kill}")  # noqa: B023
            time.sleep(draw.uniform(0.0, 1.2))
            it.kill(process)
    it.start()
    until(it.is_told, "every page to be told", 120)
    bursts = {station: Counter(opened=count, resolved=count) for station, count in it.bursts.items()}
    assert it.turns() == bursts, "each burst one incident, none twice"
    assert set(pages.told) & it.wanted() == it.wanted(), "none lost"
    assert set(pages.told) == it.wanted(), "none that was not"
    assert in_order([each for number, each in enumerate(pages.accepted) if each not in pages.accepted[:number]])
    firsts: set[str] = set()
    repeats = [call for call in pages.calls if firsts & set(call.ids) or firsts.update(call.ids)]
    again = sum(pages.told.values()) - len(pages.told)
    print(f"{kills} kills, {len(pages.told)} pages in {len(pages.calls)} calls, {again} told again in {len(repeats)}")  # noqa: T201
    assert len(repeats) <= 2 * kills, "only what was being told when it was killed"
    until(lambda: not it.alerts(), "no alert to be left", 30)


def test_three_replicas_tell_each_page_once_in_calm_and_while_they_come_and_go(
    line: Callable[..., Line], pages: Any
) -> None:
    it = line()
    replicas = [it.start() for _ in range(3)]
    numbers = itertools.cycle(range(20))
    with going_on(lambda: it.burst(it.station(next(numbers))), every_s=0.1):
        until(lambda: len(pages.told) > 40, "pages to flow")
        for _ in range(2):
            assert it.stop(replicas.pop(0)) == 0
            replicas.append(it.start())
            flowed = len(pages.told)
            until(lambda: len(pages.told) > flowed + 40, "pages to flow on")  # noqa: B023
    until(it.is_told, "every page to be told")
    assert set(pages.told) == it.wanted()
    assert set(pages.told.values()) == {1}
    assert in_order(pages.accepted)


@pytest.mark.parametrize(
    ("fails_s", "stations", "a_minute", "settings"),
    [
        pytest.param(10.0, 40, 600, {}, id="short"),
        pytest.param(
            600.0,
            300,
            120,
            {"PAGING__FIRST_RETRY_S": "1", "PAGING__LONGEST_RETRY_S": "60", "WEBHOOK__GROUP_INTERVAL_S": "30"},
            id="ten-minutes",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_a_sink_that_answers_429_and_5xx_gets_every_page_under_one_key_at_its_pace(
    fails_s: float, stations: int, a_minute: int, settings: dict[str, str], line: Callable[..., Line], pages: Any
) -> None:
    it = line(grouped=False, PAGING__CALLS_PER_MINUTE=str(a_minute), **settings)
    answers = itertools.cycle([(503, None), (429, 1.0), (500, None), (502, None)])
    back = time.monotonic() + fails_s
    pages.answer = lambda _ids: next(answers) if time.monotonic() < back else (204, None)
    for _ in range(3):
        it.start()
    numbers = itertools.cycle(range(stations))
    with going_on(lambda: it.burst(it.station(next(numbers))), every_s=fails_s / stations):
        time.sleep(fails_s)
    refused = len(pages.calls)
    until(it.is_told, "every page to be told", fails_s + 120)
    tried = Counter(each for call in pages.calls for each in call.ids)
    assert set(pages.told) == it.wanted() == set(tried), "each delivered; no other key was ever tried"
    assert set(pages.told.values()) == {1}
    assert in_order(pages.accepted)
    pace = Pace(a_minute)
    window_s = min(60.0, fails_s / 2)
    most = pages.most_calls_in(window_s)
    print(f"{len(pages.told)} pages, {refused} calls refused, at most {most} calls in {window_s:.0f} s")  # noqa: T201
    assert most <= pace.burst + window_s / pace.interval_s + 1
    assert pages.most_calls_in(60) <= a_minute


def test_the_end_never_overtakes_the_beginning_when_only_the_beginning_is_refused(
    line: Callable[..., Line], pages: Any
) -> None:
    it = line()
    tries: Counter[str] = Counter()

    def answer(ids: Sequence[str]) -> tuple[int, float | None]:
        tries.update(ids)
        return (503, None) if any(each.endswith("/opened") and tries[each] < 4 for each in ids) else (204, None)

    pages.answer = answer
    it.start()
    for number in range(10):
        station = it.station(number)
        it.bursts[station] += 1
        it.say(station, BURST)
        time.sleep(0.025)
        it.say(station, CALM)
    until(it.is_told, "every page to be told")
    assert set(pages.told) == it.wanted()
    assert in_order(pages.accepted)
    time.sleep(2.5)  # longer than the longest retry
    assert set(pages.told.values()) == {1}
    until(lambda: not it.alerts(), "no alert to be left", 15)


@pytest.mark.parametrize(("lasts_s", "interval_s"), [(9.0, 3.0), pytest.param(60.0, 10.0, marks=pytest.mark.nightly)])
def test_a_thousand_defects_a_minute_on_one_line_are_one_notification_an_interval_and_their_count(
    lasts_s: float, interval_s: float, line: Callable[..., Line], pages: Any
) -> None:
    heard: list[tuple[float, int]] = []
    with notified(heard) as address, Servers([Alertmanager(address, 0.2, interval_s)]) as servers:
        resend = {"ALERTMANAGER__RESEND_S": "2", "PAGING__CALLS_PER_MINUTE": "120"}
        url = servers.alertmanager.url
        it = line(ALERTMANAGER__URL=url, WEBHOOK__GROUP_INTERVAL_S=str(interval_s), **resend)
        it.start()
        it.say(it.station(0), CALM)
        until(lambda: it.redis.exists(f"andon:station:{it.station(0)}"), "alerting to be ready")
        began, pause = time.monotonic(), lasts_s / 1000
        for number in range(1000):
            it.say(it.station(number % 50), "a")
            time.sleep(max(0.0, began + (number + 1) * pause - time.monotonic()))
        until(lambda: sum(int(each["annotations"]["count"]) for each in it.alerts()) == 1000, "the count", 20)
        until(lambda: len(pages.told) == 50 and not it.waiting(), "every page to be told")
        time.sleep(interval_s)
        took = time.monotonic() - began
    most = took // interval_s + 1
    print(f"{len(heard)} notifications, {len(pages.calls)} calls of the webhook in {took:.1f} s")  # noqa: T201
    assert 1 <= len(heard) <= most
    assert min(gaps([at for at, _ in heard]), default=interval_s) > 0.9 * interval_s
    assert max(count for _, count in heard) == 50, "stations in one notification"
    assert min(gaps([call.at for call in pages.calls]), default=interval_s) > 0.9 * interval_s
    assert set(pages.told.values()) == {1}


def test_who_waits_for_the_watchdog_notices_that_alerting_died(line: Callable[..., Line]) -> None:
    resend_s = 3.0  # a twentieth of the default: then 60 s, and 60 s more that a switch waits
    heard: list[tuple[float, int]] = []
    with notified(heard) as address, Servers([Watched(address)]) as servers:
        it = line(ALERTMANAGER__URL=servers.alertmanager.url, ALERTMANAGER__RESEND_S=str(resend_s))
        it.start()
        process = it.start()
        until(lambda: len(heard) > 3, "signs of life")
        it.kill(process)
        time.sleep(resend_s + 1)
        assert it.watchdogs() == 1, "the other replica shows life for both"
        beats = len(heard)
        died = time.monotonic()
        it.kill(it.replicas[0])
        until(lambda: not it.watchdogs(), "the watchdog to lapse", 10)
        lapsed_s = time.monotonic() - died
        print(f"lapsed {lapsed_s:.1f} s after the kill, {beats} signs of life before")  # noqa: T201
        assert lapsed_s <= resend_s + 0.5
        time.sleep(2.0)  # Alertmanager tells that it is over, then nothing more
        last = heard[-1][0]
        time.sleep(2.0)
        assert heard[-1][0] == last <= died + resend_s + 2.0
