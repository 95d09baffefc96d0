"""Making topics, and looking at how they are."""

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from andon.errors import Mistake
from andon.kafka.clients import admin
from andon.kafka.reach import reach
from andon.settings import KafkaSettings
from andon.topics import Topic

WAIT_S = 30.0


@dataclass(frozen=True)
class Made:
    """What became of one topic: `created`, or `exists` with how it differs from what Andon would have made."""

    name: str
    partitions: int
    state: str
    differs: tuple[str, ...] = ()


def create_topics(kafka: KafkaSettings, topics: Iterable[Topic], partitions: int, replication: int) -> list[Made]:
    """Creates what is missing and changes nothing that exists.

    Raises Broken when Kafka cannot be reached, Mistake when it refuses (replication beyond the brokers, no right).
    """
    existing = {name: len(topic.partitions) for name, topic in reach(kafka, WAIT_S).topics.items()}
    client = admin(kafka)
    made: list[Made] = []
    for topic in topics:
        count = partitions if topic.spread else 1
        if topic.name in existing:
            made.append(Made(topic.name, existing[topic.name], "exists", _differences(client, topic)))
        else:
            _create(client, topic, count, replication)
            made.append(Made(topic.name, count, "created"))
    return made


def _create(client: AdminClient, topic: Topic, partitions: int, replication: int) -> None:
    config = topic.config() | ({"min.insync.replicas": "2"} if replication >= 3 else {})
    new = NewTopic(topic.name, num_partitions=partitions, replication_factor=replication, config=config)
    try:
        client.create_topics([new], operation_timeout=WAIT_S)[topic.name].result(WAIT_S)
    except KafkaException as failure:
        error = failure.args[0]
        if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise Mistake(f"topic {topic.name}: {error.str()}") from None


def _differences(client: AdminClient, topic: Topic) -> tuple[str, ...]:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    found = client.describe_configs([resource])[resource].result(WAIT_S)
    return tuple(
        f"{name} is {found[name].value}, Andon would set {wanted}"
        for name, wanted in topic.config().items()
        if name in found and found[name].value != wanted
    )
