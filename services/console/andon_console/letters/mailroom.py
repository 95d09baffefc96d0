"""Kafka as whoever looks at dead letters and sends them again needs it. Many threads, one replay at a time."""

from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Protocol

from andon.errors import Broken
from andon.kafka.at import RecordsAt
from andon.letters import Again
from andon.letters.writing import Writer
from andon.records import FramePlace
from andon.settings import KafkaSettings
from andon.stage import Message, Record
from andon_console.frames.readers import Readers
from andon_console.live.desk import Desk

ANSWER_S = 4.0
DELIVERY_S = 10.0  # people wait for it
READERS = 2


class Writes(Protocol):
    """`andon.letters.writing.Writer` is one."""

    def write(self, records: Sequence[Again]) -> list[FramePlace | str]:
        """Where each lies, once all are acknowledged; or why its broker will never have it. Raises Broken."""

    def close(self) -> None:
        """Gives back the producer."""


class Mailroom:
    """A `Mail`. `alone` is to be held by whoever replays; the turns and deeds go over the desk, which tells the pages.
    `is_away` says that Kafka is known not to answer, so that nobody waits for it."""

    def __init__(
        self, readers: Readers, open_writer: Callable[[], Writes], desk: Desk, is_away: Callable[[], bool]
    ) -> None:
        self.alone = Lock()
        self._readers = readers
        self._open_writer = open_writer
        self._writer: Writes | None = None
        self._desk = desk
        self._is_away = is_away

    @classmethod
    def over(cls, kafka: KafkaSettings, desk: Desk, is_away: Callable[[], bool]) -> "Mailroom":
        """Over the real one; nothing is opened before it is needed."""
        quick = kafka.model_copy(update={"delivery_timeout_s": DELIVERY_S})
        readers = Readers(partial(RecordsAt, kafka, answer_s=ANSWER_S), READERS)
        return cls(readers, partial(Writer, quick), desk, is_away)

    def at(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record there; None where it has expired. Raises Busy, Broken."""
        if self._is_away():
            raise Broken("Kafka does not answer")
        with self._readers.lent() as reader:
            return reader(topic, partition, offset)

    def ends(self, topic: str, partition: int) -> tuple[int, int] | None:
        """Where a partition begins and ends. Raises Busy, Broken."""
        with self._readers.lent() as reader:
            return reader.ends(topic, partition)

    def write(self, records: Sequence[Again]) -> list[FramePlace | str]:
        """As `Writes`. One that failed leaves no producer behind."""
        self._writer = self._writer or self._open_writer()
        try:
            return self._writer.write(records)
        except Broken:
            self._writer.close()
            self._writer = None
            raise

    def send(self, messages: Sequence[Message]) -> None:
        """Turns, and the deed that tells of them. Raises Broken."""
        self._desk.post(messages)

    def close(self) -> None:
        """Gives back what was opened."""
        self._readers.close()
        if self._writer is not None:
            self._writer.close()
