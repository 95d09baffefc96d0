"""Past scores by time: `scores` read in stretches, outside any group."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import datetime
from typing import Protocol

from andon.comparing.key import key_partition
from andon.errors import Broken
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import SCORES
from andon_console.frames.cache import Turns
from andon_console.frames.stretch import Stretch

ANSWER_S = 8.0


class ScoreLog(Protocol):
    """The topic `scores`, as written. Both raise Broken when Kafka does not answer in time."""

    def stretch(self, begin: datetime, end: datetime, partitions: Sequence[int] = ()) -> Stretch:
        """What was written from `begin` until `end`, in these partitions; in all where none is named."""

    def read(self, stretch: Stretch) -> Iterator[Record]:
        """Its records that Kafka still holds, those of each partition in order."""


class KafkaScoreLog:
    """`ScoreLog` over Kafka; of another `topic` of scores, too. With `turns`, who reads takes one, or is told Busy."""

    def __init__(self, kafka: KafkaSettings, topic: str = SCORES, turns: Turns | None = None) -> None:
        self._kafka = kafka
        self._topic = topic
        self._turn: Callable[[], AbstractContextManager[None]] = turns.both if turns is not None else nullcontext

    def home(self, station: str) -> int:
        """The partition that a station's key belongs to. Raises Broken."""
        return key_partition(station.encode(), max(1, len(self._partitions())))

    def stretch(self, begin: datetime, end: datetime, partitions: Sequence[int] = ()) -> Stretch:
        """As `ScoreLog`."""
        there = self._partitions()
        wanted = [(self._topic, part) for part in there if not partitions or part in partitions]
        if not wanted:
            raise Broken(f"topic {self._topic} does not exist; create it with: andon topics create")
        starts, stops = (offsets_since(self._kafka, wanted, at, ANSWER_S) for at in (begin, end))
        return Stretch(*({part: offset for (_, part), offset in each.items()} for each in (starts, stops)))

    def read(self, stretch: Stretch) -> Iterator[Record]:
        """As `ScoreLog`."""
        wanted = {part: start for part, start in stretch.starts.items() if stretch.stops[part] > start}
        if not wanted:
            return
        with self._turn():
            reader = TopicReader(self._kafka, self._topic, starts=wanted, stops=stretch.stops, timeout_s=ANSWER_S)
            with closing(reader):
                yield from reader.read_to_end()

    def _partitions(self) -> list[int]:
        topics = reach(self._kafka, ANSWER_S).topics
        return list(topics[self._topic].partitions) if self._topic in topics else []
