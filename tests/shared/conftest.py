"""A small line for the commands: a store in a folder, `models` in memory, and scoring that says what a test wants."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from andon.bundle import SUFFIX, Bundle
from andon.cli import build
from andon.commands import desk as desks
from andon.commands.desk import Desk
from andon.errors import Broken
from andon.memory import MemoryKafka, MemorySink
from andon.records import Assignment, Event, Proof, Refusal, Swap, read_event, write_event
from andon.records.assignment import assignment_key
from andon.stage import Idle, Message, Record
from andon.store import BundleStore
from andon.topics import MODELS

sys.path.append(str(Path(__file__).parent))  # incident_turns.py, fake_alertmanager.py
Says = Callable[[Assignment], Event | None]
AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


class Reading:
    """What a `TopicReader` of `models` gives, of the twin."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka
        self._read = 0

    def read_to_end(self) -> list[Record]:
        return self.changes()

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        new = self._kafka.records(MODELS)[self._read :]
        self._read += len(new)
        return new

    def close(self) -> None: ...


class Answering:
    """A sink whose assignments scoring answers at once."""

    def __init__(self, kafka: MemoryKafka, says: Says) -> None:
        self._sink = MemorySink(kafka)
        self._says = says

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        self._sink.send(messages, idle)
        for message in messages:
            said = self._says(read_event(Assignment, message.value))
            if said is not None:
                self._sink.send([Message(MODELS, said.key, write_event(said))], idle)

    def close(self) -> None: ...


@dataclass
class SmallLine:
    """`run` runs a command; `says` is what scoring answers to an assignment, nothing unless a test sets it."""

    folder: Path
    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(partitions=1))
    says: Says = lambda given: None
    down: bool = False

    @property
    def store(self) -> BundleStore:
        return BundleStore(str(self.folder))

    def desk(self, *_: Any) -> Desk:
        if self.down:
            raise Broken("cannot reach Kafka: nobody is there")
        return Desk(Reading(self.kafka), Answering(self.kafka, self.says))

    def run(self, *words: str) -> Result:
        return CliRunner(env={"COLUMNS": "300"}).invoke(build(words[0]), list(words))

    def proves(self) -> None:
        """From now on scoring proves whatever is assigned."""
        self.says = lambda it: Proof(station=it.station, product=it.product, bundle=it.bundle, at=it.at)

    def refuses(self, why: str = "fails its gate") -> None:
        """From now on it refuses whatever is assigned."""
        self.says = lambda it: Refusal(station=it.station, product=it.product, bundle=it.bundle, why=why, at=it.at)

    def put(self, bundle: Bundle, days_ago: float = 0) -> str:
        digest = self.store.put(bundle)
        put_at = (datetime.now(UTC) - timedelta(days=days_ago)).timestamp()
        os.utime(self.folder / (digest + SUFFIX), (put_at, put_at))
        return digest

    def write(self, *events: Assignment | Proof | Refusal | Swap) -> None:
        for event in events:
            self.kafka.append(Message(MODELS, event.key, write_event(event)))

    def assigned(self, station: str, product: str | None = None) -> Assignment:
        key = assignment_key(station, product)
        return read_event(Assignment, [r.value for r in self.kafka.records(MODELS) if r.key == key][-1])


@pytest.fixture
def small_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallLine:
    line = SmallLine(tmp_path / "bundles")
    monkeypatch.setenv("ANDON_STORE__BUNDLES", str(line.folder))
    monkeypatch.setattr(desks, "open_desk", line.desk)
    return line
