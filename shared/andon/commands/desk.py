"""The topic `models` as the commands use it: the table as it stands, one word more, and what scoring answers."""

import time
from collections.abc import Iterable
from typing import Protocol

from andon.assignments import Assignments
from andon.errors import Broken, Invalid
from andon.records import Assignment, Proof, Refusal, read_event, write_event
from andon.records.assignment import PROVEN, REFUSED
from andon.settings import KafkaSettings
from andon.stage import Message, Record, Sink
from andon.topics import MODELS

Answer = Proof | Refusal | Assignment
"""What became of an assignment: proven, refused, or overtaken by another of the same station and product."""


class Reader(Protocol):
    """`andon.kafka.table.TopicReader` is one."""

    def read_to_end(self) -> Iterable[Record]:
        """Everything that was there when it began."""

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        """What has come since; waits up to `wait_s` for it."""

    def close(self) -> None:
        """Stops reading."""


class Desk:
    """Reads the table whole, then follows it. `sink` writes to it."""

    def __init__(self, reader: Reader, sink: Sink) -> None:
        self.table = Assignments()
        self._reader = reader
        self._sink = sink
        for record in reader.read_to_end():
            self._apply(record)

    def write(self, given: Assignment) -> None:
        """Returns when Kafka has it. Raises Broken."""
        self._sink.send([Message(MODELS, given.key, write_event(given))], lambda: None)

    def refresh(self) -> None:
        """Takes in what is new, without waiting."""
        for record in self._reader.changes():
            self._apply(record)

    def answer(self, given: Assignment, wait_s: float) -> Answer | None:
        """The first that is said of `given`, once it is written; None when nothing is, within `wait_s`."""
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            for record in self._reader.changes(min(left, 0.5)):
                self._apply(record)
                said = _answer(given, record)
                if said is not None:
                    return said
        return None

    def close(self) -> None:
        """Gives back its connections."""
        self._reader.close()
        self._sink.close()

    def _apply(self, record: Record) -> None:
        """What is no record of `models` is passed over: scoring tells of it."""
        try:
            self.table.apply(record)
        except Invalid:
            return


def open_desk(kafka: KafkaSettings, within_s: float = 10.0) -> Desk:
    """The desk over Kafka. Raises Broken when it cannot be reached in time, or has no such topic."""
    from andon.kafka.reach import reach
    from andon.kafka.sink import KafkaSink
    from andon.kafka.table import TopicReader

    if MODELS not in reach(kafka, min(within_s, kafka.delivery_timeout_s)).topics:
        raise Broken(f"topic {MODELS} does not exist; create it with: andon topics create")
    return Desk(TopicReader(kafka, MODELS, timeout_s=max(within_s, 10.0)), KafkaSink(kafka, compression="zstd"))


def _answer(given: Assignment, record: Record) -> Answer | None:
    """What `record` says of `given`, if it says anything."""
    key, value = record.key or b"", record.value
    try:
        if key == PROVEN + given.key and value:
            return _of(given, read_event(Proof, value))
        if key == REFUSED + given.key and value:
            return _of(given, read_event(Refusal, value))
        if key == given.key and value:
            other = read_event(Assignment, value)
            return other if other.bundle != given.bundle else None
    except Invalid:
        return None
    return None


def _of(given: Assignment, said: Proof | Refusal) -> Answer | None:
    return said if said.bundle == given.bundle else None
