"""The real servers: they answer, come back, and never stay behind."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
import redis
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from andon.errors import Broken
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.kafka import LARGEST_MESSAGE, Kafka
from andon_demo.servers.ports import HOST, is_open
from andon_demo.servers.process import DidNotStart
from andon_demo.servers.prometheus import Prometheus, Target, scrape
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
GONE_WITHIN_S = 5.0
QUIET = {"log_level": 0}


def eventually(ask: Callable[[], Any], within_s: float = 30.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def make_topic(bootstrap: str) -> str:
    topic = f"t-{uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    return topic


def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    refused: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": LARGEST_MESSAGE, **QUIET})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: refused.append(error) if error else None)
    assert producer.flush(30) == 0
    assert refused == []


def read(bootstrap: str, topic: str, count: int, group: str) -> list[bytes | None]:
    """The next `count` values of the group, committed."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest", **QUIET})
    consumer.subscribe([topic])
    got: list[Message] = []
    deadline = time.monotonic() + 60
    while len(got) < count and time.monotonic() < deadline:
        got += [message for message in consumer.consume(count - len(got), 0.5) if message.error() is None]
    consumer.commit(asynchronous=False)
    consumer.close()
    return [message.value() for message in got]


def alive(pids: list[int]) -> list[int]:
    """Those that run; a zombie waits only for its new parent to look."""
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A URL that notifications are posted to, and what was posted."""
    posted: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{HOST}:{server.server_port}/pages", posted
        server.shutdown()
        thread.join()


def test_kafka_carries_the_largest_frame(servers: Servers) -> None:
    frame = os.urandom(4 * 2**20 + 2**18)
    topic = make_topic(servers.kafka.bootstrap)
    produce(servers.kafka.bootstrap, topic, b"small", frame, b"last")
    assert read(servers.kafka.bootstrap, topic, 3, group=topic) == [b"small", frame, b"last"]


def test_kafka_makes_no_topic_by_itself(servers: Servers) -> None:
    producer = Producer({"bootstrap.servers": servers.kafka.bootstrap, "message.timeout.ms": 1500, **QUIET})
    refused: list[str] = []
    producer.produce("nobody-made-this", b"x", on_delivery=lambda error, _: refused.append(str(error)))
    producer.flush(10)
    assert refused
    assert refused != ["None"]
    admin = AdminClient({"bootstrap.servers": servers.kafka.bootstrap, **QUIET})
    assert "nobody-made-this" not in admin.list_topics(timeout=10).topics


def test_redis_answers_and_neither_dumps_nor_evicts(servers: Servers) -> None:
    with redis.Redis.from_url(servers.redis.url) as client:
        assert client.ping()
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}


def test_alertmanager_takes_an_alert(servers: Servers) -> None:
    labels = {"alertname": "andon", "station": "weld-07", "cause": "anomalous"}
    url = servers.alertmanager.url
    httpx.post(f"{url}/api/v2/alerts", json=[{"labels": labels}]).raise_for_status()
    shown = httpx.get(f"{url}/api/v2/alerts", params={"filter": 'station="weld-07"'}).json()
    assert [alert["labels"] for alert in shown] == [labels]


def test_alertmanager_tells_the_webhook_once_for_all_that_happens_at_one_place() -> None:
    with webhook() as (url, posted), Servers([Alertmanager(webhook=url, group_wait_s=0.2)]) as servers:
        alerts = [
            {"labels": {"alertname": "AndonIncident", "site": "north", "place": "press", "station": station}}
            for station in ("p-1", "p-2")
        ]
        httpx.post(f"{servers.alertmanager.url}/api/v2/alerts", json=alerts).raise_for_status()
        assert eventually(lambda: posted)
    assert [len(page["alerts"]) for page in posted] == [2]
    assert posted[0]["groupLabels"] == {"alertname": "AndonIncident", "site": "north", "place": "press"}


def test_prometheus_scrapes_what_it_is_told_to_while_it_runs_and_tells_alertmanager() -> None:
    with Servers([Alertmanager(), Prometheus()]) as servers:
        scrape(servers.prometheus.folder, [Target(servers.alertmanager.address, "alertmanager")])

        def up() -> list[str]:
            query = {"query": 'up{job="alertmanager"}'}
            answer = httpx.get(f"{servers.prometheus.url}/api/v1/query", params=query).json()
            return [sample["value"][1] for sample in answer["data"]["result"]]

        def alertmanagers() -> list[str]:
            known = httpx.get(f"{servers.prometheus.url}/api/v1/alertmanagers").json()
            return [one["url"] for one in known["data"]["activeAlertmanagers"]]

        assert eventually(up) == ["1"]
        assert eventually(alertmanagers) == [f"{servers.alertmanager.url}/api/v2/alerts"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_kafka_comes_back_on_its_port_with_its_messages_and_offsets(end: str, servers: Servers) -> None:
    kafka, port = servers.kafka, servers.kafka.port
    topic = make_topic(kafka.bootstrap)
    produce(kafka.bootstrap, topic, b"1", b"2", b"3")
    assert read(kafka.bootstrap, topic, 1, group=topic) == [b"1"]
    getattr(kafka, end)()
    assert not is_open(port)
    kafka.start()
    assert kafka.port == port
    produce(kafka.bootstrap, topic, b"4")
    assert read(kafka.bootstrap, topic, 3, group=topic) == [b"2", b"3", b"4"]


def test_redis_comes_back_empty_on_its_port(servers: Servers) -> None:
    with redis.Redis.from_url(servers.redis.url) as client:
        client.set("station", "weld-07")
        servers.redis.kill()
        servers.redis.start()
        assert client.get("station") is None


def test_stopping_leaves_no_process_no_port_and_no_folder() -> None:
    with Servers() as servers:
        names = ("kafka", "redis", "alertmanager")
        pids, ports = [servers[name].process.pid for name in names], [servers[name].port for name in names]
        assert alive(pids) == pids
        assert all(map(is_open, ports))
    assert alive(pids) == []
    assert not any(map(is_open, ports))
    assert servers.folder is not None
    assert not servers.folder.exists()


HOLDER = """
import json, pathlib, sys, time
from andon_demo.servers.supervise import Servers
with Servers(state=pathlib.Path(sys.argv[1])) as servers:
    pids = [servers[name].process.pid for name in ("kafka", "redis", "alertmanager")]
    print(json.dumps({"pids": pids, "bootstrap": servers.kafka.bootstrap}), flush=True)
    time.sleep(600)
"""


def test_servers_of_a_killed_program_end_and_its_state_folder_can_be_used_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        held = json.loads(holder.stdout.readline())
        topic = make_topic(held["bootstrap"])
        produce(held["bootstrap"], topic, b"kept")
        assert alive(held["pids"]) == held["pids"]
        holder.kill()
    with Servers([Kafka(), Redis()], state=tmp_path) as again:
        assert alive(held["pids"]) == []
        assert read(again.kafka.bootstrap, topic, 1, group=topic) == [b"kept"]
    assert (tmp_path / "kafka.log").is_file()


def test_servers_of_a_killed_program_are_gone_within_seconds(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pids = json.loads(holder.stdout.readline())["pids"]
        holder.kill()
    assert eventually(lambda: not alive(pids), GONE_WITHIN_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_addresses_and_stops_all_when_asked(number: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from andon_demo.servers.main import app; app()", "run", "--state", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        env = dict(run.stdout.readline().strip().split("=", 1) for _ in range(3))
        children = [child.pid for child in psutil.Process(run.pid).children(recursive=True)]
        assert len(children) == 3
        with redis.Redis.from_url(env["ANDON_REDIS__URL"]) as client:
            assert client.ping()
        assert httpx.get(f"{env['ANDON_ALERTMANAGER__URL']}/-/ready").status_code == httpx.codes.OK
        produce(env["ANDON_KAFKA__BOOTSTRAP_SERVERS"], make_topic(env["ANDON_KAFKA__BOOTSTRAP_SERVERS"]), b"x")
        run.send_signal(number)
        _, told = run.communicate(timeout=30)
    assert run.returncode == 0, told
    assert "stopped" in told
    assert alive(children) == []


def test_a_format_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "kafka" / "data"
    half.mkdir(parents=True)
    (half / "bootstrap.checkpoint").write_bytes(b"half")
    with Servers([Kafka()], state=tmp_path) as servers:
        assert make_topic(servers.kafka.bootstrap)


def test_a_kafka_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\nnode.id=77\ncluster.id=mHvXqkYaQ5yPq4xv6QbRPw\n")
    with (
        pytest.raises(DidNotStart, match=r"(?s)kafka ended with status 1.*kafka\.log.*77"),
        Servers([Kafka()], state=tmp_path),
    ):
        pytest.fail("must not be entered")


def test_a_wrong_kafka_property_is_told_by_kafka_itself(tmp_path: Path) -> None:
    wrong = Kafka(properties={"num.io.threads": "many"})
    with pytest.raises(Broken, match=r"(?s)could not format.*many"), Servers([wrong], state=tmp_path):
        pytest.fail("must not be entered")
