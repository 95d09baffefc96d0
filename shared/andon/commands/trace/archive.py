"""What Kafka still holds of a topic, from its newest records backwards or from some moment on."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Protocol

from andon.comparing.key import key_partition
from andon.kafka.at import RecordsAt
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.records.score import FramePlace
from andon.settings import KafkaSettings
from andon.stage import Record

REACH_S = 10.0
FIRST, MOST = 1_000, 32_000
"""Records of a partition that are read at once, the newest first; twice as many with every step back."""

Shown = Callable[[Iterable[Record], str, int], Iterator[Record]]
"""Passes records on and shows how far it is: of which topic, and of how many."""


class Archive(Protocol):
    """`KafkaArchive` is the real one. `station` None reads every partition, else only the one that holds it."""

    def topics(self) -> Collection[str]:
        """Every topic there is."""

    def newest_first(self, topic: str, since: datetime | None, station: str | None) -> Iterator[Record]:
        """What was written since then, or all of it: what is newer comes sooner, though not strictly."""

    def since(self, topic: str, since: datetime | None, station: str | None = None) -> Iterator[Record]:
        """The same, each partition in the order it was written."""

    def at(self, place: FramePlace) -> Record | None:
        """The record there; None where Kafka does not hold it any more."""


class KafkaArchive:
    """The archive over Kafka. It belongs to no group and commits nothing. Raises Broken when Kafka does not answer."""

    def __init__(self, kafka: KafkaSettings, shown: Shown) -> None:
        self._kafka = kafka
        self._shown = shown
        topics = reach(kafka, min(REACH_S, kafka.delivery_timeout_s)).topics
        self._parts = {name: len(each.partitions) for name, each in topics.items()}
        self._at = RecordsAt(kafka)

    def topics(self) -> Collection[str]:
        """As the brokers name them."""
        return self._parts

    def newest_first(self, topic: str, since: datetime | None, station: str | None) -> Iterator[Record]:
        """In steps backwards, each forwards."""
        bounds = self._bounds(topic, since, station)
        yield from self._shown(self._backwards(topic, bounds), topic, _count(bounds))

    def since(self, topic: str, since: datetime | None, station: str | None = None) -> Iterator[Record]:
        """In one go."""
        bounds = self._bounds(topic, since, station)
        yield from self._shown(self._read(topic, bounds), topic, _count(bounds))

    def at(self, place: FramePlace) -> Record | None:
        """One record."""
        return self._at(place.topic, place.partition, place.offset)

    def close(self) -> None:
        """Gives back the connection."""
        self._at.close()

    def _backwards(self, topic: str, bounds: dict[int, tuple[int, int]]) -> Iterator[Record]:
        size, left = FIRST, bounds
        while left := {part: (low, high) for part, (low, high) in left.items() if low < high}:
            step = {part: (max(low, high - size), high) for part, (low, high) in left.items()}
            yield from self._read(topic, step)
            left = {part: (left[part][0], low) for part, (low, _) in step.items()}
            size = min(2 * size, MOST)

    def _read(self, topic: str, bounds: dict[int, tuple[int, int]]) -> Iterator[Record]:
        some = {part: (low, high) for part, (low, high) in bounds.items() if low < high}
        if not some:
            return
        starts, stops = ({part: each[end] for part, each in some.items()} for end in (0, 1))
        with closing(TopicReader(self._kafka, topic, starts=starts, stops=stops)) as reader:
            yield from reader.read_to_end()

    def _bounds(self, topic: str, since: datetime | None, station: str | None) -> dict[int, tuple[int, int]]:
        """Where reading begins and ends, by partition."""
        if topic not in self._parts:
            return {}
        count = self._parts[topic]
        parts = range(count) if station is None else [key_partition(station.encode(), count)]
        ends = {part: self._at.ends(topic, part) or (0, 0) for part in parts}
        if since is None:
            return ends
        first = offsets_since(self._kafka, [(topic, part) for part in parts], since)
        return {part: (max(low, first[topic, part]), high) for part, (low, high) in ends.items()}


def _count(bounds: dict[int, tuple[int, int]]) -> int:
    return sum(high - low for low, high in bounds.values())


def open_archive(kafka: KafkaSettings, shown: Shown) -> KafkaArchive:
    """The archive over Kafka. Raises Broken when it cannot be reached in time."""
    return KafkaArchive(kafka, shown)
