"""A reader of a topic that is given more partitions misses none of their records."""

from uuid import uuid4

import pytest
from confluent_kafka.admin import NewPartitions

from andon.kafka import KafkaSink
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.stage import Message
from andon.topics import Topic

pytestmark = pytest.mark.servers


def read(reader: TopicReader, count: int) -> list[bytes]:
    """So many records, or as many as come."""
    found: list[bytes] = []
    for _ in range(100):
        found += [record.value for record in reader.changes(0.1)]
        if len(found) >= count:
            break
    return sorted(found)


def test_partitions_that_are_added_are_read_from_their_beginning_and_nothing_twice(kafka: KafkaSettings) -> None:
    topic = f"t-{uuid4().hex[:8]}"
    create_topics(kafka, [Topic(topic, "station", "test", 3_600_000)], 1, 1)
    reader = TopicReader(kafka, topic)
    assert list(reader.read_to_end()) == []
    KafkaSink(kafka).send([Message(topic, b"a", b"first")], lambda: None)
    assert read(reader, 1) == [b"first"]
    reader.widen()  # nothing to take in

    client = admin(kafka)
    client.create_partitions([NewPartitions(topic, 8)])[topic].result(30)
    values = [f"{number}".encode() for number in range(40)]
    KafkaSink(kafka).send([Message(topic, value, value) for value in values], lambda: None)
    for _ in range(50):
        reader.widen()
        if len(reader._consumer.assignment()) == 8:
            break
    assert read(reader, 40) == sorted(values)
    assert reader.changes(0.3) == []
    reader.close()
