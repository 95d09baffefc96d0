"""`andon doctor` on servers of its own, on which things are broken on purpose: each is found, and gone when mended."""

import json
import os
import random
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from secured_broker import PASSWORD, WRONG, make_certificates, openssl
from secured_broker import secured as broker_properties
from typer.testing import CliRunner

from andon.cli import build
from andon.errors import Mistake
from andon.ids import frame_id
from andon.kafka import KafkaSink, KafkaSource
from andon.kafka.admin import create_topics
from andon.kafka.clients import consumer, consumer_config, producer
from andon.kafka.even import check_even
from andon.kafka.source import Subscription
from andon.records import Assignment, Frame, Proof, frame_headers, write_event
from andon.settings import KafkaSettings
from andon.signing import sign
from andon.stage import Message
from andon.store import BundleStore
from andon.testing.models import proven_bundle
from andon.topics import ALL, FRAMES, INCIDENTS, MODELS, PREPARED, SCORES, VERDICTS
from andon_alerting.rebuild import KafkaHistory
from andon_demo.line import andon_command
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.ports import HOST, free_ports
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers

SCRIPTS = ("EVAL", "EVALSHA", "SCRIPT")
EPOCH = 1_772_000_000_000


@dataclass
class Line:
    """Servers whose topics no other test knows. `doctor` is run with `env`, and gives its JSON, by id."""

    env: dict[str, str]
    secure: str
    ca: Path
    folder: Path
    servers: Servers
    kafka: KafkaSettings = field(init=False)
    admin: AdminClient = field(init=False)
    producer: Producer = field(init=False)

    def __post_init__(self) -> None:
        self.kafka = KafkaSettings(bootstrap_servers=self.env["ANDON_KAFKA__BOOTSTRAP_SERVERS"])
        self.admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        self.producer = producer(self.kafka)

    def doctor(self, *words: str, **env: str) -> dict[str, Any]:
        """What it says of each check."""
        given = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
        with changed_environment(given | self.env | env):
            done = CliRunner().invoke(build("doctor"), ["doctor", "--json", *words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        found: dict[str, Any] = json.loads(done.stdout)
        self.said = done.output
        assert done.exit_code == int(any(each["state"] in ("bad", "not_checked") for each in found["checks"]))
        return {each["id"]: each for each in found["checks"]}

    def findings(self, check: str, **env: str) -> list[tuple[str, str]]:
        """Level and place of each finding of a check."""
        found = self.doctor("--only", check.partition(".")[0], **env)[check]
        assert found["state"] != "not_checked", found["says"]
        return [(each["level"], each["where"]) for each in found["findings"]]

    def alter(self, topic: str, name: str, value: str | None) -> None:
        """Sets one setting of a topic; None takes it back."""
        what = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
        entry = ConfigEntry(name, value or "", incremental_operation=what)
        wanted = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self.admin.incremental_alter_configs([wanted])[wanted].result(30)

    def send(self, topic: str, key: str, value: bytes, headers: Any = (), age_s: float = 0) -> None:
        stamp = int((time.time() - age_s) * 1000)
        self.producer.produce(topic, value, key.encode(), headers=list(headers), timestamp=stamp)
        assert self.producer.flush(30) == 0


@contextmanager
def changed_environment(given: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Kafka with a second listener for SASL_SSL, Redis, Alertmanager, and folders for stores; no topics yet."""
    folder = tmp_path_factory.mktemp("doctor")
    plain, secure, controller = free_ports(3, random.SystemRandom())
    properties = broker_properties(folder, plain, secure, controller)
    stores = {"ANDON_STORE__BUNDLES": "bundles", "ANDON_STORE__FRAMES": "frames", "ANDON_EVIDENCE__URL": "evidence"}
    for name in stores.values():
        (folder / name).mkdir()
    kinds = (Kafka(properties=properties), Redis(), Alertmanager(webhook="http://127.0.0.1:9/"))
    with Servers(kinds, ports={"kafka": plain}) as servers:
        env = servers.env() | {name: str(folder / each) for name, each in stores.items()}
        yield Line(env, f"{HOST}:{secure}", folder / "ca.pem", folder, servers)


@pytest.fixture(scope="module")
def made(line: Line) -> Line:
    """With every topic, as `andon topics create --partitions 4` makes them."""
    create_topics(line.kafka, ALL, 4, 1)
    return line


def test_missing_topics_are_found_and_what_it_says_to_do_makes_them(line: Line):
    missing = line.doctor("--only", "topics")["topics.there"]
    assert {each["where"] for each in missing["findings"]} >= {SCORES, VERDICTS, MODELS}
    (do,) = {each["do"] for each in missing["findings"]}
    with changed_environment({**os.environ, **line.env}):
        assert CliRunner().invoke(build("topics"), shlex.split(do.replace("12", "4"))[1:]).exit_code == 0
    assert eventually(lambda: line.findings("topics.there") == [])  # Kafka tells of a new topic in its own time


def test_a_line_as_andon_makes_it_has_nothing_bad_in_kafka_redis_and_stores(made: Line):
    found = made.doctor("--only", "kafka,topics,redis,stores,settings,clocks")
    assert {name: each["says"] for name, each in found.items() if each["state"] in ("bad", "not_checked")} == {}
    assert found["kafka.servers"]["says"] == f"{made.kafka.bootstrap_servers} answers, PLAINTEXT"
    assert "Redis +" in found["clocks.here"]["says"] or "Redis -" in found["clocks.here"]["says"]
    assert list((made.folder / "frames").iterdir()) == []  # the probe is gone again


def secured(line: Line, **changes: str) -> dict[str, str]:
    settings = {
        "BOOTSTRAP_SERVERS": line.secure,
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SSL_CA_LOCATION": str(line.ca),
        "SASL_MECHANISM": "PLAIN",
        "SASL_USERNAME": "andon",
        "SASL_PASSWORD": PASSWORD,
    }
    return {f"ANDON_KAFKA__{name}": value for name, value in (settings | changes).items()}


def test_a_server_says_why_it_does_not_answer_and_a_password_is_never_shown(made: Line, tmp_path: Path):
    make_certificates(tmp_path)
    other_ca = str(tmp_path / "ca.pem")
    (nobody,) = free_ports(1, random.SystemRandom())

    def says(**env: str) -> str:
        return str(made.doctor("--only", "kafka", "--timeout", "15", **env)["kafka.servers"]["says"])

    assert says(**secured(made)) == f"{made.secure} answers, SASL_SSL"
    assert "refuses our login" in says(**secured(made, SASL_PASSWORD=WRONG))
    assert WRONG not in made.said
    assert "TLS fails" in says(**secured(made, SSL_CA_LOCATION=other_ca))
    assert "it speaks TLS, and we do not" in says(ANDON_KAFKA__BOOTSTRAP_SERVERS=made.secure)
    assert "connection refused" in says(ANDON_KAFKA__BOOTSTRAP_SERVERS=f"{HOST}:{nobody}")
    assert "does not resolve" in says(ANDON_KAFKA__BOOTSTRAP_SERVERS="no-such-host.invalid:9092")


def test_one_bootstrap_server_of_two_that_does_not_answer_is_a_warning(made: Line):
    both = f"no-such-host.invalid:9092,{made.kafka.bootstrap_servers}"
    found = made.doctor("--only", "kafka,topics", ANDON_KAFKA__BOOTSTRAP_SERVERS=both)
    assert found["kafka.servers"]["state"] == "warn"
    assert found["topics.there"]["state"] == "ok"


def test_a_topic_that_is_kept_too_short_or_takes_too_little_is_found(made: Line):
    made.alter(SCORES, "retention.ms", "3600000")
    made.alter(FRAMES, "max.message.bytes", "1000000")
    made.alter(MODELS, "cleanup.policy", "delete")
    assert set(made.findings("topics.kept")) == {("warn", SCORES), ("bad", FRAMES), ("bad", MODELS)}
    for topic in (SCORES, FRAMES, MODELS):
        made.admin.delete_topics([topic])[topic].result(30)
    eventually(lambda: not {SCORES, FRAMES, MODELS} & set(made.admin.list_topics(timeout=10).topics))
    create_topics(made.kafka, ALL, 4, 1)
    assert made.findings("topics.kept") == []


def eventually(ask: Callable[[], Any], within_s: float = 15.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def test_more_than_one_copy_must_be_written_only_where_there_are_more(made: Line):
    made.alter(VERDICTS, "min.insync.replicas", "2")
    assert made.findings("topics.copies") == [("bad", VERDICTS)]
    made.alter(VERDICTS, "min.insync.replicas", None)
    assert made.findings("topics.copies") == []


def test_a_group_that_died_and_one_that_is_behind_and_one_whose_records_are_gone_are_found(made: Line):
    """On topics of its own line: the group prefix makes it another one."""
    made.send(PREPARED, "weld-07", b"old", age_s=900)
    prefix = f"t{uuid4().hex[:6]}"
    group = f"{prefix}.scoring"
    commit(made.kafka, group, PREPARED, 0)
    env = {"ANDON_KAFKA__GROUP_PREFIX": prefix}
    assert ("bad", group) in made.findings("groups.alive", **env)
    assert made.findings("groups.lag", **env) == [("bad", group)]

    source = KafkaSource(made.kafka, Subscription((PREPARED,), group))
    try:
        assert eventually(lambda: [*source.poll()])
        source.commit()
        found = made.doctor("--only", "groups", **env)
        assert ("bad", group) not in [(each["level"], each["where"]) for each in found["groups.alive"]["findings"]]
        assert (found["groups.lag"]["state"], found["groups.lost"]["state"]) == ("ok", "ok")
    finally:
        source.close()

    commit(made.kafka, group, PREPARED, 0)
    for part in range(4):
        made.admin.delete_records([TopicPartition(PREPARED, part, -1)])[TopicPartition(PREPARED, part)].result(30)
    assert made.findings("groups.lost", **env) == [("bad", group)]


def commit(kafka: KafkaSettings, group: str, topic: str, offset: int) -> None:
    client = consumer(consumer_config(kafka, group))
    try:
        client.commit(offsets=[TopicPartition(topic, each, offset) for each in range(4)], asynchronous=False)
    finally:
        client.close()


def test_more_members_than_partitions_are_found(made: Line):
    made.admin.create_topics([NewTopic("camera.frames.one", 1, 1)])["camera.frames.one"].result(30)
    prefix = f"t{uuid4().hex[:6]}"
    env = {"ANDON_KAFKA__GROUP_PREFIX": prefix, "ANDON_FRAMES": "camera.frames.one"}
    group = f"{prefix}.preprocess"
    sources = [KafkaSource(made.kafka, Subscription(("camera.frames.one",), group)) for _ in range(2)]

    def found() -> bool:
        for each in sources:
            each.poll()
        return made.findings("groups.members", **env) == [("warn", group)]

    try:
        assert eventually(found)
        assert ("warn", "camera.frames.one") in made.findings("topics.frames", **env)
    finally:
        for each in sources:
            each.close()


def test_a_redis_that_evicts_and_one_whose_user_may_not_run_scripts_are_found(made: Line):
    with redis.Redis.from_url(made.env["ANDON_REDIS__URL"]) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert [level for level, _ in made.findings("redis.policy")] == ["bad"]
        finally:
            client.config_set("maxmemory-policy", "noeviction")
        client.execute_command("ACL", "SETUSER", "weak", "on", f">{PASSWORD}", "~andon:*", "+@all", "-@scripting")
        client.execute_command(
            "ACL", "SETUSER", "weaker", "on", f">{PASSWORD}", "~other:*", "+@read", "+info", "+client"
        )
    weak = {"ANDON_REDIS__USERNAME": "weak", "ANDON_REDIS__PASSWORD": PASSWORD}
    found = made.doctor("--only", "redis", **weak)["redis.rights"]["findings"]
    assert {each["what"].split(":")[0] for each in found} == {
        f"weak may not {name}" for name in ("EVAL", "EVALSHA", "SCRIPT")
    }
    weaker = weak | {"ANDON_REDIS__USERNAME": "weaker"}  # it may not ask what it may: harmless reads tell
    found = made.doctor("--only", "redis", **weaker)["redis.rights"]["findings"]
    assert {each["what"].split(":")[0] for each in found} == {f"weaker may not {name}" for name in ("EXISTS", "EVAL")}
    wrong = weak | {"ANDON_REDIS__PASSWORD": WRONG}
    found = made.doctor("--only", "redis", **wrong)
    assert "it refuses our login" in found["redis.answers"]["says"]
    assert found["redis.policy"]["says"] == "not checked: Redis does not answer"
    assert WRONG not in made.said
    assert PASSWORD not in made.said


def test_a_store_that_cannot_be_written_is_found(made: Line):
    assert made.findings("stores.writable", ANDON_EVIDENCE__URL="/proc/sys") == [("bad", "/proc/sys")]
    assert made.findings("stores.writable") == []


def test_a_bundle_that_is_missing_and_one_that_is_damaged_are_found(made: Line):
    bundle, folder = proven_bundle(), made.folder / "bundles"
    digest = BundleStore(str(folder)).put(bundle)
    now = datetime.now(UTC)
    sink = KafkaSink(made.kafka)
    gone = "ab" * 32
    for station, wanted in (("weld-07", digest), ("press-1", gone)):
        given = Assignment(station=station, bundle=wanted, by="test", at=now - timedelta(minutes=10))
        sink.send([Message(MODELS, given.key, write_event(given))], lambda: None)
    proof = Proof(station="weld-07", bundle=digest, at=now)
    sink.send([Message(MODELS, proof.key, write_event(proof))], lambda: None)
    sink.close()

    assert made.findings("bundles.there") == [("bad", f"{gone[:12]} (press-1)")]
    assert made.findings("bundles.proven") == [("warn", "press-1")]
    (path,) = folder.glob(f"{digest}*")
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    assert ("bad", f"{digest[:12]} (weld-07)") in made.findings("bundles.there")
    path.write_bytes(whole)

    key, public = made.folder / "key.pem", made.folder / "pub.pem"
    openssl(made.folder, f"genpkey -algorithm ed25519 -out {key}", f"pkey -in {key} -pubout -out {public}")
    trusting = {"ANDON_STORE__TRUSTED_KEYS": str(public)}
    assert made.findings("bundles.trusted", **trusting) == [("bad", f"{digest[:12]} (weld-07)")]
    BundleStore(str(folder)).add_signature(digest, sign(digest, key, str))
    assert made.findings("bundles.trusted", **trusting) == []


def test_a_camera_whose_clock_is_ahead_and_a_station_without_a_bundle_are_found(made: Line):
    for station, ahead_s in (("oven-3", 90.0), ("weld-07", 0.0)):
        for seq in range(3):
            at = datetime.now(UTC) + timedelta(seconds=ahead_s)
            frame = Frame(station, EPOCH, seq, frame_id(station, EPOCH, seq), at, "image/jpeg")
            made.send(FRAMES, station, b"\xff\xd8\xff", frame_headers(frame))
    assert made.findings("clocks.cameras") == [("bad", "oven-3")]
    assert made.findings("bundles.assigned") == [("warn", "oven-3")]


def test_the_line_files_stations_are_held_against_those_that_send(made: Line, tmp_path: Path):
    path = tmp_path / "line.yaml"
    path.write_text("stations:\n  weld-07:\n    line: body\n  never-1:\n    line: body\n")
    found = made.doctor("--only", "line", ANDON_LINE=str(path))
    assert found["line.valid"]["state"] == "ok"
    assert [each["where"] for each in found["line.stations"]["findings"]] == ["never-1"]
    path.write_text("stations:\n  weld-07:\n    line: body\n")
    says = made.doctor("--only", "line", ANDON_LINE=str(path))["line.stations"]["says"]
    assert says.endswith("not in the line file: oven-3")


def test_the_watchdog_and_a_silence_of_everything_are_seen_in_alertmanager(made: Line):
    api = f"{made.env['ANDON_ALERTMANAGER__URL']}/api/v2"
    assert [level for level, _ in made.findings("alertmanager.watchdog")] == ["bad"]
    httpx.post(
        f"{api}/alerts", json=[{"labels": {"alertname": "AndonWatchdog", "severity": "none"}}]
    ).raise_for_status()
    assert eventually(lambda: made.findings("alertmanager.watchdog") == [])
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "alertname", "value": "Andon.*", "isRegex": True, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "kim",
        "comment": "moving the line",
    }
    name = httpx.post(f"{api}/silences", json=silence).raise_for_status().json()["silenceID"]
    assert set(made.findings("alertmanager.silences")) == {("warn", name)}
    httpx.delete(f"{api}/silence/{name}").raise_for_status()
    assert made.findings("alertmanager.silences") == []
    assert made.findings("alertmanager.receivers") == []


def test_servers_that_take_connections_and_never_answer_hold_nothing_up(made: Line):
    frozen = [made.servers.kafka.process, made.servers.redis.process, made.servers.alertmanager.process]
    for each in frozen:
        each.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        found = made.doctor("--timeout", "7")
        assert time.monotonic() - began < 12
    finally:
        for each in frozen:
            each.signal(signal.SIGCONT)
    assert found["topics.there"]["state"] == found["redis.policy"]["state"] == "not_checked"
    assert "it takes connections and does not answer" in found["kafka.servers"]["says"]
    assert found["stores.writable"]["state"] == "ok"
    assert eventually(lambda: made.doctor("--only", "topics")["topics.kept"]["state"] == "ok", 30)


def test_topics_that_are_read_together_and_differ_are_found_and_alerting_says_so_instead_of_dying(made: Line):
    """The last: partitions never become fewer."""
    made.admin.create_partitions([NewPartitions(SCORES, 6)])[SCORES].result(30)
    eventually(lambda: len(made.admin.list_topics(timeout=10).topics[SCORES].partitions) == 6)
    found = made.doctor("--only", "topics")["topics.even"]["findings"]
    assert {INCIDENTS, VERDICTS} <= {each["where"] for each in found}
    assert found[0]["do"].endswith("--partitions 6")
    with pytest.raises(
        Mistake, match=r"scores has 6 partitions, incidents has 4 partitions.*--alter --topic incidents"
    ):
        KafkaHistory(made.kafka, "andon.alerting").incidents([5], datetime.now(UTC) - timedelta(days=1))
    with pytest.raises(Mistake, match="verdicts --partitions 6"):
        check_even(made.kafka, (SCORES, VERDICTS))
    check_even(made.kafka, (INCIDENTS, VERDICTS))
    env = {**os.environ, **made.env}
    said = subprocess.run(
        [andon_command(), "alerting"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert said.returncode == 2
    assert "scores has 6 partitions, incidents has 4 partitions" in said.stderr + said.stdout
