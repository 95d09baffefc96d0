"""A stage's sink over Kafka topics: returns when the brokers have acknowledged every message."""

import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivery

from andon.errors import Broken
from andon.kafka.clients import producer
from andon.settings import KafkaSettings
from andon.stage import Idle, Message
from andon.topics import MAX_RECORD_BYTES

NOWHERE = (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART)


class KafkaSink:
    """Produces a turn's messages and waits for their delivery reports; checked, never assumed.

    A message larger than `max_bytes` is refused before it is produced: one oversize record makes the broker
    refuse the whole batch it travels in.
    """

    def __init__(self, kafka: KafkaSettings, *, compression: str = "none", max_bytes: int = MAX_RECORD_BYTES) -> None:
        self._producer: Producer = producer(kafka, compression)
        self._timeout_s = kafka.delivery_timeout_s + 5
        self._max_bytes = max_bytes
        self._failed: list[str] = []

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        """Returns when all are acknowledged. Raises Broken when one cannot be delivered in time."""
        self._failed = []
        deadline = time.monotonic() + self._timeout_s
        next_idle = time.monotonic() + 0.5
        for message in messages:
            self._produce(message, deadline, idle)
        while self._producer.flush(0.25):
            if time.monotonic() > deadline:
                raise Broken(f"{len(self._producer)} messages undelivered after {self._timeout_s:.0f} s")
            if time.monotonic() > next_idle:
                idle()
                next_idle = time.monotonic() + 0.5
        if self._failed:
            raise Broken(f"{len(self._failed)} of {len(messages)} messages not delivered: {self._failed[0]}")

    def close(self) -> None:
        """Nothing is in flight after `send`; what a failed one left is dropped, since it is not committed."""
        self._producer.purge()
        self._producer.flush(1)

    def _produce(self, message: Message, deadline: float, idle: Idle) -> None:
        headers = sum(len(name) + len(value or b"") for name, value in message.headers)  # a foreign one may be null
        size = len(message.value) + len(message.key or b"") + headers
        if size > self._max_bytes:
            raise Broken(f"a record of {size} bytes for {message.topic}; at most {self._max_bytes} fit")
        while True:
            try:
                self._producer.produce(
                    message.topic,
                    value=message.value or (b"" if message.headers else None),  # nothing at all is a tombstone
                    key=message.key,
                    headers=list(message.headers),
                    on_delivery=self._delivered,
                )
            except BufferError:  # the queue is full: wait for the brokers, not for ever
                if time.monotonic() > deadline:
                    raise Broken("the producer's queue stayed full") from None
                self._producer.poll(0.25)
                idle()
            except KafkaException as failure:
                raise Broken(f"cannot produce to {message.topic}: {failure.args[0].str()}") from None
            else:
                return

    def _delivered(self, error: KafkaError | None, delivery: Delivery) -> None:
        if error is not None:
            hint = "; create it with: andon topics create" if error.code() in NOWHERE else ""
            self._failed.append(f"{delivery.topic()}: {error.str()}{hint}")
