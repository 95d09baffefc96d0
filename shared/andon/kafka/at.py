"""One record at a time, by where it lies: so that a picture costs one image and not a topic."""

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import ClusterMetadata  # type: ignore[attr-defined]

from andon.errors import Broken, Invalid
from andon.ids import sha256_hex
from andon.kafka.clients import SMALL_FETCH_BYTES, consumer, consumer_config
from andon.kafka.faults import PASSING, patiently
from andon.kafka.reach import reach
from andon.kafka.source import _record
from andon.reasons import Reason
from andon.records.frame import Frame, read_frame
from andon.settings import KafkaSettings
from andon.stage import Record

ANSWER_S = 30.0


class Blobs(Protocol):
    """What keeps large images; `andon.store.BlobStore` is one."""

    def get(self, dataref: str) -> bytes:
        """The bytes behind `dataref`, proven. Raises Invalid for one that is false, Broken when the store fails."""


class RecordsAt:
    """Reads single records, one after another. It belongs to no group and commits nothing. `answer_s` is how long
    Kafka may take for each."""

    def __init__(
        self, kafka: KafkaSettings, clock: Callable[[], float] = time.monotonic, answer_s: float = ANSWER_S
    ) -> None:
        config = consumer_config(kafka, f"{kafka.group_prefix}.reader", fetch_bytes=SMALL_FETCH_BYTES)
        wanted = {
            "auto.offset.reset": "error",
            "group.protocol": "classic",
            "enable.partition.eof": True,
            "queued.min.messages": 1,  # one is wanted, none of those behind it
        }
        self._client: Consumer = consumer(config | wanted)
        self._clock = clock
        self._answer_s = answer_s
        self._parts = _parts(reach(kafka, answer_s))

    def __call__(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record there; None where Kafka does not hold it any more. Raises Broken when Kafka does not answer."""
        ends = self.ends(topic, partition)
        return self._read(topic, partition, offset) if ends and ends[0] <= offset < ends[1] else None

    def oldest(self, topic: str, partition: int) -> Record | None:
        """The oldest record that Kafka still holds there; None for an empty place. Raises Broken."""
        ends = self.ends(topic, partition)
        return self._read(topic, partition, ends[0]) if ends and ends[0] < ends[1] else None

    def close(self) -> None:
        """Gives back the connection."""
        self._client.close()

    def ends(self, topic: str, partition: int) -> tuple[int, int] | None:
        """Where the partition begins and ends; None where there is none such. Raises Broken."""
        if (topic, partition) not in self._parts:
            self._parts = _parts(patiently(self._listed, "listing topics", self._answer_s))
        if (topic, partition) not in self._parts:
            return None
        ask = partial(
            self._client.get_watermark_offsets, TopicPartition(topic, partition), timeout=min(10, self._answer_s)
        )
        low, high = patiently(ask, f"reading {topic}", self._answer_s)
        return low, high

    def _listed(self) -> ClusterMetadata:
        found: ClusterMetadata = self._client.list_topics(timeout=min(10, self._answer_s))
        return found

    def _read(self, topic: str, partition: int, offset: int) -> Record | None:
        self._client.assign([TopicPartition(topic, partition, offset)])
        try:
            return self._wait_for(topic, partition, offset)
        finally:
            self._client.unassign()

    def _wait_for(self, topic: str, partition: int, offset: int) -> Record | None:
        deadline = self._clock() + self._answer_s
        while self._clock() < deadline:
            message = self._client.poll(0.5)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return _record(message) if message.offset() == offset else None
            if error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET):
                return None
            if error.code() not in PASSING:
                raise Broken(f"reading {topic}: {error.str()}")
        raise Broken(f"{topic}[{partition}]@{offset} did not come within {self._answer_s:.0f} s")


def _parts(cluster: ClusterMetadata) -> set[tuple[str, int]]:
    return {(name, part) for name, topic in cluster.topics.items() for part in topic.partitions}


At = Callable[[str, int, int], Record | None]


def frame_at(at: At, store: Blobs, place: tuple[str, int, int]) -> tuple[Frame, bytes]:
    """The frame that lies at `place`, with its bytes, those of a claim check too; not yet held against its checksum.

    Raises Invalid(MISSING_DATA) where Kafka or the store holds it no more, else as `read_frame`; Broken.
    """
    record = at(*place)
    if record is None:
        topic, partition, offset = place
        raise Invalid(Reason.MISSING_DATA, f"Kafka no longer holds {topic}[{partition}]@{offset}")
    frame = read_frame(record)
    return frame, image_of(record, frame, store)


def image_of(record: Record, frame: Frame, store: Blobs) -> bytes:
    """The encoded image, from the record or by its claim check. Raises Invalid, Broken."""
    if record.value or frame.dataref is None:
        return record.value
    return store.get(frame.dataref)


def checksum_told(frame: Frame, image: bytes) -> str:
    """Whether the bytes are those their maker counted, in words."""
    found = sha256_hex(image)
    if frame.sha256 is None:
        return f"its maker gave no checksum; sha256 {found[:12]} now"
    same = "are" if found == frame.sha256.lower() else "are NOT"
    return f"the bytes {same} those its maker counted (sha256 {frame.sha256[:12]})"
