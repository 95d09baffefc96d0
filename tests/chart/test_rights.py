"""Every component at work on a Kafka that lets nobody do what his KafkaUser does not say. The broker denies nothing.

The rights are those of the rendered KafkaUsers; the broker's own authorizer tells whatever it denied.
"""

import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from guarded import Manifest, of_kind, render

from andon.ids import sha256_hex
from andon.kafka import KafkaSink, TopicReader
from andon.kafka.admin import create_topics
from andon.manifest import GoldenFrame
from andon.preparation import Preparation
from andon.records import Assignment, Verdict, write_event
from andon.settings import KafkaSettings
from andon.stage import Message
from andon.store import BundleStore
from andon.testing.hostile import jpeg
from andon.testing.models import tiny_bundle
from andon.topics import ALL, DEAD_LETTERS, FRAMES, INCIDENTS, MODELS, SCORES, SHADOW_SCORES
from andon_demo.line import ServiceProcess, andon_command
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.mosquitto import Mosquitto
from andon_demo.servers.ports import HOST, free_ports
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers
from values.rights import COMPONENTS

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(600)]

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
STANDING = (
    *("ingest", "preprocess", "scoring", "shadow-scoring", "drift", "alerting", "evidence", "ledger-watch"),
    *("console", "heartbeat", "trainer", "machines"),
)
OWN = {
    "heartbeat": {"ANDON_HEARTBEAT__EVERY_S": "2"},
    "evidence": {"ANDON_EVIDENCE__LOOK_EVERY_S": "1"},
    "scoring": {"ANDON_MODELS__THREADS": "1"},
    "shadow-scoring": {"ANDON_MODELS__THREADS": "1"},
}
"""Settings of single services, so that a test sees them at work."""
OPERATIONS = {"Read": "READ", "Write": "WRITE", "Describe": "DESCRIBE", "DescribeConfigs": "DESCRIBE_CONFIGS"}
KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}
LOG = """<Configuration status="ERROR">
  <Appenders><Console name="log" target="SYSTEM_ERR"><PatternLayout pattern="%p %c{1}: %m%n"/></Console></Appenders>
  <Loggers>
    <Logger name="kafka.authorizer.logger" level="INFO"/>
    <Root level="WARN"><AppenderRef ref="log"/></Root>
  </Loggers>
</Configuration>
"""


@dataclass(frozen=True)
class Guarded(Kafka):
    """A Kafka that tells what it denied."""

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """As ever, with a log of its authorizer."""
        log = folder / "log4j2.xml"
        log.write_text(LOG)
        told = "-Dlog4j2.configurationFile="
        command = super().prepare(folder, ports)
        return [told + log.as_uri() if each.startswith(told) else each for each in command]


def properties(plain: int, secure: int, controller: int) -> dict[str, str]:
    """Whoever comes without a name, from this machine alone, may do everything; the others what they were given."""
    known = " ".join(f'user_andon-{name}="{name}-secret"' for name in COMPONENTS)
    return {
        "listeners": f"BROKER://{HOST}:{plain},CLIENTS://{HOST}:{secure},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"BROKER://{HOST}:{plain},CLIENTS://{HOST}:{secure}",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CLIENTS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listener.name.clients.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.clients.plain.sasl.jaas.config": f"{PLAIN} required {known};",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def bindings(user: Manifest) -> list[AclBinding]:
    """As the User Operator makes them of a KafkaUser."""
    return [
        AclBinding(
            KINDS[each["resource"]["type"]],
            each["resource"].get("name", "kafka-cluster"),
            ResourcePatternType.PREFIXED
            if each["resource"].get("patternType") == "prefix"
            else ResourcePatternType.LITERAL,
            f"User:{user['metadata']['name']}",
            "*",
            getattr(AclOperation, OPERATIONS[operation]),
            AclPermissionType.ALLOW,
        )
        for each in user["spec"]["authorization"]["acls"]
        for operation in each["operations"]
    ]


def users() -> list[Manifest]:
    values: dict[str, Any] = {
        "services": {"shadow-scoring": {"enabled": True}, "machines": {"enabled": True}},
        "schedules": {"drill": {"enabled": True}, "heartbeat": {"enabled": True}},
        "demo": {"enabled": True},
        "topics": {"create": False},
        "strimzi": {"cluster": "factory", "users": {"enabled": True}},
    }
    return list(of_kind(render(values), "KafkaUser").values())


@dataclass
class Line:
    """Services, each with its own name at Kafka. `log` is the broker's."""

    folder: Path
    env: dict[str, str]
    secure: str
    log: Path
    closing: ExitStack
    kafka: KafkaSettings
    draw: random.Random = field(default_factory=random.SystemRandom)
    running: dict[str, ServiceProcess] = field(default_factory=dict)

    def named(self, name: str) -> dict[str, str]:
        """The environment of a component."""
        login = {
            "BOOTSTRAP_SERVERS": self.secure,
            "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "SASL_MECHANISM": "PLAIN",
            "SASL_USERNAME": f"andon-{name}",
            "SASL_PASSWORD": f"{name}-secret",
        }
        return self.env | {f"ANDON_KAFKA__{key}": value for key, value in login.items()}

    def start(self, name: str, *arguments: str) -> None:
        env = self.named(name) | OWN.get(name, {})
        made = ServiceProcess(name, arguments or [name], self.folder / "logs", env, free_ports(1, self.draw)[0])
        self.closing.callback(made.process.stop, grace_s=25)
        made.process.start()
        self.running[name] = made

    def once(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """An `andon` command to its end."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("ANDON_")}
        command = [andon_command(), *arguments]
        env |= self.named(name)
        return subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=180)

    def read(self, topic: str) -> list[bytes]:
        reader = TopicReader(self.kafka, topic)
        try:
            return [each.value for each in reader.read_to_end()]
        finally:
            reader.close()

    def until(self, there: Callable[[], Any], what: str, within_s: float = 90) -> None:
        deadline = time.monotonic() + within_s
        while not there():
            ended = {name: each.process.tail() for name, each in self.running.items() if not each.process.running}
            assert not ended, ended
            assert time.monotonic() < deadline, f"no {what}; denied: {self.denied()}"
            time.sleep(0.2)

    def denied(self) -> list[str]:
        """What the broker's authorizer refused, and to whom, each once."""
        lines = self.log.read_text(errors="replace").splitlines()
        return sorted(
            {line.split(" from host")[0] + line.partition(" on resource")[2] for line in lines if "is Denied" in line}
        )


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("rights")
    plain, secure, controller = free_ports(3, random.SystemRandom())
    kinds = (Guarded(properties=properties(plain, secure, controller)), Redis(), Mosquitto())
    with Servers(kinds, ports={"kafka": plain}) as servers, ExitStack() as closing:
        kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        create_topics(kafka, ALL, 2, 1)
        given = [each for user in users() for each in bindings(user)]
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
        for done in admin.create_acls(given).values():
            done.result(30)
        stores = {"ANDON_STORE__BUNDLES": "bundles", "ANDON_STORE__FRAMES": "frames", "ANDON_EVIDENCE__URL": "evidence"}
        env = servers.env() | {name: str(folder / each) for name, each in stores.items()}
        env |= {"ANDON_LEDGER__REPORT_S": "1", "ANDON_LEDGER__SETTLE_S": "3", "ANDON_CONSOLE__PORT": "0"}
        yield Line(folder, env, f"{HOST}:{secure}", servers.kafka.log, closing, kafka)


def bundle(threshold: float) -> Any:
    """Calls bright pictures anomalous."""
    import cv2

    frames, images = [], {}
    for level in (10, 250):
        tensor = np.full((8, 8, 1), level, np.uint8)
        image = cv2.imencode(".png", tensor)[1].tobytes()
        name = f"golden/{level}.png"
        images[name] = image
        verdict = Verdict.ANOMALOUS if level > threshold else Verdict.OK
        digests = {"sha256": sha256_hex(image), "tensor_sha256": sha256_hex(tensor.tobytes())}
        frames.append(GoldenFrame(name=name, **digests, verdict=verdict, score=float(level)))
    return tiny_bundle(frames, images, threshold=threshold, preparation=Preparation(width=8, height=8, channels=1))


def test_a_line_runs_on_its_rights_alone_and_nothing_is_denied(line: Line) -> None:
    store, serves, tried = BundleStore(str(line.folder / "bundles")), bundle(128), bundle(200)
    for each in (serves, tried):
        store.put(each)
    given = Assignment(
        station="press-1", bundle=serves.digest, shadows=(tried.digest,), by="test", at=datetime.now(UTC)
    )
    sink = KafkaSink(line.kafka)
    no_image = Message(FRAMES, b"press-1", b"no image")
    sink.send([Message(MODELS, given.key, write_event(given)), no_image], lambda: None)
    sink.close()
    door = free_ports(1, line.draw)[0]
    for name in STANDING:
        line.start(name, *(["ingest", "http", "--port", str(door)] if name == "ingest" else []))
    for each in line.running.values():
        each.process.wait_ready(each.ready, within_s=120)
    with httpx.Client(base_url=f"http://127.0.0.1:{door}", timeout=30) as camera:
        for level in (*range(10, 34), 250, 250, 250, 250):
            image = jpeg(np.full((32, 32, 3), level, np.uint8))
            assert camera.post("/stations/press-1/frames", content=image).is_success
    line.until(lambda: len(line.read(SCORES)) >= 28, "scores")
    line.until(lambda: len(line.read(SHADOW_SCORES)) >= 28, "shadows' scores")
    line.until(lambda: line.read(INCIDENTS), "incident")
    line.until(lambda: line.read(DEAD_LETTERS), "dead letter")
    line.until(lambda: any(json.loads(each).get("golden") for each in line.read(SCORES)), "golden frame")
    line.until(lambda: list((line.folder / "evidence").rglob("incident.json")), "evidence")
    assert line.once("heartbeat-once", "heartbeat", "--once").returncode == 0
    assert line.once("demo", "ingest", "generate", "--count", "3").returncode == 0
    learned = ("assign", "station-1", serves.digest, "--wait", "0", "--why", "a test")
    assert line.once("demo-learn", *learned).returncode == 0
    looked = json.loads(line.once("test", "doctor", "--json").stdout)["checks"]
    assert len(looked) > 30
    assert not [each for each in looked if each["state"] == "not_checked"]
    for name, words in ONCE.items():
        done = line.once(name, *words)
        assert "authoriz" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    assert line.denied() == []


ONCE = {
    "drill": ("drill", "press-1"),
    "training-job": ("fit", "--from-kafka", "press-1", "--frames", "24", "--wait", "0"),
}
"""What comes and goes. Whether it likes this line's plain pictures is another test's business."""


def test_a_user_without_a_right_is_denied_and_told_of(line: Line) -> None:
    """So that what is not denied above was asked for."""
    done = line.once("demo-learn", "topics", "create")
    assert done.returncode != 0
    assert any("andon-demo-learn is Denied" in each for each in line.denied())
