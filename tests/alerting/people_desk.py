"""A desk for the commands of people on call: topics in memory. Incidents are written by incident_turns.py."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from typer.testing import CliRunner, Result

from andon.cli import build
from andon.errors import Broken
from andon.memory import MemoryKafka
from andon.records import IncidentEvent, write_event
from andon.stage import Message, Record
from andon.topics import INCIDENTS, SILENCES
from andon_alerting.commands.desk import Reading


@dataclass
class MemoryDesk:
    """`run` runs a command; `coming` is what `--follow` is given after the beginning, before Ctrl-C."""

    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(partitions=1))
    down: bool = False
    coming: list[IncidentEvent] = field(default_factory=list)

    def open(self, *_: Any) -> "MemoryDesk":
        if self.down:
            raise Broken("cannot reach Kafka: nobody is there")
        return self

    def table(self, topic: str) -> Iterator[Record]:
        yield from self.kafka.records(topic)

    def log(self, topic: str, since: datetime) -> Reading:
        found = [each for each in self.kafka.records(topic) if each.timestamp_ms >= since.timestamp() * 1000]
        return Reading(iter(found), len(found))

    def following(self, topic: str, since: datetime) -> AbstractContextManager[Iterator[Record | None]]:
        return nullcontext(self._follow(topic, since))

    def write(self, messages: Sequence[Message]) -> None:
        self.kafka.time_ms = int(datetime.now(UTC).timestamp() * 1000)
        for each in messages:
            self.kafka.append(each)

    def run(self, *words: str, given: str | None = None, columns: int = 300) -> Result:
        return CliRunner(env={"COLUMNS": str(columns)}).invoke(build(words[0]), list(words), input=given)

    def say(self, *events: IncidentEvent) -> None:
        for each in events:
            self.kafka.time_ms = int(each.at.timestamp() * 1000)
            self.kafka.append(Message(INCIDENTS, each.station.encode(), write_event(each)))

    def silences(self) -> list[Record]:
        return self.kafka.records(SILENCES)

    def _follow(self, topic: str, since: datetime) -> Iterator[Record | None]:
        yield from self.log(topic, since).records
        yield None
        for each in self.coming:
            self.say(each)
            yield self.kafka.records(topic)[-1]
        raise KeyboardInterrupt
