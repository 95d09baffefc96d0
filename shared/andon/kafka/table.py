"""Reading a whole topic, outside any group: a compacted topic as a table, or a log to rebuild state from."""

import time
from collections.abc import Iterator, Mapping
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from andon.errors import Broken
from andon.kafka.clients import SMALL_FETCH_BYTES, consumer, consumer_config
from andon.kafka.faults import PASSING, patiently
from andon.kafka.reach import reach
from andon.kafka.source import _record
from andon.settings import KafkaSettings
from andon.stage import Record


class TopicReader:
    """Reads every partition of `topic` from the beginning; `read_to_end` once, then `changes` for what is new.

    It belongs to no group and commits nothing. `starts` begins some partitions elsewhere, `stops` bounds them.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        *,
        starts: Mapping[int, int] | None = None,
        stops: Mapping[int, int] | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._timeout_s = timeout_s
        config = consumer_config(kafka, f"{kafka.group_prefix}.reader", fetch_bytes=SMALL_FETCH_BYTES) | {
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",  # compaction may have removed the offset we stood at
            "group.protocol": "classic",
            "fetch.wait.max.ms": 500,  # news still comes at once; asking ten times less often spares the brokers
        }
        self._consumer = consumer(config)
        wanted = starts if starts is not None else dict.fromkeys(self._partitions(), OFFSET_BEGINNING)
        self._ends = self._find_ends(wanted, stops or {})
        self._wanted = dict(wanted)
        self._consumer.assign([TopicPartition(topic, part, offset) for part, offset in wanted.items()])

    def read_to_end(self) -> Iterator[Record]:
        """Every record up to where the topic ended when this reader began. Raises Broken when Kafka stops answering."""
        waiting = {part for part, (low, high) in self._ends.items() if high > low}
        last_heard = time.monotonic()
        while waiting:
            message = self._consumer.poll(0.2)
            error = message.error() if message is not None else None
            if message is None or (error is not None and error.code() in PASSING - {KafkaError._PARTITION_EOF}):
                if time.monotonic() - last_heard > self._timeout_s:
                    raise Broken(
                        f"topic {self._topic} was not read to its end within {self._timeout_s:.0f} s of silence"
                    )
                continue
            last_heard, part = time.monotonic(), message.partition() or 0
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise Broken(f"reading {self._topic}: {error.str()}")
                waiting.discard(part)
                continue
            record = _record(message)
            if record.offset < self._ends[part][1]:
                yield record
            if record.offset + 1 >= self._ends[part][1]:
                waiting.discard(part)

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        """What has come since, without waiting for more than `wait_s`."""
        found: list[Record] = []
        message = self._consumer.poll(wait_s)
        while message is not None:
            error = message.error()
            if error is None:
                found.append(_record(message))
            elif error.code() not in PASSING:
                raise Broken(f"reading {self._topic}: {error.str()}")
            message = self._consumer.poll(0)
        return found

    def widen(self) -> None:
        """Takes in partitions that were added since, from their beginning. One that cannot be asked for waits."""
        try:
            found = self._consumer.list_topics(self._topic, timeout=1).topics[self._topic].partitions or {}
        except KafkaException:
            return
        at = {part.partition: part.offset for part in self._consumer.position(self._consumer.assignment())}
        if set(found) - set(at):
            self._wanted |= {part: offset for part, offset in at.items() if offset >= 0}
            self._wanted |= dict.fromkeys(set(found) - set(at), OFFSET_BEGINNING)
            self._consumer.assign([TopicPartition(self._topic, part, start) for part, start in self._wanted.items()])

    def close(self) -> None:
        """Gives back the connection."""
        self._consumer.close()

    def _partitions(self) -> list[int]:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                found = self._consumer.list_topics(self._topic, timeout=10).topics[self._topic]
            except KafkaException:
                reach(self._kafka)  # raises what is wrong, unless it has passed
                continue
            if found.error is None and found.partitions:
                return list(found.partitions)
            if time.monotonic() > deadline:
                raise Broken(f"topic {self._topic} does not exist; create it with: andon topics create")
            time.sleep(0.5)

    def _find_ends(self, wanted: Mapping[int, int], stops: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        ends: dict[int, tuple[int, int]] = {}
        for part, start in wanted.items():
            low, high = patiently(partial(self._watermarks, part), f"reading {self._topic}", self._timeout_s)
            ends[part] = (max(low, start), min(high, stops.get(part, high)))
        return ends

    def _watermarks(self, part: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, part), timeout=10)
        return low, high
