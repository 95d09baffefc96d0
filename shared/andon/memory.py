"""Kafka's in-memory twin: the same protocols and the same promises, for unit tests and dry runs."""

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence

from andon.dead_letters import Limit, dead_letter
from andon.errors import Broken
from andon.settings import DeadLetterLimit
from andon.stage import Idle, Message, Record, Rejected, first_held
from andon.topics import BY_NAME, DEAD_LETTERS, MAX_RECORD_BYTES


class MemoryKafka:
    """Topics as lists. `time_ms` is the timestamp records get; tests move it."""

    def __init__(self, partitions: int = 3, time_ms: int = 0) -> None:
        self.partitions = partitions
        self.time_ms = time_ms
        self.down = False
        self._logs: dict[str, list[list[Record]]] = defaultdict(lambda: [[] for _ in range(partitions)])
        self._committed: dict[tuple[str, str, int], int] = {}

    def append(self, message: Message) -> Record:
        """Writes one record, by its key. Raises Broken while `down`."""
        if self.down:
            raise Broken("kafka is down")
        part = zlib.crc32(message.key) % self.partitions if message.key else 0
        log = self._logs[message.topic][part]
        record = Record(message.topic, part, len(log), message.key, message.value, message.headers, self.time_ms)
        log.append(record)
        return record

    def records(self, topic: str) -> list[Record]:
        """Everything in a topic, partition by partition."""
        return [record for log in self._logs[topic] for record in log] if topic in self._logs else []

    def topics(self, pattern: str) -> list[str]:
        """The topics that a name or a pattern ('^...') names, as subscriptions do."""
        if not pattern.startswith("^"):
            return [pattern]
        return [name for name in self._logs if re.search(pattern, name)]

    def log(self, topic: str, part: int) -> list[Record]:
        """One partition's records."""
        return self._logs[topic][part]

    def committed(self, group: str, topic: str, part: int) -> int:
        """Where `group` goes on reading."""
        return self._committed.get((group, topic, part), 0)

    def commit(self, group: str, topic: str, part: int, offset: int) -> None:
        """Moves `group` on."""
        self._committed[group, topic, part] = offset


class MemorySource:
    """One consumer of a group that it has to itself; a new one begins where the last commit stands."""

    def __init__(self, kafka: MemoryKafka, topics: Sequence[str], group: str, batch_records: int = 64) -> None:
        self._kafka = kafka
        self._topics = topics
        self._group = group
        self._batch = batch_records
        self._next: dict[tuple[str, int], int] = {}
        self.idled = 0
        self._resting: set[tuple[str, int]] = set()

    @property
    def ended(self) -> bool:
        """A topic never ends."""
        return False

    def poll(self) -> Sequence[Record]:
        """What is there, up to a batch."""
        found: list[Record] = []
        resting, self._resting = self._resting, set()
        for topic in [name for pattern in self._topics for name in self._kafka.topics(pattern)]:
            for part in [part for part in range(self._kafka.partitions) if (topic, part) not in resting]:
                start = self._next.get((topic, part), self._kafka.committed(self._group, topic, part))
                records = self._kafka.log(topic, part)[start : start + self._batch - len(found)]
                self._next[topic, part] = start + len(records)
                found += records
        return found

    def commit(self) -> None:
        """Everything polled is done."""
        for (topic, part), offset in self._next.items():
            self._kafka.commit(self._group, topic, part, offset)

    def hold(self, records: Sequence[Record]) -> None:
        """Each partition rests for one poll: time does not pass by itself here."""
        self._next |= first_held(records)
        self._resting |= first_held(records).keys()

    def idle(self) -> None:
        """Counts, so that tests see it was called."""
        self.idled += 1

    def close(self) -> None:
        """Commits nothing."""


class MemorySink:
    """Writes to the twin; refuses what a broker would refuse."""

    def __init__(self, kafka: MemoryKafka, max_bytes: int = MAX_RECORD_BYTES) -> None:
        self._kafka = kafka
        self._max_bytes = max_bytes

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        """Returns when all are in the log."""
        for message in messages:
            if len(message.value) > self._max_bytes:
                raise Broken(
                    f"a record of {len(message.value)} bytes for {message.topic}; at most {self._max_bytes} fit"
                )
            self._kafka.append(message)
        idle()

    def close(self) -> None:
        """Nothing is held."""


class MemoryDeadLetters:
    """Dead letters in the twin, with the same limit."""

    def __init__(self, kafka: MemoryKafka, limit: DeadLetterLimit | None = None, service: str = "test") -> None:
        self._sink = MemorySink(kafka, BY_NAME[DEAD_LETTERS].max_message_bytes)
        self._limit = Limit(limit or DeadLetterLimit())
        self._service = service

    def judge(self, polled: int, rejected: Sequence[Rejected]) -> None:
        """Raises Broken past the limit."""
        self._limit.judge(polled, rejected)

    def send(self, rejected: Sequence[Rejected], idle: Idle) -> None:
        """Returns when all are in the log."""
        self._sink.send([dead_letter(each, DEAD_LETTERS, self._service, "0") for each in rejected], idle)

    def close(self) -> None:
        """Nothing is held."""
