"""Writing records again over Kafka: each to the partition it came from, and where it lies now."""

import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as Delivery

from andon.errors import Broken
from andon.kafka.clients import producer
from andon.letters.again import Again
from andon.records.score import FramePlace
from andon.settings import KafkaSettings

REFUSED = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}
"""What a broker says of a record that it will never take; it says it of all that travelled beside it, too."""


class Writer:
    """One producer, for one thread."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer = producer(kafka)
        self._timeout_s = kafka.delivery_timeout_s + 5

    def write(self, records: Sequence[Again]) -> list[FramePlace | str]:
        """Where each lies, once all are acknowledged, or why its broker will not have it.

        Raises Broken where Kafka does not answer: some may have been written all the same.
        """
        found = self._tried(records)
        alone = len(records) > 1
        return [
            self._tried([each])[0] if alone and isinstance(of, str) else of
            for each, of in zip(records, found, strict=True)
        ]

    def close(self) -> None:
        """Nothing is in flight after `write`; what a failed one left is dropped."""
        self._producer.purge()
        self._producer.flush(1)

    def _tried(self, records: Sequence[Again]) -> list[FramePlace | str]:
        deadline = time.monotonic() + self._timeout_s
        slots = [_Slot() for _ in records]
        for record, slot in zip(records, slots, strict=True):
            self._produce(record, slot, deadline)
        while self._producer.flush(0.25):
            if time.monotonic() > deadline:
                raise Broken(f"{len(self._producer)} records undelivered after {self._timeout_s:.0f} s")
        return [slot.outcome for slot in slots]

    def _produce(self, record: Again, slot: "_Slot", deadline: float) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    value=record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                    on_delivery=slot.delivered,
                )
            except BufferError:  # the queue is full: wait for the brokers, not for ever
                if time.monotonic() > deadline:
                    raise Broken("the producer's queue stayed full") from None
                self._producer.poll(0.25)
            except KafkaException as failure:
                slot.failed(failure.args[0])
                return
            else:
                return


class _Slot:
    """Where one record went, or why it did not."""

    def __init__(self) -> None:
        self._place: FramePlace | None = None
        self._error: KafkaError | None = None

    def delivered(self, error: KafkaError | None, delivery: Delivery) -> None:
        """What the broker says."""
        if error is not None:
            self.failed(error)
            return
        self._place = FramePlace(
            topic=delivery.topic() or "", partition=delivery.partition() or 0, offset=delivery.offset() or 0
        )

    def failed(self, error: KafkaError) -> None:
        """Why it did not."""
        self._error = error

    @property
    def outcome(self) -> FramePlace | str:
        """Raises Broken where nobody knows, or it may go another time."""
        if self._place is not None:
            return self._place
        if self._error is not None and self._error.code() in REFUSED:
            return f"Kafka will not have it: {self._error.str()}"
        raise Broken(f"a record was not delivered: {self._error.str() if self._error else 'nobody said that it was'}")
