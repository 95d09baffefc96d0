"""Reading what the line says about itself while it runs."""

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition

from andon.errors import Invalid
from andon.kafka import TopicReader
from andon.kafka.clients import admin, consumer, consumer_config
from andon.records import IncidentEvent, Score, read_event
from andon.settings import KafkaSettings
from andon.topics import DEAD_LETTERS, FRAMES, INCIDENTS, SCORES
from andon_demo.tally import Tally


class Follower:
    """Feeds a tally from the topics, and knows how far the line has come."""

    def __init__(self, kafka: KafkaSettings, tally: Tally) -> None:
        self._kafka = kafka
        self._tally = tally
        self._readers = {topic: TopicReader(kafka, topic) for topic in (SCORES, INCIDENTS, DEAD_LETTERS)}
        self._looker: Consumer = consumer(consumer_config(kafka, f"{kafka.group_prefix}.reader"))
        self._admin = admin(kafka)

    def refresh(self, wait_s: float = 0.05) -> None:
        """Takes in what is new."""
        for record in self._readers[SCORES].changes(wait_s):
            self._tally.score(read_event(Score, record.value), record.timestamp_ms)
        for record in self._readers[INCIDENTS].changes():
            try:
                self._tally.incident(read_event(IncidentEvent, record.value))
            except Invalid:  # a kind that a newer Andon writes: not ours to count
                continue
        for record in self._readers[DEAD_LETTERS].changes():
            self._tally.dead_letter(record)

    def written(self, topic: str) -> dict[int, int]:
        """The end of each partition of `topic`."""
        parts = self._looker.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {part: self._looker.get_watermark_offsets(TopicPartition(topic, part), timeout=10) for part in parts}
        return {part: high for part, (_, high) in ends.items()}

    def captured(self) -> int:
        """Records in camera.frames, as a live figure."""
        return sum(self.written(FRAMES).values())

    def behind(self, service: str, topic: str) -> int:
        """Records of `topic` that `service` has not committed yet."""
        wanted = [ConsumerGroupTopicPartitions(f"{self._kafka.group_prefix}.{service}")]
        (future,) = self._admin.list_consumer_group_offsets(wanted).values()
        committed = {(p.topic, p.partition): p.offset for p in future.result(10).topic_partitions}
        ends = self.written(topic)
        return sum(end - max(0, committed.get((topic, part), 0)) for part, end in ends.items())

    def close(self) -> None:
        """Gives back the connections."""
        for reader in self._readers.values():
            reader.close()
        self._looker.close()
