"""People on call over real Kafka, Redis and Alertmanager: silence, acknowledge, look, and fetch the frames."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
import structlog
from confluent_kafka import Producer, TopicPartition
from typer.testing import CliRunner, Result

from andon.cli import build
from andon.errors import Broken
from andon.ids import frame_id, sha256_hex
from andon.incidents import Incident, resolved
from andon.kafka import KafkaSink
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin
from andon.logs import set_up_logs
from andon.records import (
    Cause,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Verdict,
    write_event,
)
from andon.redis_client import Script, connect
from andon.settings import KafkaSettings, RedisSettings
from andon.stage import Message
from andon.topics import ALL, MAX_RECORD_BYTES, SCORES, Topic
from andon_alerting.acknowledging import RedisTaken
from andon_alerting.ended import ended
from andon_alerting.outbox import PAGE, Keys, Outbox, Pace, run_script
from andon_alerting.put_off import When, when
from andon_alerting.states import read_state
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
NOW_S = NOW.timestamp()
JPEG = b"\xff\xd8\xff an image"
OWN = "camera.frames.people"
WHY = ("--why", "the lamp is being changed")


def eventually(ask: Callable[[], Any], within_s: float = 20.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


class Hook(ThreadingHTTPServer):
    """A webhook's receiver: keeps every page."""

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


class Line:
    """`andon alerting` on real servers, and what it has told of a station."""

    def __init__(self, servers: Servers, hook: Hook, folder: Path) -> None:
        self.servers = servers
        self.hook = hook
        self.kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        self.redis = redis.Redis.from_url(servers.redis.url, decode_responses=True)
        self._sink = KafkaSink(self.kafka)
        self._seq = 0
        env = os.environ | servers.env()
        env |= {
            "ANDON_WEBHOOK__URL": f"http://127.0.0.1:{hook.server_port}/",
            "ANDON_WEBHOOK__KEY": "k",
            "ANDON_WEBHOOK__GROUP_INTERVAL_S": "0.5",
            "ANDON_ALERTMANAGER__RESEND_S": "5",
            "ANDON_POLICY__CLEAR_AFTER": "4",
            "ANDON_WATCH_EVERY_S": "0.5",
        }
        self._log = (folder / "alerting.log").open("a")
        command = [sys.executable, "-c", "from andon.cli import main; main()", "alerting"]
        self.process = subprocess.Popen(command, env=env, stderr=self._log)

    def close(self) -> None:
        self.process.terminate()
        assert self.process.wait(30) == 0
        self._log.close()
        self._sink.close()
        self.redis.close()

    def bad(self, station: str, frame: int = 0) -> None:
        """Three bad frames: one incident."""
        self._scores(station, [Verdict.ANOMALOUS] * 3, frame)

    def good(self, station: str) -> None:
        """Enough good ones that it is over."""
        self._scores(station, [Verdict.OK] * 4, 0)

    def window(self, station: str) -> str:
        """The station's last verdicts, as alerting remembers them."""
        state = self.redis.hget(f"andon:station:{station}", "state")
        return read_state(str(state)).made.window if state else ""

    def frames(self, station: str, verdicts: list[Verdict]) -> None:
        """Frames of now, one by one."""
        self._scores(station, verdicts, 0)

    def _scores(self, station: str, verdicts: list[Verdict], frame: int) -> None:
        messages = []
        for number, each in enumerate(verdicts):
            self._seq += 1
            messages.append(Message(SCORES, station.encode(), write_event(self._score(station, each, frame + number))))
        self._sink.send(messages, lambda: None)

    def _score(self, station: str, verdict: Verdict, frame: int) -> Score:
        now = datetime.now(UTC)
        return Score(
            frame_id=frame_id(station, 1, self._seq),
            station=station,
            epoch=1,
            seq=self._seq,
            captured_at=now,
            scored_at=now,
            verdict=verdict,
            score=0.2 if verdict is Verdict.ANOMALOUS else 0.05,
            threshold=0.1,
            bundle="b" * 64,
            width=640,
            height=480,
            frame=FramePlace(topic=OWN, partition=0, offset=frame),
        )

    def put_frames(self, station: str, count: int) -> int:
        """Frames of the next scores, in partition 0 from the offset it answers on."""
        producer, places = Producer({"bootstrap.servers": self.kafka.bootstrap_servers}), list[int]()
        for seq in range(self._seq + 1, self._seq + 1 + count):
            headers = {
                "ce_specversion": "1.0",
                "ce_id": str(frame_id(station, 1, seq)),
                "ce_type": "andon.frame.captured.v1",
                "ce_source": f"/andon/{station}",
                "ce_time": "2026-03-02T14:00:00Z",
                "ce_station": station,
                "ce_epoch": "1",
                "ce_seq": str(seq),
                "ce_sha256": sha256_hex(JPEG),
                "content-type": "image/jpeg",
            }
            told = [(name, text.encode()) for name, text in headers.items()]
            producer.produce(
                OWN, JPEG, station.encode(), 0, lambda _error, sent: places.append(sent.offset()), headers=told
            )
            producer.flush(10)
        return places[0]

    def pages(self, station: str) -> list[str]:
        return [each["kind"] for each in self.hook.pages if each["station"] == station]

    def page(self, station: str, kind: str) -> dict[str, Any]:
        return next(each for each in self.hook.pages if (each["station"], each["kind"]) == (station, kind))

    def alert(self, station: str) -> dict[str, Any]:
        found = httpx.get(f"{self.servers.alertmanager.url}/api/v2/alerts").json()
        return next((each for each in found if each["labels"].get("station") == station), {})


@pytest.fixture(scope="module")
def line(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    create_topics(
        KafkaSettings(bootstrap_servers=servers.kafka.bootstrap),
        [*ALL, Topic(OWN, "station", "test", None, None, MAX_RECORD_BYTES)],
        4,
        1,
    )
    with Hook() as hook:
        with closing(Line(servers, hook, tmp_path_factory.mktemp("people"))) as line:
            yield line
        hook.shutdown()


@pytest.fixture
def station(line: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A station of its own; the commands reach the same servers."""
    set_up_logs("andon", "error", "console")  # as `andon` does: stdout is for tables and --json
    for name, value in line.servers.env().items():
        monkeypatch.setenv(name, value)
    yield f"s-{uuid4().hex[:8]}"
    structlog.reset_defaults()


def run(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(build(words[0]), list(words))


def rows(station: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("incidents", "--station", station, "--json").stdout)
    return found


def shown(station: str) -> dict[str, Any]:
    (found,) = rows(station)
    return found


class Box:
    """Pages and acknowledgements on real Redis, under keys of their own, for a sink `bell` and one that forgets."""

    def __init__(self, url: str) -> None:
        self.redis = connect(RedisSettings(url=url))
        self.keys = Keys(f"t-{uuid4().hex[:8]}:")
        self.taken = RedisTaken(self.redis, self.keys, {"bell": False, "lamp": True}, news_s=300)
        self.bell, self.lamp = (Outbox(self.redis, self.keys, each, "me", Pace()) for each in ("bell", "lamp"))
        self.event = incident()
        self._page = Script(PAGE)

    def queue(self, event: IncidentEvent, now_s: float) -> None:
        for sink in ("bell", "lamp"):
            name = str(event.incident_id)
            keys = [self.keys.outbox(sink), self.keys.waiting(sink), self.keys.page(sink, name)]
            run_script(
                self.redis, self._page, keys, [name, str(event.kind), write_event(event).decode(), now_s, 99, 99]
            )

    def tell(self, outbox: Outbox, now_s: float, again_in_s: float | None = None) -> None:
        for each in outbox.claim(8, now_s):
            outbox.told(each, now_s, again_in_s)

    def take(self, *turns: IncidentEvent, now: datetime = NOW) -> None:
        self.taken.apply(turns or [self.acknowledged], now)

    @property
    def acknowledged(self) -> IncidentEvent:
        said = {"kind": IncidentKind.ACKNOWLEDGED, "by": "Mira", "summary": "Mira has taken it on."}
        return self.event.model_copy(update=said)


def incident() -> IncidentEvent:
    name = uuid4()
    return IncidentEvent(
        event_id=name,
        incident_id=name,
        kind=IncidentKind.OPENED,
        station="weld-07",
        cause=Cause.DEFECT_SURGE,
        severity=Severity.CRITICAL,
        reason="surge",
        at=NOW,
        opened_at=NOW,
    )


@pytest.fixture
def box(servers: Servers) -> Iterator[Box]:
    box = Box(servers.redis.url)
    yield box
    box.redis.close()


def test_who_was_told_of_it_is_told_who_has_it_once(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.tell(box.bell, NOW_S)
    box.take()
    box.take()
    (entry,) = box.bell.claim(8, NOW_S)
    assert (entry.event.kind, entry.again) == (IncidentKind.ACKNOWLEDGED, False)
    box.bell.told(entry, NOW_S)
    assert (box.bell.waiting(), box.bell.claim(8, NOW_S + 9999)) == (0, [])
    assert box.taken.of([str(box.event.incident_id), "another"])[str(box.event.incident_id)].by == "Mira"


def test_whose_page_still_waits_hears_it_with_that_page(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.take()
    (entry,) = box.bell.claim(8, NOW_S)
    assert entry.event.kind is IncidentKind.OPENED
    assert box.taken.of([entry.incident])


def test_who_is_being_told_just_now_is_told_after_that(box: Box) -> None:
    box.queue(box.event, NOW_S)
    (opened,) = box.bell.claim(8, NOW_S)
    box.take()
    assert box.bell.claim(8, NOW_S) == []
    box.bell.told(opened, NOW_S)
    (entry,) = box.bell.claim(8, NOW_S + Pace().lease_s)
    assert entry.event.kind is IncidentKind.ACKNOWLEDGED


def test_a_sink_that_forgets_is_reminded_at_once_and_gets_no_page_of_its_own(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.tell(box.lamp, NOW_S, again_in_s=60)
    assert box.lamp.claim(8, NOW_S) == []
    box.take()
    (entry,) = box.lamp.claim(8, NOW_S)
    assert (entry.event.kind, entry.again) == (IncidentKind.OPENED, True)


def test_what_was_said_long_ago_is_kept_and_no_news(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.tell(box.bell, NOW_S)
    box.take(now=NOW + timedelta(hours=1))
    assert box.bell.claim(8, NOW_S + 9999) == []
    assert box.taken.of([str(box.event.incident_id)])


def test_the_end_takes_back_what_nobody_was_told_yet_and_forgets_who_had_it(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.tell(box.bell, NOW_S)
    box.take()
    box.take(box.event.model_copy(update={"kind": IncidentKind.RESOLVED}))
    assert (box.bell.claim(8, NOW_S), box.bell.waiting()) == ([], 0)
    assert box.taken.of([str(box.event.incident_id)]) == {}


def ended_by(box: Box) -> IncidentEvent:
    return resolved(Incident([box.event]), "Mira", "the lamp was loose", NOW)


def test_who_was_told_of_it_is_told_who_ended_it_once(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.tell(box.bell, NOW_S)
    box.tell(box.lamp, NOW_S, again_in_s=60)
    box.take()
    box.take(ended_by(box))
    box.take(ended_by(box).model_copy(update={"by": "Bo"}))
    for outbox in (box.bell, box.lamp):
        (entry,) = outbox.claim(8, NOW_S)
        assert isinstance(entry.event, IncidentEvent)
        assert (entry.event.kind, entry.event.by) == (IncidentKind.RESOLVED, "Mira")
        outbox.told(entry, NOW_S)
        assert (outbox.waiting(), outbox.claim(8, NOW_S + 9999)) == (0, [])
    assert ended(box.redis, box.keys, [box.event.incident_id])[box.event.incident_id].by == "Mira"


def test_what_was_over_before_a_person_said_so_is_told_by_its_first_end(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.tell(box.bell, NOW_S)
    box.queue(box.event.model_copy(update={"kind": IncidentKind.RESOLVED, "reason": "cleared"}), NOW_S)
    box.take(ended_by(box))
    (entry,) = box.bell.claim(8, NOW_S)
    assert entry.event.reason == "cleared"


def test_a_page_that_still_waits_when_a_person_ends_it_comes_with_its_end(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.take(ended_by(box))
    (entry,) = box.bell.claim(8, NOW_S)
    assert when(entry, None) is When.ENDED_UNTOLD
    box.bell.dropped(entry, NOW_S)
    assert (box.bell.waiting(), box.bell.claim(8, NOW_S + 9999)) == (0, [])


def test_an_end_that_is_read_back_is_known_again_and_told_by_nobody(box: Box) -> None:
    box.queue(box.event, NOW_S)
    box.tell(box.bell, NOW_S)
    box.taken.restore([ended_by(box)], NOW)
    assert box.bell.claim(8, NOW_S) == []
    assert ended(box.redis, box.keys, [box.event.incident_id])


def test_a_clock_that_runs_ahead_ends_no_later_than_it_was_heard(box: Box) -> None:
    box.take(ended_by(box).model_copy(update={"at": NOW + timedelta(hours=1)}))
    assert ended(box.redis, box.keys, [box.event.incident_id])[box.event.incident_id].at == NOW


def test_partitions_that_redis_knows_nothing_of_are_lost_until_they_are_found(box: Box) -> None:
    assert box.taken.lost([0, 4]) == {0, 4}
    box.taken.found([4], NOW)
    assert box.taken.lost([0, 4]) == {0}
    assert box.taken.lost([]) == frozenset()


def test_nobody_is_called_about_a_silenced_station_until_it_ends(line: Line, station: str) -> None:
    loud = f"{station}-loud"
    told = run("silence", station, "9s", *WHY, "--json")
    until = datetime.fromisoformat(json.loads(told.stdout)["silence"]["until"])
    assert station in run("silences", "--json").stdout
    line.bad(station)
    line.bad(loud)
    assert eventually(lambda: line.pages(loud) == ["opened"])
    assert datetime.now(UTC) < until
    assert line.pages(station) == []
    assert eventually(lambda: rows(station))
    assert shown(station)["told"] == {}
    assert eventually(lambda: line.pages(station) == ["opened"])
    assert datetime.now(UTC) >= until


def test_what_is_over_before_the_silence_is_told_to_nobody(line: Line, station: str) -> None:
    told = run("silence", station, "4s", *WHY, "--json")
    until = datetime.fromisoformat(json.loads(told.stdout)["silence"]["until"])
    line.bad(station)
    line.good(station)
    assert eventually(lambda: all(not each["open"] for each in rows(station)) and rows(station))
    assert eventually(lambda: datetime.now(UTC) > until)
    line.bad(f"{station}-loud")
    assert eventually(lambda: line.pages(f"{station}-loud") == ["opened"])
    assert line.pages(station) == []


def test_a_silence_stops_what_alertmanager_was_told_before_and_its_end_brings_it_back(line: Line, station: str) -> None:
    line.bad(station)
    assert eventually(lambda: line.alert(station).get("status", {}).get("state") == "active")
    assert run("silence", station, "1h", *WHY, "--by", "Mira").exit_code == 0
    assert eventually(lambda: line.alert(station)["status"]["state"] == "suppressed")
    assert station in run("silences").stdout
    told = run("silence", station, "--end", "--json")
    assert json.loads(told.stdout)["alertmanager"] == "told"
    assert eventually(lambda: line.alert(station)["status"]["state"] == "active")
    assert station not in run("silences").stdout


def test_an_acknowledgement_reaches_every_page_and_outlives_a_lost_redis(line: Line, station: str) -> None:
    line.bad(station)
    assert eventually(lambda: line.pages(station) == ["opened"] and line.alert(station))
    assert "acknowledged_by" not in line.alert(station)["annotations"]
    told = run("acknowledge", station, "--by", "Mira", "--note", "on my way")
    assert told.exit_code == 0, told.exception
    assert eventually(lambda: line.pages(station) == ["opened", "acknowledged"])
    assert line.page(station, "acknowledged")["what"] == "Mira has taken it on: on my way"
    assert eventually(lambda: "Mira at" in line.alert(station)["annotations"].get("acknowledged_by", ""))
    second = run("acknowledge", station, "--by", "Bo", "--json")
    assert json.loads(second.stdout)["by"] == "Mira"

    line.redis.flushall()
    incident = shown(station)["incident"]
    assert eventually(lambda: line.redis.exists(f"andon:taken:{incident}"))
    line.good(station)
    assert eventually(lambda: line.pages(station)[-1] == "resolved")
    assert eventually(lambda: not line.redis.exists(f"andon:taken:{incident}"))
    keys = [each["id"] for each in line.hook.pages if each["station"] == station]
    assert set(keys) == {f"{incident}/{kind}" for kind in ("opened", "acknowledged", "resolved")}
    assert "has been over since" in str(run("acknowledge", incident[:8]).exception)
    row = shown(station)
    assert (row["acknowledged_by"], row["note"], sorted(row["told"])) == (
        "Mira",
        "on my way",
        ["alertmanager", "webhook"],
    )


def test_what_a_person_ends_is_over_everywhere_and_the_same_trouble_is_another_incident(
    line: Line, station: str
) -> None:
    line.bad(station)
    assert eventually(lambda: line.pages(station) == ["opened"] and line.alert(station))
    first = shown(station)["incident"]
    told = run("resolve", station, "--by", "Mira", "--note", "the lamp was loose", "--json")
    assert told.exit_code == 0, told.exception
    assert json.loads(told.stdout)["incident"] == first
    assert eventually(lambda: line.pages(station) == ["opened", "resolved"])
    page = line.page(station, "resolved")
    assert (page["resolved_by"], page["incident"]) == ("Mira", first)
    assert "Mira ended it after" in page["what"]
    assert eventually(lambda: line.alert(station) == {}), "Alertmanager knows no alert of it any more"
    assert "(Mira ended it); there is nothing to end" in str(run("resolve", first[:8]).exception)

    line.redis.flushall()
    assert eventually(lambda: line.redis.exists(f"andon:ended:{first}"))
    line.frames(station, [Verdict.ANOMALOUS] * 2)  # too few by themselves
    assert eventually(lambda: line.window(station).endswith("aa"))
    assert [each["incident"] for each in rows(station)] == [first]
    line.frames(station, [Verdict.ANOMALOUS])
    assert eventually(lambda: line.pages(station) == ["opened", "resolved", "opened"])
    assert eventually(lambda: line.alert(station))
    again, before = rows(station)
    assert (again["open"], before["open"], before["resolved_by"]) == (True, False, "Mira")
    assert again["incident"] != first == before["incident"]
    turns = json.loads(run("incidents", "show", first, "--json").stdout)["turns"]
    assert [each["by"] for each in turns if each["kind"] == "resolved"] == ["Mira"], "theirs is the only end"
    line.good(station)
    assert eventually(lambda: line.pages(station)[-1] == "resolved")


def test_the_frames_of_an_incident_are_saved_while_kafka_holds_them_and_told_of_afterwards(
    line: Line, station: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_EVIDENCE__URL", str(tmp_path / "kept"))
    first = line.put_frames(station, 4)  # one more than shows it: it stays
    line.bad(station, frame=first)
    assert eventually(lambda: line.pages(station) == ["opened"])
    found = json.loads(run("incidents", "show", station, "--evidence", str(tmp_path / "a"), "--json").stdout)
    files = [each["file"] for each in found["evidence"] if each["file"]]
    assert files
    assert Path(files[0]).read_bytes() == JPEG
    assert found["turns"][0]["kind"] == "opened"

    client, place = admin(line.kafka), TopicPartition(OWN, 0, first + 3)
    client.delete_records([place])[place].result(10)
    shown = run("incidents", "show", station, "--evidence", str(tmp_path / "b"))
    assert shown.stdout.count(f"not saved: expired: Kafka holds {OWN} since 20") == 3, shown.stdout
    assert list((tmp_path / "b").iterdir()) == []


def test_following_sees_a_turn_as_it_comes(line: Line, station: str) -> None:
    env = os.environ | line.servers.env()
    command = [sys.executable, "-c", "from andon.cli import main; main()"]
    words = ["incidents", "--follow", "--station", station, "--json"]
    with subprocess.Popen([*command, *words], env=env, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        time.sleep(2)
        line.bad(station)
        turn = json.loads(following.stdout.readline())
        following.terminate()
    assert (turn["kind"], turn["station"]) == ("opened", station)


def test_kafka_that_is_away_is_told_in_one_sentence(station: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("ANDON_KAFKA__DELIVERY_TIMEOUT_S", "1")
    for words in (["incidents"], ["silence", station, "1h", *WHY]):
        told = run(*words)
        assert isinstance(told.exception, Broken)
        assert str(told.exception).startswith("cannot reach Kafka")
