"""Asking the brokers, through an admin client, where groups stand in topics and where topics begin and end."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from andon.kafka.source import Place

SPEC: Any = OffsetSpec  # it has no annotations


def committed_of(client: Any, group: str, answer_s: float) -> dict[Place, int]:
    """Where a group goes on reading; places where it has never been are left out. Raises as the client does."""
    asked = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=answer_s)
    found = asked[group].result(answer_s).topic_partitions or []
    return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def listed(client: Any, places: Iterable[Place], spec: Any, answer_s: float) -> dict[Place, Any]:
    """What Kafka says of the record that `spec` (SPEC.earliest(), SPEC.latest(), ...) means in each of `places`: its
    offset and timestamp. Raises as the client does."""
    wanted = {TopicPartition(*each): spec for each in places}
    if not wanted:
        return {}
    asked = client.list_offsets(wanted, request_timeout=answer_s)
    return {(part.topic, part.partition): each.result(answer_s) for part, each in asked.items()}


def offsets_of(client: Any, places: Iterable[Place], spec: Any, answer_s: float) -> dict[Place, int]:
    """The offsets alone."""
    return {place: int(each.offset) for place, each in listed(client, places, spec, answer_s).items()}
