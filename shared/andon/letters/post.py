"""The dead letters in Kafka: read one after another, one by its place, and written again. Opened when first needed."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from functools import cached_property

from confluent_kafka.admin import TopicMetadata  # type: ignore[attr-defined]

from andon.errors import Broken, Invalid
from andon.kafka.at import RecordsAt
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.sink import KafkaSink
from andon.kafka.table import TopicReader
from andon.letters.again import Again
from andon.letters.handled import Handled
from andon.letters.letter import Letter, read_letter
from andon.letters.writing import Writer
from andon.records.score import FramePlace
from andon.settings import KafkaSettings
from andon.stage import Message, Record
from andon.topics import AUDIT, DEAD_LETTERS, LETTERS

REACH_S = 10.0
APPEAR_S = 5.0  # until every broker tells of a topic that was just made


class KafkaPost:
    """A `Mail`, and a reader of letters. Raises Broken when Kafka cannot be reached, or has no dead letters' topic."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._topics = _topics(kafka)
        self._opened: list[RecordsAt | Writer | KafkaSink] = []

    def letters(self, since: datetime | None = None, partition: int | None = None) -> Iterator[Letter]:
        """Every letter since then, of one partition or of all, partition by partition; its bytes are let go at once."""
        parts = [partition] if partition is not None else sorted(self._topics[DEAD_LETTERS].partitions)
        starts = self._starts(parts, since)
        with closing(TopicReader(self._kafka, DEAD_LETTERS, starts=starts)) as reader:
            for record in reader.read_to_end():
                yield read_letter(record)

    def handled(self) -> Handled:
        """What became of them. Where the topic of turns does not exist, nobody has handled any."""
        handled = Handled()
        if LETTERS in self._topics:
            with closing(TopicReader(self._kafka, LETTERS)) as reader:
                for record in reader.read_to_end():
                    with suppress(Invalid):
                        handled.apply(record)
        return handled

    def span(self) -> int:
        """How many records there are about, for a progress bar."""
        found = (self.ends(DEAD_LETTERS, part) for part in self._topics[DEAD_LETTERS].partitions)
        return sum(high - low for low, high in filter(None, found))

    def at(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record there; None where it has expired."""
        return self._at(topic, partition, offset)

    def ends(self, topic: str, partition: int) -> tuple[int, int] | None:
        """Where a partition begins and ends; None where there is none such."""
        return self._at.ends(topic, partition)

    def write(self, records: Sequence[Again]) -> list[FramePlace | str]:
        """Where each lies now, once all are acknowledged; or why its broker will never have it."""
        self._see_that_it_can_be_said()
        return self._writer.write(records)

    def send(self, messages: Sequence[Message]) -> None:
        """Returns when all are acknowledged."""
        self._see_that_it_can_be_said()
        self._sink.send(messages, lambda: None)

    def close(self) -> None:
        """Gives back what was opened."""
        for each in self._opened:
            each.close()

    def _see_that_it_can_be_said(self) -> None:
        """Before anything is written: what was done must be said. Raises Broken."""
        missing = [topic for topic in (LETTERS, AUDIT) if topic not in self._topics]
        if missing:
            raise Broken(f"topic {missing[0]} does not exist; create it with: andon topics create")

    @cached_property
    def _at(self) -> RecordsAt:
        found = RecordsAt(self._kafka)
        self._opened.append(found)
        return found

    @cached_property
    def _writer(self) -> Writer:
        found = Writer(self._kafka)
        self._opened.append(found)
        return found

    @cached_property
    def _sink(self) -> KafkaSink:
        found = KafkaSink(self._kafka, compression="zstd")
        self._opened.append(found)
        return found

    def _starts(self, parts: Sequence[int], since: datetime | None) -> Mapping[int, int]:
        places = [(DEAD_LETTERS, part) for part in parts]
        if since is None:
            return {part: (self.ends(DEAD_LETTERS, part) or (0, 0))[0] for part in parts}
        return {part: at for (_, part), at in offsets_since(self._kafka, places, since).items()}


def _topics(kafka: KafkaSettings) -> Mapping[str, TopicMetadata]:
    """Those that there are, `dead-letters` among them. Raises Broken."""
    deadline = time.monotonic() + APPEAR_S
    while True:
        found: Mapping[str, TopicMetadata] = reach(kafka, min(REACH_S, kafka.delivery_timeout_s)).topics
        if DEAD_LETTERS in found:
            return found
        if time.monotonic() > deadline:
            raise Broken(f"topic {DEAD_LETTERS} does not exist; create it with: andon topics create")
        time.sleep(0.5)
