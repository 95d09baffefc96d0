"""One record at a time, by where it lies: so that a picture costs one image and not a topic."""

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, TopicPartition

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
    """Reads single records. It belongs to no group and commits nothing."""

    def __init__(self, kafka: KafkaSettings, clock: Callable[[], float] = time.monotonic) -> None:
        config = consumer_config(kafka, f"{kafka.group_prefix}.reader", fetch_bytes=SMALL_FETCH_BYTES)
        wanted = {"auto.offset.reset": "error", "group.protocol": "classic", "enable.partition.eof": True}
        self._client: Consumer = consumer(config | wanted)
        self._topics = set(reach(kafka).topics)
        self._clock = clock

    def __call__(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record there; None where Kafka does not hold it any more. Raises Broken when Kafka does not answer."""
        if topic not in self._topics:
            return None
        place = TopicPartition(topic, partition, offset)
        low, high = patiently(partial(self._client.get_watermark_offsets, place, timeout=10), f"reading {topic}")
        if not low <= offset < high:
            return None
        self._client.assign([place])
        deadline = self._clock() + ANSWER_S
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
        raise Broken(f"{topic}[{partition}]@{offset} did not come within {ANSWER_S:.0f} s")

    def close(self) -> None:
        """Gives back the connection."""
        self._client.close()


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
