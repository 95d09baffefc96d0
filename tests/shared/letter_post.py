"""Dead letters in a Kafka in memory, as the commands and the replay see them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from andon.dead_letters import dead_letter
from andon.errors import Broken
from andon.letters import Again, Handled, Letter, read_letter
from andon.memory import MemoryKafka
from andon.reasons import Reason
from andon.records import FramePlace
from andon.stage import Headers, Message, Record, Rejected
from andon.topics import DEAD_LETTERS, FRAMES, LETTERS


class MemoryPost:
    """`KafkaPost` over lists. `away_after`: Kafka does not answer after so many writes."""

    def __init__(self, kafka: MemoryKafka | None = None) -> None:
        self.kafka = kafka or MemoryKafka(partitions=1)
        self.away_after: int | None = None
        self.gone: set[tuple[str, int, int]] = set()

    def reject(
        self,
        reason: Reason = Reason.MISSING_DATA,
        *,
        topic: str = FRAMES,
        key: bytes | None = b"weld-07",
        value: bytes = b"\xff\xd8\xff and so on",
        headers: Headers = (),
        at_ms: int = 1_772_433_000_000,
        service: str = "preprocess",
        detail: str = "the store does not hold it",
    ) -> Record:
        """A record of `topic` that was refused; answers its letter."""
        self.kafka.time_ms = at_ms
        record = self.kafka.append(Message(topic, key, value, headers))
        return self.letter(record, reason, service, detail)

    def letter(self, record: Record, reason: Reason, service: str = "preprocess", detail: str = "no") -> Record:
        """The letter of a record that was refused."""
        self.kafka.time_ms = record.timestamp_ms + 1000
        return self.kafka.append(dead_letter(Rejected(record, reason, detail), DEAD_LETTERS, service, "0.8.0"))

    def letters(self, since: datetime | None = None, partition: int | None = None) -> Iterator[Letter]:
        for record in self.kafka.records(DEAD_LETTERS):
            letter = read_letter(record)
            if (since is None or letter.at >= since) and partition in (None, letter.partition):
                yield letter

    def handled(self) -> Handled:
        handled = Handled()
        for record in self.kafka.records(LETTERS):
            handled.apply(record)
        return handled

    def span(self) -> int:
        return len(self.kafka.records(DEAD_LETTERS))

    def at(self, topic: str, partition: int, offset: int) -> Record | None:
        if (topic, partition, offset) in self.gone:
            return None
        return next(
            (each for each in self.kafka.records(topic) if (each.partition, each.offset) == (partition, offset)), None
        )

    def ends(self, topic: str, partition: int) -> tuple[int, int] | None:
        there = [each for each in self.kafka.records(topic) if each.partition == partition]
        return (0, len(there)) if there else None

    def write(self, records: Sequence[Again]) -> list[FramePlace | str]:
        return [
            FramePlace.of(self._append(Message(each.topic, each.key, each.value, each.headers))) for each in records
        ]

    def send(self, messages: Sequence[Message]) -> None:
        for each in messages:
            self._append(each)

    def close(self) -> None:
        """Nothing to close."""

    def _append(self, message: Message) -> Record:
        if self.away_after is not None:
            if not self.away_after:
                raise Broken("1 message undelivered after 10 s")
            self.away_after -= 1
        self.kafka.time_ms += 1000
        return self.kafka.append(message)


def at(record: Record, offset: int) -> Record:
    """The same record, elsewhere."""
    return replace(record, offset=offset)
