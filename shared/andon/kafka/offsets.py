"""Where in a topic something lies: by time, and by what a group has committed."""

from collections.abc import Sequence
from datetime import datetime

from confluent_kafka import Consumer, TopicPartition

from andon.kafka.clients import consumer, consumer_config
from andon.kafka.faults import patiently
from andon.kafka.source import Place
from andon.settings import KafkaSettings


def offsets_since(
    kafka: KafkaSettings, places: Sequence[Place], at: datetime, timeout_s: float = 60.0
) -> dict[Place, int]:
    """The first offset of each place whose record is not older than `at`; the end where all are older.

    Raises Broken when Kafka does not answer.
    """
    stamp = int(at.timestamp() * 1000)
    client = consumer(consumer_config(kafka, f"{kafka.group_prefix}.reader"))
    wanted = [TopicPartition(*place, stamp) for place in places]
    try:
        found = patiently(lambda: client.offsets_for_times(wanted, timeout=10), "finding offsets by time", timeout_s)
        return {(each.topic, each.partition): _or_end(client, each, timeout_s) for each in found}
    finally:
        client.close()


def committed_offsets(
    kafka: KafkaSettings, group: str, places: Sequence[Place], timeout_s: float = 60.0
) -> dict[Place, int]:
    """Where `group` goes on reading; a place where it has never been is left out. Raises Broken."""
    client = consumer(consumer_config(kafka, group))
    wanted = [TopicPartition(*place) for place in places]
    try:
        found = patiently(lambda: client.committed(wanted, timeout=10), f"reading the offsets of {group}", timeout_s)
    finally:
        client.close()
    return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def _or_end(client: Consumer, part: TopicPartition, timeout_s: float) -> int:
    if part.offset >= 0:
        return int(part.offset)
    _, high = patiently(lambda: client.get_watermark_offsets(part, timeout=10), f"reading {part.topic}", timeout_s)
    return int(high)
