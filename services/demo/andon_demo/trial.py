"""A line put to the test: real services on real servers, stopped and killed at will, and counted afterwards."""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import TopicPartition

from andon.bundle import Bundle
from andon.errors import Broken
from andon.kafka import KafkaSink, TopicReader
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin, consumer, consumer_config
from andon.kafka.offsets import committed_offsets
from andon.records import Assignment, write_event
from andon.records.assignment import EVERY
from andon.settings import KafkaSettings
from andon.stage import Message, Record
from andon.store import BundleStore
from andon.topics import ALL, DEAD_LETTERS, FRAME_PATTERN, MODELS, SCORES
from andon_demo.ledger import Ledger
from andon_demo.line import Line, ServiceProcess
from andon_demo.servers.ports import free_ports
from andon_demo.servers.supervise import Servers

PARTITIONS = 4


class Trial:
    """A line on `servers`, with its topics made and its services not yet started. Everything lies in `folder`.

    `env` are further settings of the services, as environment variables.
    """

    def __init__(self, servers: Servers, folder: Path, env: Mapping[str, str], draw: random.Random) -> None:
        self.servers = servers
        self.folder = folder
        self.kafka = KafkaSettings(bootstrap_servers=servers.kafka.bootstrap)
        stores = {f"ANDON_STORE__{name.upper()}": str(folder / name) for name in ("bundles", "frames")}
        self.env = {**servers.env(), **stores, **env}
        self.bundles = BundleStore(str(folder / "bundles"))
        self._draw = draw
        self._closing = ExitStack()
        create_topics(self.kafka, ALL, PARTITIONS, 1)
        self.line = Line(folder / "logs", self.env, draw)
        self._closing.callback(self.line.stop)
        self._looker = consumer(consumer_config(self.kafka, "trial"))
        self._closing.callback(self._looker.close)
        self._admin = admin(self.kafka)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def start(self, *names: str) -> None:
        """Starts these services, or all that always stand; returns when they are ready."""
        chosen = [self.service(name) for name in names or self.line.services]
        for service in chosen:
            service.process.start()
        for service in chosen:
            service.process.wait_ready(service.ready, within_s=90)

    def service(self, name: str) -> ServiceProcess:
        """One of the services, standing or on request."""
        return (self.line.services | self.line.on_request)[name]

    def ingest(self, *arguments: str) -> ServiceProcess:
        """`andon ingest ...`, started; stopped with the trial."""
        port = free_ports(1, self._draw)[0]
        ingest = ServiceProcess("ingest", ["ingest", *arguments], self.folder / "logs", self.env, port)
        self._closing.callback(ingest.process.stop, grace_s=25)
        ingest.process.start()
        return ingest

    def assign(self, bundle: Bundle, station: str = EVERY) -> None:
        """Keeps `bundle` and lets it serve `station`."""
        self.bundles.put(bundle)
        given = Assignment(station=station, bundle=bundle.digest, by="trial", at=datetime.now(UTC))
        self.write(Message(MODELS, given.key, write_event(given)))

    def write(self, *messages: Message) -> None:
        """Writes records, as any producer might."""
        sink = KafkaSink(self.kafka)
        sink.send(messages, lambda: None)
        sink.close()

    def read(self, topic: str) -> Iterator[Record]:
        """Everything a topic holds."""
        reader = TopicReader(self.kafka, topic)
        try:
            yield from reader.read_to_end()
        finally:
            reader.close()

    def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition."""
        parts = self._looker.list_topics(topic, timeout=30).topics[topic].partitions
        ends = {part: self._looker.get_watermark_offsets(TopicPartition(topic, part), timeout=30) for part in parts}
        return {part: high for part, (_, high) in ends.items()}

    def count(self, topic: str) -> int:
        """How many records were written to a topic."""
        return sum(self.ends(topic).values())

    def behind(self, service: str, topic: str) -> int:
        """Records of `topic` that `service` has not committed yet."""
        ends = self.ends(topic)
        group = f"{self.kafka.group_prefix}.{service}"
        done = committed_offsets(self.kafka, group, [(topic, part) for part in ends])
        return sum(end - done.get((topic, part), 0) for part, end in ends.items())

    def delete(self, topic: str) -> None:
        """Deletes a topic and returns when it is gone."""
        self._admin.delete_topics([topic], operation_timeout=30)[topic].result(30)
        self.until(lambda: topic not in self._topics(), f"topic {topic} to be gone")

    def ledger(self) -> Ledger:
        """What was captured until now, and what became of it."""
        ledger = Ledger()
        for letter in self.read(DEAD_LETTERS):
            ledger.dead_letter(letter)
        for score in self.read(SCORES):
            ledger.score(score)
        for topic in self._topics():
            if re.search(FRAME_PATTERN, topic):
                for frame in self.read(topic):
                    ledger.frame(frame)
        return ledger

    def settled(self, frames: int, within_s: float = 120.0) -> Ledger:
        """The ledger, once `frames` different frames have ended and alerting has seen them. Raises Broken."""
        self.until(lambda: self._ended() >= frames, f"{frames} frames to end", within_s, pause_s=1.0)
        self.until(lambda: not self.behind("alerting", SCORES), "alerting to have seen all", within_s)
        return self.ledger()

    def until(self, answers: Callable[[], object], what: str, within_s: float = 60.0, *, pause_s: float = 0.1) -> None:
        """Returns when `answers()` is true. Raises Broken, with the ends of the logs, when the time is over."""
        deadline = time.monotonic() + within_s
        while not answers():
            if time.monotonic() > deadline:
                raise Broken(f"waited {within_s:.0f} s in vain for {what}\n{self._tails()}")
            time.sleep(pause_s)

    def _ended(self) -> int:
        if self.count(SCORES) + self.count(DEAD_LETTERS) == 0:
            return 0
        ledger = self.ledger()
        return len(ledger.scores.keys() | ledger.dead.keys())

    def _topics(self) -> Sequence[str]:
        return list(self._looker.list_topics(timeout=30).topics)

    def _tails(self) -> str:
        services = (*self.line.services.values(), *self.line.on_request.values())
        started = [each for each in services if each.process.log.exists()]
        return "\n".join(f"{each.name} (status {each.process.returncode}):\n{each.process.tail(8)}" for each in started)
