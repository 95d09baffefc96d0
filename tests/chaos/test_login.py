"""TLS and SASL against a broker that insists on them: the right password works, a wrong one is told and never shown."""

import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from secured_broker import PASSWORD, WRONG, make_certificates
from secured_broker import secured as broker_properties

from andon.kafka import KafkaSink, KafkaSource
from andon.kafka.source import Subscription
from andon.settings import KafkaSettings
from andon.stage import Message, Record
from andon.topics import SCORES
from andon_demo.line import andon_command
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.ports import HOST, free_ports
from andon_demo.servers.supervise import Servers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Secured:
    """A broker whose listener for clients speaks SASL_SSL, and the CA that signed it."""

    bootstrap: str
    ca: Path

    def env(self, password: str, **changes: str) -> dict[str, str]:
        """The settings of a client."""
        settings = {
            "BOOTSTRAP_SERVERS": self.bootstrap,
            "SECURITY_PROTOCOL": "SASL_SSL",
            "SSL_CA_LOCATION": str(self.ca),
            "SASL_MECHANISM": "PLAIN",
            "SASL_USERNAME": "andon",
            "SASL_PASSWORD": password,
        }
        return {f"ANDON_KAFKA__{name}": value for name, value in (settings | changes).items()}

    def kafka(self, password: str = PASSWORD) -> KafkaSettings:
        """The same, inside this process."""
        pairs = self.env(password).items()
        return KafkaSettings.model_validate({name.removeprefix("ANDON_KAFKA__").lower(): each for name, each in pairs})


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    plain, secure, controller = free_ports(3, random.SystemRandom())
    properties = broker_properties(folder, plain, secure, controller)
    with Servers([Kafka(properties=properties)], ports={"kafka": plain}):
        yield Secured(f"{HOST}:{secure}", folder / "ca.pem")


def andon(arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs `andon ...` to its end."""
    command = [andon_command(), *arguments.split()]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=120, check=False)


def test_topics_are_made_and_records_travel_under_tls_with_the_right_password(secured: Secured) -> None:
    made = andon("topics create --partitions 2", secured.env(PASSWORD))
    assert made.returncode == 0, made.stderr
    sink = KafkaSink(secured.kafka())
    sink.send([Message(SCORES, b"press-1", b"one"), Message(SCORES, b"press-1", b"two")], lambda: None)
    sink.close()
    source = KafkaSource(secured.kafka(), Subscription((SCORES,), "login"))
    found: list[Record] = []
    for _ in range(100):
        found += source.poll()
        if len(found) == 2:
            break
    source.commit()
    source.close()
    assert [record.value for record in found] == [b"one", b"two"]


@pytest.mark.parametrize("arguments", ["topics create", "preprocess"])
def test_a_wrong_password_is_told_and_never_shown(secured: Secured, arguments: str) -> None:
    said = andon(arguments, secured.env(WRONG))
    assert said.returncode == 1
    assert "uthentication failed" in said.stderr + said.stdout
    assert WRONG not in said.stdout + said.stderr


def test_a_broker_that_another_ca_signed_is_not_believed(secured: Secured, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    said = andon("topics create", secured.env(PASSWORD, SSL_CA_LOCATION=str(tmp_path / "ca.pem")))
    assert said.returncode == 1
    assert "certificate" in said.stderr + said.stdout
    assert PASSWORD not in said.stdout + said.stderr
