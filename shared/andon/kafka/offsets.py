"""Where in a topic something lies: by time, and by what a group has committed."""

from collections.abc import Sequence
from datetime import datetime

from confluent_kafka import Consumer, KafkaException, TopicPartition

from andon.errors import Broken
from andon.kafka.clients import consumer, consumer_config
from andon.kafka.source import Place
from andon.settings import KafkaSettings


def offsets_since(
    kafka: KafkaSettings, places: Sequence[Place], at: datetime, timeout_s: float = 30.0
) -> dict[Place, int]:
    """The first offset of each place whose record is not older than `at`; the end where all are older.

    Raises Broken when Kafka does not answer.
    """
    stamp = int(at.timestamp() * 1000)
    client = consumer(consumer_config(kafka, f"{kafka.group_prefix}.reader"))
    try:
        found = client.offsets_for_times([TopicPartition(*place, stamp) for place in places], timeout=timeout_s)
        return {(each.topic, each.partition): _or_end(client, each, timeout_s) for each in found}
    except KafkaException as failure:
        raise Broken(f"cannot find offsets by time: {failure.args[0].str()}") from None
    finally:
        client.close()


def committed_offsets(
    kafka: KafkaSettings, group: str, places: Sequence[Place], timeout_s: float = 30.0
) -> dict[Place, int]:
    """Where `group` goes on reading; a place where it has never been is left out. Raises Broken."""
    client = consumer(consumer_config(kafka, group))
    try:
        found = client.committed([TopicPartition(*place) for place in places], timeout=timeout_s)
    except KafkaException as failure:
        raise Broken(f"cannot read the offsets of group {group}: {failure.args[0].str()}") from None
    finally:
        client.close()
    return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def _or_end(client: Consumer, part: TopicPartition, timeout_s: float) -> int:
    if part.offset >= 0:
        return int(part.offset)
    _, high = client.get_watermark_offsets(part, timeout=timeout_s)
    return int(high)
