"""Configurations of the servers, one server, and several together."""

import json
import random
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Timer

import pytest
from typer.testing import CliRunner

from andon.errors import Mistake
from andon_demo.servers import tools
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.fetch import EVERY
from andon_demo.servers.kafka import LARGEST_MESSAGE, Kafka, random_cluster_id
from andon_demo.servers.main import app
from andon_demo.servers.mosquitto import Mosquitto
from andon_demo.servers.ports import HOST, free_ports, is_open
from andon_demo.servers.process import DidNotStart
from andon_demo.servers.prometheus import Prometheus, Target, scrape
from andon_demo.servers.redis import Redis
from andon_demo.servers.server import Kind, Server
from andon_demo.servers.supervise import Servers, signals_interrupt

DEPLOY = tools.deploy_folder()


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def eventually(check: object, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not check():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_kafka_takes_a_whole_frame_creates_no_topic_by_itself_and_listens_only_here(tmp_path: Path) -> None:
    rendered = properties(Kafka().render(tmp_path, (19092, 19093)))
    assert int(rendered["message.max.bytes"]) == LARGEST_MESSAGE > 4.25 * 2**20
    assert int(rendered["replica.fetch.max.bytes"]) >= LARGEST_MESSAGE
    assert rendered["auto.create.topics.enable"] == "false"
    assert rendered["listeners"] == "BROKER://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"
    assert rendered["advertised.listeners"] == "BROKER://127.0.0.1:19092"
    assert rendered["log.dirs"] == str(tmp_path)


def test_properties_given_to_kafka_win() -> None:
    kafka = Kafka(properties={"num.io.threads": "8", "log.retention.ms": "1000"})
    rendered = properties(kafka.render(Path("data"), (1, 2)))
    assert (rendered["num.io.threads"], rendered["log.retention.ms"]) == ("8", "1000")


def test_cluster_ids_differ_and_look_like_kafkas() -> None:
    ids = {random_cluster_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(one) == 22 and one[0] != "-" for one in ids)


def test_alertmanager_gets_its_waits_and_webhook() -> None:
    kind = Alertmanager(webhook="http://127.0.0.1:9/x?a=1", group_wait_s=0.2, group_interval_s=3)
    text = kind.render((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    settings = [line.strip() for line in text.splitlines() if not line.startswith("#")]
    assert "group_by: [alertname, site, place]" in settings
    assert "group_wait: 200ms" in settings
    assert "group_interval: 3000ms" in settings
    assert settings[-4:] == [
        "- name: people",
        "webhook_configs:",
        '- url: "http://127.0.0.1:9/x?a=1"',
        "send_resolved: true",
    ]


def test_without_a_webhook_alertmanagers_receiver_is_silent() -> None:
    text = Alertmanager().render((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    assert text.splitlines()[-1].strip() == "- name: people"


def test_a_template_without_its_waits_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="group_wait"):
        Alertmanager().render("route:\n  receiver: people\n")


def test_alertmanager_tells_of_rehearsals_where_it_is_told_to_and_nowhere_else():
    template = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()
    assert "http://127.0.0.1:9/drills" not in Alertmanager().render(template)
    text = Alertmanager(drills="http://127.0.0.1:9/drills").render(template)
    assert '  - name: drill\n    webhook_configs:\n      - url: "http://127.0.0.1:9/drills"\n' in text
    with pytest.raises(Mistake, match="name: drill"):
        Alertmanager(drills="http://127.0.0.1:9/drills").render("route:\n  receiver: people\n")


def test_prometheus_watches_a_list_of_targets(tmp_path: Path) -> None:
    scrape(tmp_path, [Target("127.0.0.1:9101", "scoring"), Target("127.0.0.1:9102", "ingest")])
    assert json.loads((tmp_path / "targets.json").read_text()) == [
        {"targets": ["127.0.0.1:9101"], "labels": {"job": "scoring"}},
        {"targets": ["127.0.0.1:9102"], "labels": {"job": "ingest"}},
    ]
    assert "targets.json" in (DEPLOY / "prometheus" / "prometheus.yml").read_text()


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (Kafka(), "h:1"),
        (Redis(), "redis://h:1/0"),
        (Alertmanager(), "http://h:1"),
        (Prometheus(), "http://h:1"),
        (Mosquitto(), "mqtt://h:1"),
        (Mosquitto({"certfile": "/tls/broker.pem"}), "mqtts://h:1"),
    ],
)
def test_each_kind_names_itself_and_its_address(kind: Kind, url: str) -> None:
    assert kind.url("h:1") == url
    assert kind.name in EVERY


class Listener:
    """A kind of server that only listens; `line` is shell code it runs first."""

    name = "listener"
    ports = 1

    def __init__(self, line: str = "", name: str = "listener") -> None:
        self.line = line
        self.name = name

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        serve = f"import socket, time; s = socket.create_server(('{HOST}', {ports[0]})); time.sleep(60)"
        return ["sh", "-c", f"{self.line}\nexec {shlex.join(python(serve))}"]

    def answers(self, ports: Sequence[int]) -> bool:
        return is_open(ports[0])

    def url(self, address: str) -> str:
        return f"listen://{address}"


def test_a_server_comes_back_on_its_port_after_a_kill(tmp_path: Path) -> None:
    server = Server(Listener(), tmp_path / "listener", draw=random.Random(3))
    with pytest.raises(Mistake, match="no port before it is started"):
        _ = server.port
    server.start()
    port = server.port
    server.kill()
    with pytest.raises(DidNotStart, match="ended with status -9"):
        server.check()
    server.start()
    try:
        server.check()
        assert server.port == port
        assert server.url == f"listen://{HOST}:{port}" == f"listen://{server.bootstrap}"
    finally:
        server.stop()


def test_a_server_that_loses_the_race_for_its_port_takes_another(tmp_path: Path) -> None:
    """Between choosing a port and listening on it somebody else may take it."""
    server = Server(Listener(line="sleep 0.5"), tmp_path / "listener", draw=random.Random(4))
    server.begin()
    lost = server.port
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind((HOST, lost))
        thief.listen(0)
        server.kind.answers = lambda ports: ports[0] != lost and is_open(ports[0])  # type: ignore[method-assign]
        server.wait_ready(within_s=20)
    try:
        assert server.running
        assert server.port != lost
    finally:
        server.stop()


def test_a_fixed_port_that_is_taken_is_a_mistake(tmp_path: Path) -> None:
    (port,) = free_ports(1, random.Random(5))
    with (
        socket.create_server((HOST, port)),
        pytest.raises(Mistake, match=f"port {port}, asked for listener, is in use"),
    ):
        Server(Listener(), tmp_path / "listener", draw=random.Random(5), port=port).start()


def test_when_one_server_does_not_start_the_others_are_stopped_and_the_folder_removed() -> None:
    servers = Servers([Listener(name="good"), Listener("echo no licence; exit 3", name="bad")])
    with pytest.raises(DidNotStart, match=r"(?s)bad ended with status 3.*no licence"), servers:
        pytest.fail("must not be entered")
    assert not servers["good"].running
    assert servers.folder is not None
    assert not servers.folder.exists()


def test_a_server_that_was_not_asked_for_is_a_mistake() -> None:
    with Servers([Listener(name="one")]) as servers, pytest.raises(Mistake, match=r"kafka is not among.*: one"):
        _ = servers.kafka


@pytest.fixture
def hung_up() -> Iterator[None]:
    """A terminal that hangs up is heard, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hung_up")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_stops_the_servers_and_removes_their_folder(number: signal.Signals) -> None:
    servers = Servers([Listener(name="one")])
    with pytest.raises(KeyboardInterrupt), servers:
        signal.raise_signal(number)
    assert not servers["one"].running
    assert servers.folder is not None
    assert not servers.folder.exists()


def test_a_second_ctrl_c_kills_a_server_that_takes_its_time() -> None:
    servers = Servers([Listener("trap '' TERM", name="deaf")])
    began = time.monotonic()
    impatient = Timer(0.3, signal.raise_signal, [signal.SIGINT])
    with pytest.raises(KeyboardInterrupt), servers:
        impatient.start()
    impatient.join()
    assert time.monotonic() - began < 10
    assert servers["deaf"].process.returncode == -signal.SIGKILL
    assert servers.folder is not None
    assert not servers.folder.exists()


def test_signal_handlers_are_put_back_and_those_of_others_stay() -> None:
    def theirs(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGHUP, theirs), signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with signals_interrupt():
            assert signal.getsignal(signal.SIGHUP) is theirs
            assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGTERM, before[1])


def test_the_help_teaches_both_commands() -> None:
    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "160", "NO_COLOR": "1"}).output
    assert "servers.env" in shown
    assert "--port-kafka" in shown
    assert "Maven" in CliRunner().invoke(app, ["fetch", "--help"]).output
