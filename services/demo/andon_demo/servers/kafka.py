"""Apache Kafka, one KRaft node that is broker and controller, from the jars that `fetch` keeps in the cache."""

import base64
import shutil
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from andon.errors import Broken
from andon_demo.servers import tools
from andon_demo.servers.ports import HOST, is_open

LARGEST_MESSAGE = 5 * 1024 * 1024  # a 4 MiB frame, its headers, and room
# Measured on two cores: quickest to answer, least memory, least CPU per record of what the JVM offers.
QUICK_JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xss512k",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
)
SMALL_BROKER = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(LARGEST_MESSAGE),
    "replica.fetch.max.bytes": str(LARGEST_MESSAGE),
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "4000",  # after kill -9 the controller waits so long before it takes the broker back
    "broker.heartbeat.interval.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),  # 128 MiB of the heap by default
}


def random_cluster_id() -> str:
    """A cluster id as Kafka writes it: 16 random bytes in URL-safe base64, not beginning with a dash."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode().replace("-", "A", 1)


@dataclass(frozen=True)
class Kafka:
    """How to run Kafka. `properties` are added to (and win over) the small broker's; `jvm` to its JVM flags."""

    heap_mib: int = 512
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm: Sequence[str] = ()
    cluster_id: Callable[[], str] = random_cluster_id
    name: str = "kafka"
    ports: int = 2

    def prepare(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Write server.properties and format the data folder unless that was finished before."""
        settings, data = folder / "server.properties", folder / "data"
        settings.write_text(self.render(data, ports))
        java = [tools.program("java"), f"-Xmx{self.heap_mib}m", *QUICK_JVM, *self.jvm, *_classes()]
        if not (data / "meta.properties").is_file():
            shutil.rmtree(data, ignore_errors=True)
            _format(java, settings, self.cluster_id())
        return [*java, "kafka.Kafka", str(settings)]

    def render(self, data: Path, ports: Sequence[int]) -> str:
        """server.properties: where its data is and which ports (clients', controller's) it listens on."""
        broker, controller = ports
        places = {
            "log.dirs": str(data),
            "listeners": f"BROKER://{HOST}:{broker},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"BROKER://{HOST}:{broker}",
            "controller.quorum.voters": f"1@{HOST}:{controller}",
        }
        return "".join(f"{name}={value}\n" for name, value in {**SMALL_BROKER, **places, **self.properties}.items())

    def answers(self, ports: Sequence[int]) -> bool:
        """Whether a metadata request names a broker."""
        if not is_open(ports[0]):
            return False
        client = AdminClient({"bootstrap.servers": f"{HOST}:{ports[0]}", "log_level": 0})
        try:
            return bool(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def url(self, address: str) -> str:
        return address


def _classes() -> list[str]:
    log4j = tools.deploy_folder().resolve() / "kafka" / "log4j2.xml"
    return [f"-Dlog4j2.configurationFile={log4j.as_uri()}", "-cp", f"{tools.kafka_jars()}/*"]


def _format(java: Sequence[str], settings: Path, cluster_id: str) -> None:
    command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(settings)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        end = "\n".join((told.stdout + told.stderr).splitlines()[-20:])
        raise Broken(f"Kafka could not format its data folder (status {told.returncode}):\n{end}")
