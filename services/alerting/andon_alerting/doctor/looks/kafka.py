"""Looking at Kafka: its servers one by one, the cluster, settings."""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from andon import topics
from andon.kafka.clients import connect
from andon.settings import KafkaSettings
from andon_alerting.doctor.ask import Ask
from andon_alerting.doctor.facts.door import Door, Trouble
from andon_alerting.doctor.facts.kafka import Broker, Cluster, Configs, Partition, Servers
from andon_alerting.doctor.finding import NotKnown
from andon_alerting.doctor.looks.door import knock, knock_all, speaks_tls
from andon_alerting.doctor.looks.side import side_by_side

ANSWER_S = 5.0
REFUSALS = {KafkaError._AUTHENTICATION: Trouble.LOGIN, KafkaError.SASL_AUTHENTICATION_FAILED: Trouble.LOGIN}
REFUSALS |= {KafkaError._SSL: Trouble.TLS, KafkaError.TOPIC_AUTHORIZATION_FAILED: Trouble.LOGIN}


def servers(kafka: KafkaSettings) -> Servers:
    """Each bootstrap server by itself, side by side."""
    addresses = [each.strip() for each in kafka.bootstrap_servers.split(",") if each.strip()]
    return Servers(tuple(side_by_side(lambda each: server(kafka, each), addresses)), kafka.security_protocol)


def server(kafka: KafkaSettings, address: str) -> Door:
    """One server: its name, its port, then what it says to a client."""
    door = knock(address)
    if door.trouble:
        return door
    client, heard = quiet_admin(kafka.model_copy(update={"bootstrap_servers": address}))
    silent: KafkaError | None = None
    ends = time.monotonic() + ANSWER_S
    while time.monotonic() < ends:
        try:
            client.list_topics(timeout=1.0)
        except KafkaException as failure:
            client.poll(0.05)  # hands over what the connection said
            if refusal := next((each for each in heard if each.code() in REFUSALS), None):
                return Door(address, REFUSALS[refusal.code()], said(refusal))
            if not silent and _plain_to_tls(kafka, address):
                return Door(address, Trouble.SPEAKS_TLS)
            silent = failure.args[0]
        else:
            return door
    return Door(address, Trouble.MUTE, said(silent) if silent else "")


def _plain_to_tls(kafka: KafkaSettings, address: str) -> bool:
    """Whether we speak plainly to one that speaks TLS. One that has answered is never asked: a broker would log it."""
    return kafka.security_protocol in ("PLAINTEXT", "SASL_PLAINTEXT") and speaks_tls(address, 1.0)


def quiet_admin(kafka: KafkaSettings) -> tuple[AdminClient, list[KafkaError]]:
    """An admin client, and what its connections say, which is told nowhere else."""
    heard: list[KafkaError] = []
    return AdminClient(connect(kafka) | {"error_cb": heard.append}), heard


def said(error: KafkaError) -> str:
    """What an error says, without the client's name for its thread and connection."""
    return error.str().partition("]: ")[2] or error.str()


def cluster(kafka: KafkaSettings, frames: str, ask: Ask) -> Cluster:
    """The brokers and all topics, from a server that answers. Raises NotKnown where none does."""
    if all(each.trouble for each in ask(Servers).doors):
        raise NotKnown("Kafka does not answer")
    client, _ = quiet_admin(kafka)
    found = _listed(client)
    addresses = {each.id: f"{each.host}:{each.port}" for each in found.brokers.values()}
    doors = dict(zip(addresses, knock_all(addresses.values()), strict=True))
    return Cluster(
        address=next(iter(addresses.values()), kafka.bootstrap_servers),
        brokers=tuple(Broker(each, door) for each, door in sorted(doors.items())),
        controller=found.controller_id if found.controller_id >= 0 else None,
        topics={name: _partitions(each) for name, each in found.topics.items()},
        frames=frames,
    )


def _listed(client: AdminClient) -> Any:
    try:
        return client.list_topics(timeout=ANSWER_S)
    except KafkaException as failure:
        raise NotKnown(f"Kafka does not list its topics: {failure.args[0].str()}") from None


def _partitions(topic: Any) -> dict[int, Partition]:
    return {
        number: Partition(each.leader, tuple(each.replicas), tuple(each.isrs))
        for number, each in topic.partitions.items()
    }


def configs(kafka: KafkaSettings, ask: Ask) -> Configs:
    """The settings of every broker, and of our topics that are there."""
    seen = ask(Cluster)
    client, _ = quiet_admin(kafka)
    ours = [each.name for each in topics.ALL if each.name in seen.topics]
    wanted = [ConfigResource(ResourceType.TOPIC, name) for name in ours]
    wanted += [ConfigResource(ResourceType.BROKER, str(each.id)) for each in seen.brokers]
    asked = client.describe_configs(wanted, request_timeout=ANSWER_S)
    try:
        found = {(each.restype, each.name): _plain(answer.result(ANSWER_S)) for each, answer in asked.items()}
    except KafkaException as failure:
        raise NotKnown(f"Kafka does not show its settings: {failure.args[0].str()}") from None
    return Configs(
        address=seen.address,
        brokers={each.id: found[ResourceType.BROKER, str(each.id)] for each in seen.brokers},
        topics={name: found[ResourceType.TOPIC, name] for name in ours},
        copies={name: min(len(each.replicas) for each in seen.topics[name].values()) for name in ours},
        group_protocol=kafka.group_protocol,
    )


def _plain(config: Mapping[str, Any]) -> dict[str, str]:
    return {name: each.value for name, each in config.items() if each.value is not None}
