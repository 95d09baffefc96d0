"""What the commands ask of Kafka, once: some topics to read, some records to write."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from andon.alertmanager import AlertmanagerSettings
from andon.errors import Broken
from andon.settings import KafkaSettings, LineSettings
from andon.stage import Message, Record

REACH_S = 10.0
WAIT_S = 0.5


class PeopleSettings(LineSettings):
    """What the commands of people on call can be told: as alerting is told it."""

    alertmanager: AlertmanagerSettings = AlertmanagerSettings()


@dataclass(frozen=True)
class Reading:
    """Some records to be read, and how many they are at most."""

    records: Iterator[Record]
    of: int


class Desk(Protocol):
    """`KafkaDesk` is the real one."""

    def table(self, topic: str) -> Iterator[Record]:
        """Everything in a compacted topic. Raises Broken where there is no such topic."""

    def log(self, topic: str, since: datetime) -> Reading:
        """What was written to a topic since then, up to now. Raises Broken where there is no such topic."""

    def following(self, topic: str, since: datetime) -> AbstractContextManager[Iterator[Record | None]]:
        """What was written to it since then, a None where that ends for now, and then what comes, without an end."""

    def write(self, messages: Sequence[Message]) -> None:
        """Returns when Kafka has them. Raises Broken."""


class KafkaDesk:
    """The desk over Kafka. Raises Broken when it cannot be reached."""

    def __init__(self, kafka: KafkaSettings) -> None:
        from andon.kafka.reach import reach

        self._kafka = kafka
        self._topics = reach(kafka, min(REACH_S, kafka.delivery_timeout_s)).topics

    def table(self, topic: str) -> Iterator[Record]:
        """Partition by partition, each in order."""
        from andon.kafka.table import TopicReader

        self._partitions(topic)
        with closing(TopicReader(self._kafka, topic)) as reader:
            yield from reader.read_to_end()

    def log(self, topic: str, since: datetime) -> Reading:
        """From an offset found by time: what is older is not read."""
        starts, ends = self._starts(topic, since), self._ends(topic)
        wanted = {part: start for part, start in starts.items() if start < ends[part]}
        return Reading(self._read(topic, wanted), sum(ends[part] - start for part, start in wanted.items()))

    def following(self, topic: str, since: datetime) -> AbstractContextManager[Iterator[Record | None]]:
        """One reader for both, so that nothing falls between them."""
        return closing(self._follow(topic, self._starts(topic, since)))

    def write(self, messages: Sequence[Message]) -> None:
        """By a producer of its own."""
        from andon.kafka.sink import KafkaSink

        with closing(KafkaSink(self._kafka, compression="zstd")) as sink:
            sink.send(messages, lambda: None)

    def _follow(self, topic: str, starts: dict[int, int]) -> Generator[Record | None]:
        from andon.kafka.table import TopicReader

        with closing(TopicReader(self._kafka, topic, starts=starts)) as reader:
            yield from reader.read_to_end()
            yield None
            while True:
                yield from reader.changes(WAIT_S)

    def _read(self, topic: str, starts: dict[int, int]) -> Iterator[Record]:
        from andon.kafka.table import TopicReader

        if starts:
            with closing(TopicReader(self._kafka, topic, starts=starts)) as reader:
                yield from reader.read_to_end()

    def _starts(self, topic: str, since: datetime) -> dict[int, int]:
        from andon.kafka.offsets import offsets_since

        found = offsets_since(self._kafka, [(topic, part) for part in self._partitions(topic)], since)
        return {part: offset for (_, part), offset in found.items()}

    def _ends(self, topic: str) -> dict[int, int]:
        from confluent_kafka import TopicPartition

        from andon.kafka.clients import consumer, consumer_config
        from andon.kafka.faults import patiently

        client = consumer(consumer_config(self._kafka, f"{self._kafka.group_prefix}.reader"))

        def end(part: int) -> Any:
            return client.get_watermark_offsets(TopicPartition(topic, part), timeout=10)

        try:
            return {
                part: patiently(lambda part=part: end(part), f"reading {topic}")[1]  # type: ignore[misc]
                for part in self._partitions(topic)
            }
        finally:
            client.close()

    def _partitions(self, topic: str) -> list[int]:
        if topic not in self._topics:
            raise Broken(f"topic {topic} does not exist; create it with: andon topics create")
        return sorted(self._topics[topic].partitions)


def open_desk(kafka: KafkaSettings) -> Desk:
    """The desk over Kafka. Raises Broken when it cannot be reached in time."""
    return KafkaDesk(kafka)
