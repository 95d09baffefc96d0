"""`andon machines` on a real Kafka, a real MQTT broker and a real OPC UA server: told, killed, away, and back."""

import json
import random
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from andon.errors import Broken
from andon.ids import derived_id, frame_id
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
from andon.stage import Message
from andon.topics import INCIDENTS, SCORES
from andon_demo.line import ServiceProcess, run_to_end
from andon_demo.servers.mosquitto import Mosquitto
from andon_demo.servers.ports import free_ports, is_open
from andon_demo.servers.process import Process
from andon_demo.servers.server import Server
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
DRAW = random.SystemRandom()
TYPES = {
    "Verdict": "String",
    "Reject": "Boolean",
    "Score": "Float",
    "Threshold": "Double",
    "Part": "String",
    "FrameId": "String",
    "Late": "Boolean",
    "Seq": "UInt32",
    "IncidentOpen": "Boolean",
    "IncidentCause": "String",
    "Heartbeat": "UInt32",
}
Spec = dict[str, Any]


class Plc:
    """The OPC UA server of plc.py, stopped and started at will, and what was written to it."""

    def __init__(self, folder: Path, station: str, **more: object) -> None:
        self.folder = folder
        self.station = station
        self.port = free_ports(1, DRAW)[0]
        self.url = f"opc.tcp://127.0.0.1:{self.port}/plc"
        nodes = {f"Andon.{station}.{name}": kind for name, kind in TYPES.items()}
        self.spec: Spec = {"url": self.url, "nodes": nodes, "log": str(folder / "writes.jsonl"), **more}
        (folder / "writes.jsonl").touch()
        script = [sys.executable, str(Path(__file__).with_name("plc.py")), str(folder / "plc.json")]
        self.process = Process("plc", script, log=folder / "plc.log")

    def start(self) -> None:
        (self.folder / "plc.json").write_text(json.dumps(self.spec))
        self.process.start()
        self.process.wait_ready(lambda: is_open(self.port), within_s=60)

    @property
    def writes(self) -> list[dict[str, Any]]:
        """Every Write so far: its time, and its values by the last part of the node's name."""
        lines = (self.folder / "writes.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """The Writes that hold a verdict: its values, in the order they came."""
        found = [
            {name.rsplit(".", 1)[1]: value for name, value in each["writes"]} | {"at": each["at"]}
            for each in self.writes
        ]
        return [each for each in found if "Seq" in each]

    def last(self, name: str) -> Any:
        """What was written last to a node."""
        node = f"Andon.{self.station}.{name}"
        every = [value for each in self.writes for written, value in each["writes"] if written == node]
        return every[-1] if every else None


class Mes:
    """Somebody who listens to everything, with what came: topic, payload, whether it was retained, and when."""

    def __init__(self, url: str, *, user: tuple[str, str] | None = None, ca: Path | None = None) -> None:
        self.heard: list[tuple[str, dict[str, Any], bool, float]] = []
        host, port = url.rsplit("/", 1)[1].split(":")
        self._client = Client(CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(*user)
        if ca:
            self._client.tls_set(ca_certs=str(ca), cert_reqs=ssl.CERT_REQUIRED)
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe("andon/#", qos=1)
        self._client.reconnect_delay_set(0.05, 0.05)  # before the service: for nobody the broker keeps nothing
        self._client.connect_async(host, int(port))
        self._client.loop_start()

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, json.loads(message.payload), message.retain, time.time()))

    def said(self, end: str) -> list[dict[str, Any]]:
        """The payloads whose topic ends so."""
        return [payload for topic, payload, _, _ in list(self.heard) if topic.endswith(end)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Site:
    """One trial: a line on real Kafka with whatever of a broker and a PLC it needs."""

    def __init__(self, trial: Trial, folder: Path) -> None:
        self.trial = trial
        self.folder = folder
        self.closing: list[Callable[[], object]] = []
        self.station = f"weld-{time.time_ns()}"  # topics outlive a test: so that no test sees another's

    def broker(self, **options: str) -> Server:
        broker = Server(Mosquitto(options), self.folder / "mosquitto", draw=DRAW)
        broker.start()
        self.closing.append(broker.kill)
        return broker

    def plc(self, **more: Any) -> Plc:
        plc = Plc(self.folder, self.station, **more)
        self.closing.append(plc.process.kill)
        plc.start()
        return plc

    def mes(self, broker: Server, **more: Any) -> Mes:
        mes = Mes(broker.url, **more)
        self.closing.append(mes.close)
        return mes

    def machines(self, env: Mapping[str, str], *, ready: bool = True) -> ServiceProcess:
        port = free_ports(1, DRAW)[0]
        service = ServiceProcess("machines", ["machines"], self.folder, {**self.trial.env, **env}, port)
        self.closing.append(lambda: service.process.stop(grace_s=25))
        service.process.start()
        if ready:
            service.process.wait_ready(service.ready, within_s=60)
        return service

    def until(self, answers: Callable[[], object], what: str, within_s: float = 30.0) -> None:
        try:
            self.trial.until(answers, what, within_s, pause_s=0.02)
        except Broken as error:
            logs = [
                path.read_text()[-3000:]
                for path in (self.folder / "machines.log", self.folder / "plc.log")
                if path.exists()
            ]
            raise AssertionError(f"{error}\n" + "\n".join(logs)) from None

    def score(
        self, seq: int, verdict: Verdict = Verdict.OK, *, drill: bool = False, age_s: float = 0, **more: Any
    ) -> Message:
        station = f"drill.{self.station}" if drill else self.station
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        values = {} if verdict is Verdict.UNSCORABLE else {"score": 2.0 if verdict is Verdict.ANOMALOUS else 0.5}
        given = Score(
            frame_id=frame_id(station, 1, seq),
            station=station,
            epoch=1,
            seq=seq,
            captured_at=at,
            scored_at=at,
            verdict=verdict,
            threshold=1.0,
            width=64,
            height=64,
            frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
            **(values | {"part": f"P{seq}"} | more),
        )
        return Message(SCORES, station.encode(), write_event(given))

    def incident(self, number: int, kind: IncidentKind, cause: Cause = Cause.DEFECT_SURGE, **more: Any) -> Message:
        opened = frame_id(self.station, 2, number)
        given = IncidentEvent(
            event_id=derived_id(opened, kind.value),
            incident_id=opened,
            kind=kind,
            station=self.station,
            cause=cause,
            severity=Severity.CRITICAL,
            reason="k_of_n",
            at=datetime.now(UTC),
            opened_at=datetime.now(UTC),
            line="body-2",
            **more,
        )
        return Message(INCIDENTS, self.station.encode(), write_event(given))

    def close(self) -> None:
        for close in reversed(self.closing):
            close()


@pytest.fixture
def site(servers: Servers, tmp_path: Path) -> Iterator[Site]:
    prefix = f"t{time.time_ns()}"
    with Trial(servers, tmp_path, {"ANDON_KAFKA__GROUP_PREFIX": prefix}, DRAW) as trial:
        made = Site(trial, tmp_path)
        yield made
        made.close()


def test_a_verdict_reaches_the_broker_and_the_plc_and_an_anomalous_one_sets_reject(site: Site) -> None:
    broker, plc = site.broker(), site.plc()
    mes = site.mes(broker)
    line = site.folder / "line.yaml"
    line.write_text("site: Northfield\nline: body-2\nstations: {weld-*: {}}\n")
    env = {"ANDON_MQTT__URL": broker.url, "ANDON_OPCUA__URL": plc.url, "ANDON_OPCUA__STATIONS": site.station}
    site.machines(env | {"ANDON_LINE": str(line)})
    sent_at = time.time()
    site.trial.write(
        site.score(1),
        site.score(2, Verdict.ANOMALOUS),
        site.score(3, golden="bundle/good"),
        site.score(4, drill=True),
        site.score(5, Verdict.UNSCORABLE),
        site.score(6, Verdict.ANOMALOUS, age_s=60),
        site.score(7),
    )
    site.until(lambda: plc.last("Seq") == 7, "the last verdict to be written")
    took_s = plc.verdicts[0]["at"] - sent_at
    assert took_s < 2, "the first verdict took so long that a gate would have missed its part"
    told = [(each["Seq"], each["Verdict"], each["Reject"], each["Late"]) for each in plc.verdicts]
    assert told == [
        (1, "ok", False, False),
        (2, "anomalous", True, False),
        (5, "unscorable", True, False),
        *(
            [(6, "anomalous", False, True)] if len(told) == 5 else []
        ),  # a late one that a newer followed may be left out
        (7, "ok", False, False),
    ]
    assert plc.verdicts[1] | {"at": 0} == {
        "at": 0,
        "Verdict": "anomalous",
        "Reject": True,
        "Score": 2.0,
        "Threshold": 1.0,
        "Part": "P2",
        "FrameId": str(frame_id(site.station, 1, 2)),
        "Late": False,
        "Seq": 2,
    }
    whole = [[name for name, _ in each["writes"]] for each in plc.writes]
    assert all(names[-1].endswith(".Seq") for names in whole if any(name.endswith(".Seq") for name in names))
    site.until(lambda: len(mes.said("/verdict")) == 5, "five verdicts by MQTT")
    assert {topic for topic, *_ in mes.heard if "/incident/" not in topic} == {
        f"andon/Northfield/body-2/{site.station}/verdict",
        "andon/Northfield/body-2/machines/status",
    }
    assert [(each["seq"], each["action"], each["late"]) for each in mes.said("/verdict")] == [
        (1, "pass", False),
        (2, "reject", False),
        (5, "reject", False),
        (6, "none", True),
        (7, "pass", False),
    ]
    assert mes.said("/verdict")[2]["resultState"] == 4
    site.until(lambda: plc.last("Heartbeat") >= 3, "the heartbeat to go up")


@pytest.mark.parametrize("also_we", [False, True])
def test_a_broker_that_is_killed_gets_every_incident_later_and_old_verdicts_marked_late(
    site: Site, also_we: bool
) -> None:
    broker, plc = site.broker(), site.plc()
    mes = site.mes(broker)
    env = {"ANDON_MQTT__URL": broker.url, "ANDON_OPCUA__URL": plc.url, "ANDON_OPCUA__STATIONS": site.station}
    service = site.machines(env | {"ANDON_MACHINES__MAX_AGE_MS": "4000"})
    site.trial.write(site.score(1), *(site.incident(number, IncidentKind.OPENED) for number in range(20)))
    site.until(lambda: len(mes.said(f"{site.station}/incident/defect_surge")) == 20, "the first incidents")
    broker.kill()
    site.trial.write(*(site.score(seq, Verdict.ANOMALOUS) for seq in range(2, 40)))
    site.trial.write(*(site.incident(number, IncidentKind.OPENED) for number in range(20, 40)))
    site.until(lambda: plc.last("Seq") == 39, "the PLC to be told meanwhile")
    assert all(each["Reject"] for each in plc.verdicts[1:]), "the PLC had to wait for the broker"
    time.sleep(4.1)  # until the verdicts are old
    assert service.ready()
    if also_we:
        service.process.kill()
    broker.start()
    if also_we:
        service.process.start()
    site.until(lambda: len(ids(mes, site)) == 40, "every incident")
    site.until(lambda: {each["seq"] for each in mes.said("/verdict")} == set(range(1, 40)), "every verdict")
    assert ids(mes, site) == {str(frame_id(site.station, 2, number)) for number in range(40)}
    assert all(each["late"] and each["action"] == "none" for each in mes.said("/verdict") if each["seq"] > 1)
    site.trial.write(site.incident(39, IncidentKind.RESOLVED))
    late_comer = site.mes(broker)
    site.until(
        lambda: [e for e in late_comer.said(f"{site.station}/incident/defect_surge") if not e["open"]],
        "the retained end",
    )
    site.until(lambda: plc.last("IncidentOpen") is True, "the others to stay open at the PLC")


def ids(mes: Mes, site: Site) -> set[str]:
    return {each["incidentId"] for each in mes.said(f"{site.station}/incident/defect_surge")}


def test_a_plc_that_restarts_gets_incidents_and_heartbeat_again_and_holds_nobody_up(site: Site) -> None:
    broker, plc = site.broker(), site.plc()
    mes = site.mes(broker)
    env = {"ANDON_MQTT__URL": broker.url, "ANDON_OPCUA__URL": plc.url, "ANDON_OPCUA__STATIONS": site.station}
    service = site.machines(env | {"ANDON_MACHINES__MAX_AGE_MS": "6000"})
    site.trial.write(
        site.score(1), site.incident(1, IncidentKind.OPENED), site.incident(2, IncidentKind.OPENED, Cause.STATION_DARK)
    )
    site.until(lambda: plc.last("Seq") == 1 and plc.last("IncidentOpen") is True, "the first")
    site.until(lambda: plc.last("IncidentCause") == "defect_surge,station_dark", "both causes")
    plc.process.kill()
    site.trial.write(*(site.score(seq, Verdict.ANOMALOUS) for seq in range(2, 200)))
    site.until(lambda: len(mes.said("/verdict")) == 199, "the broker to be told meanwhile")
    assert not any(each["late"] for each in mes.said("/verdict"))
    assert service.ready()
    time.sleep(6.1)  # until the verdicts are old
    before = len(plc.writes)
    plc.start()
    site.until(lambda: plc.last("Seq") == 199, "the last one")
    again = plc.writes[before:]
    assert [f"Andon.{site.station}.IncidentOpen", True] in [value for each in again for value in each["writes"]]
    afterwards = plc.verdicts[1:]
    assert all(each["Late"] and not each["Reject"] for each in afterwards)
    assert len(afterwards) < 198, "old verdicts that a newer follows are not worth a write"
    site.trial.write(site.score(200, Verdict.ANOMALOUS))
    site.until(lambda: plc.last("Seq") == 200 and plc.last("Reject") is True, "a fresh one to reject")
    site.trial.write(
        site.incident(1, IncidentKind.RESOLVED), site.incident(2, IncidentKind.RESOLVED, Cause.STATION_DARK)
    )
    site.until(lambda: plc.last("IncidentOpen") is False and plc.last("IncidentCause") == "", "incidents to be over")
    plc.process.kill()
    site.trial.write(site.score(201))
    site.until(lambda: service.gauge("andon_machine_connected") == 1, "the PLC to be missed")
    assert service.process.stop(grace_s=10) == 0, "who waits for a PLC can still be stopped"
    assert "Traceback" not in service.process.log.read_text()


def test_a_wrong_node_or_type_is_told_at_the_start_by_name(site: Site) -> None:
    plc = Plc(site.folder, site.station)
    plc.spec["nodes"][f"Andon.{site.station}.Reject"] = "String"
    del plc.spec["nodes"][f"Andon.{site.station}.Part"]
    plc.spec["read_only"] = [f"Andon.{site.station}.Late"]
    site.closing.append(plc.process.kill)
    plc.start()
    env = {"ANDON_OPCUA__URL": plc.url, "ANDON_OPCUA__STATIONS": site.station}
    service = site.machines(env, ready=False)
    site.until(lambda: service.process.returncode is not None, "it to give up")
    assert service.process.returncode == 2
    told = service.process.log.read_text()
    assert (
        f"ANDON_OPCUA__NODES__REJECT: ns=2;s=Andon.{site.station}.Reject is String on the server, and has to be Boolean"
        in told
    )
    assert f"ANDON_OPCUA__NODES__PART: ns=2;s=Andon.{site.station}.Part: BadNodeIdUnknown" in told
    assert f"ANDON_OPCUA__NODES__LATE: ns=2;s=Andon.{site.station}.Late: it may not be written by us" in told
    assert "Traceback" not in told


def certificate(folder: Path, name: str, *, uri: str | None = None, issuer: str | None = None) -> None:
    """A key and a certificate: of a CA, or of `name` by that CA, or an application certificate that signs itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    said = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(__import__("ipaddress").ip_address("127.0.0.1")),
    ]
    if uri:
        names.insert(0, x509.UniformResourceIdentifier(uri))
    signer, by = key, said
    if issuer:
        loaded = serialization.load_pem_private_key((folder / f"{issuer}.key").read_bytes(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        signer, by = loaded, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(said)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                key_encipherment=True,
                data_encipherment=True,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(signer, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
    )


def test_with_tls_and_a_password_and_a_wrong_one_is_told_at_the_start(site: Site) -> None:
    for name, issuer in (("ca", None), ("broker", "ca")):
        certificate(site.folder, name, issuer=issuer)
    passwords = site.folder / "passwords"
    passwords.write_text("andon:secret\n")
    run_password_tool(passwords)
    broker = site.broker(
        allow_anonymous="false",
        password_file=str(passwords),
        certfile=str(site.folder / "broker.pem"),
        keyfile=str(site.folder / "broker.key"),
    )
    env = {
        "ANDON_MQTT__URL": broker.url,
        "ANDON_MQTT__USERNAME": "andon",
        "ANDON_MQTT__PASSWORD": "secret",
        "ANDON_MQTT__CA_LOCATION": str(site.folder / "ca.pem"),
    }
    mes = site.mes(broker, user=("andon", "secret"), ca=site.folder / "ca.pem")
    service = site.machines(env)
    site.trial.write(site.score(1, Verdict.ANOMALOUS))
    site.until(lambda: [each["action"] for each in mes.said("/verdict")] == ["reject"], "the verdict")
    service.process.kill()
    site.until(lambda: [each["state"] for each in mes.said("/status")] == ["online", "offline"], "the last will")
    wrong = {
        "wrong password": (env | {"ANDON_MQTT__PASSWORD": "guess"}, "lets us not in"),
        "unknown CA": ({k: v for k, v in env.items() if "CA_" not in k}, "certificate we do not trust"),
    }
    for what, (settings, said) in wrong.items():
        service = site.machines(settings, ready=False)
        site.until(lambda service=service: service.process.returncode is not None, f"{what} to be told")
        assert service.process.returncode == 2
        assert said in service.process.log.read_text()
        assert "guess" not in service.process.log.read_text()


def run_password_tool(passwords: Path) -> None:
    import subprocess

    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)


def test_signed_and_encrypted_with_a_name_and_password_and_tried_out_before(site: Site) -> None:
    certificate(site.folder, "server", uri="urn:freeopcua:python:server")
    certificate(site.folder, "client", uri="urn:factory:andon")
    at = site.folder
    plc = site.plc(certificate=str(at / "server.pem"), key=str(at / "server.key"), user=["andon", "secret"])
    env = {
        "ANDON_OPCUA__URL": plc.url,
        "ANDON_OPCUA__STATIONS": site.station,
        "ANDON_OPCUA__USERNAME": "andon",
        "ANDON_OPCUA__PASSWORD": "secret",
        "ANDON_OPCUA__SECURITY_POLICY": "Basic256Sha256",
        "ANDON_OPCUA__CERTIFICATE_LOCATION": str(at / "client.pem"),
        "ANDON_OPCUA__KEY_LOCATION": str(at / "client.key"),
        "ANDON_OPCUA__SERVER_CERTIFICATE_LOCATION": str(at / "server.pem"),
    }
    asked = ["machines", "try", "--station", site.station]
    tried = run_to_end("try", asked, at, {**site.trial.env, **env}, within_s=60)
    assert "would hold 'ok'" in tried.log.read_text()
    assert plc.writes == [], "trying writes nothing"
    site.machines(env)
    site.trial.write(site.score(1, Verdict.ANOMALOUS))
    site.until(lambda: plc.last("Reject") is True, "the verdict")
    service = site.machines(env | {"ANDON_OPCUA__PASSWORD": "guess"}, ready=False)
    site.until(lambda: service.process.returncode is not None, "a wrong password to be told")
    assert service.process.returncode == 2
    assert "lets us not in" in service.process.log.read_text()


def test_trying_sends_a_marked_verdict_and_says_why_it_cannot(site: Site) -> None:
    broker = site.broker()
    mes = site.mes(broker)
    asked = ["machines", "try", "--station", site.station]
    env = {**site.trial.env, "ANDON_MQTT__URL": broker.url}
    site.until(mes._client.is_connected, "somebody to listen")
    time.sleep(0.2)
    run_to_end("try", asked, site.folder, env, within_s=60)
    site.until(lambda: mes.said("/verdict"), "the test verdict")
    assert mes.said("/verdict")[0] | {"test": True, "action": "none", "isSimulated": True} == mes.said("/verdict")[0]
    broker.stop()
    process = Process("again", [*run_command(), *asked], log=site.folder / "again.log", env=env)
    process.start()
    assert process.wait(60) == 1
    assert "it does not work" in process.log.read_text()
    assert "Traceback" not in process.log.read_text()


def run_command() -> list[str]:
    from andon_demo.line import andon_command

    return [andon_command()]


def test_a_topic_that_the_broker_refuses_ends_it_with_a_sentence_and_loses_nothing(site: Site) -> None:
    rules = site.folder / "rules"
    rules.write_text("topic write andon/machines/status\ntopic read andon/#\n")
    broker = site.broker(acl_file=str(rules))
    service = site.machines({"ANDON_MQTT__URL": broker.url})
    site.trial.write(site.score(1))
    site.until(lambda: service.process.returncode is not None, "it to give up")
    assert service.process.returncode == 2
    assert "refused a message: Not authorized" in service.process.log.read_text()
