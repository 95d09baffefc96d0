"""The line's frame topics: what they hold now, a window of one partition, and what comes. No group, no commit."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial

from confluent_kafka import Consumer, TopicPartition

from andon.errors import Mistake
from andon.kafka.clients import consumer, consumer_config
from andon.kafka.faults import patiently
from andon.kafka.reach import reach
from andon.kafka.source import Place
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import FRAME_PATTERN
from andon_training.from_kafka.look_back import Read, Unread

LOOK_AGAIN_S = 5.0


def frame_partitions(kafka: KafkaSettings) -> list[Unread]:
    """Every partition of every frame topic, as it is now.

    Raises Broken when Kafka cannot be reached, Mistake when it holds no frame topic.
    """
    places = frame_places(kafka)
    if not places:
        raise Mistake(
            f"Kafka at {kafka.bootstrap_servers} has no topic camera.frames or camera.frames.<anything>; "
            "make them with `andon topics create`, and let a camera write there"
        )
    client = consumer(consumer_config(kafka, f"{kafka.group_prefix}.reader"))
    try:
        return [Unread(place, *_bounds(client, place)) for place in places]
    finally:
        client.close()


def frame_places(kafka: KafkaSettings) -> list[Place]:
    """The partitions of all topics that match the frame pattern. Raises Broken."""
    topics = reach(kafka).topics
    return [
        (name, part) for name in sorted(topics) if re.search(FRAME_PATTERN, name) for part in topics[name].partitions
    ]


def windows(kafka: KafkaSettings) -> Read:
    """Reads windows of partitions. Raises Broken when Kafka does not answer."""

    def read(place: Place, start: int, stop: int) -> Iterator[Record]:
        topic, part = place
        with closing(TopicReader(kafka, topic, starts={part: start}, stops={part: stop})) as reader:
            yield from reader.read_to_end()

    return read


class Arrivals:
    """What is written to the frame topics after `ends`; a topic that is made meanwhile is read from its beginning."""

    def __init__(
        self, kafka: KafkaSettings, ends: Mapping[Place, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kafka = kafka
        self._clock = clock
        self._looked = clock()
        self._readers: dict[str, TopicReader] = {}
        self._fresh: list[TopicReader] = []
        for topic in sorted({topic for topic, _ in ends}):
            self._open(topic, {part: end for (of, part), end in ends.items() if of == topic})

    def take(self, wait_s: float) -> Iterator[Record]:
        """What has come, after waiting up to `wait_s` for it. Raises Broken when Kafka refuses."""
        while self._fresh:
            yield from self._fresh.pop().read_to_end()  # one at a time: while we looked back, much may have come
        for reader in self._readers.values():
            yield from reader.changes(wait_s / len(self._readers))
        if self._clock() - self._looked > LOOK_AGAIN_S:
            self._look_again()

    def close(self) -> None:
        """Gives back the connections."""
        for reader in self._readers.values():
            reader.close()

    def _look_again(self) -> None:
        self._looked = self._clock()
        for topic in {topic for topic, _ in frame_places(self._kafka)} - set(self._readers):
            self._open(topic, None)

    def _open(self, topic: str, starts: Mapping[int, int] | None) -> None:
        self._readers[topic] = TopicReader(self._kafka, topic, starts=starts)
        self._fresh.append(self._readers[topic])


def _bounds(client: Consumer, place: Place) -> tuple[int, int]:
    ask = partial(client.get_watermark_offsets, TopicPartition(*place), timeout=10)
    low, high = patiently(ask, f"reading {place[0]}")
    return low, high
