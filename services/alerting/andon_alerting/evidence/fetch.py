"""Many single records by where they lie: partition by partition in order, so that a burst costs one pass.

Belongs to no group and commits nothing.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from andon.errors import Broken, Invalid
from andon.kafka.clients import SMALL_FETCH_BYTES, consumer, consumer_config
from andon.kafka.faults import PASSING, patiently
from andon.kafka.source import Place, _record
from andon.records import FramePlace
from andon.records.frame import written_at
from andon.settings import KafkaSettings
from andon.stage import Record

SILENCE_S = 30.0
READ_OVER = 8
"""A record so few places ahead is read up to; one further away is sought, which throws away what was fetched ahead."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing lies there (any more). `since`: when the oldest record that Kafka still holds there was written, if it
    holds one; `topic` False: there is no such topic or partition."""

    since: datetime | None = None
    topic: bool = True


Found = Record | Gone
Wanted = dict[Place, deque[int]]


class RecordsAt:
    """Reads single records of any topic. `idle` is called while it waits."""

    def __init__(self, kafka: KafkaSettings, idle: Callable[[], None] = lambda: None) -> None:
        config = consumer_config(kafka, f"{kafka.group_prefix}.reader", fetch_bytes=SMALL_FETCH_BYTES)
        own = {
            "auto.offset.reset": "error",
            "group.protocol": "classic",
            "enable.partition.eof": True,
            "queued.min.messages": 1,  # little lies beside what is wanted that is wanted, too
        }
        self._client: Consumer = consumer(config | own)
        self._idle = idle

    def __call__(self, places: Collection[FramePlace]) -> Iterator[tuple[FramePlace, Found]]:
        """What lies at each of `places`, in no promised order. Raises Broken when Kafka does not answer."""
        wanted: Wanted = {}
        gone: dict[Place, list[int]] = {}
        for part, offsets in self._by_partition(places).items():
            ends = self._ends(part)
            if ends is None:
                yield from ((_at(part, each), Gone(topic=False)) for each in offsets)
                continue
            there = deque(each for each in offsets if ends[0] <= each < ends[1])
            if there:
                wanted[part] = there
            gone[part] = [each for each in offsets if not ends[0] <= each < ends[1]]
        yield from self._read(wanted)
        for part, offsets in gone.items():
            since = self.written_at({part: None}).get(part) if offsets else None
            yield from ((_at(part, each), Gone(since)) for each in offsets)

    def written_at(self, places: dict[Place, int | None]) -> dict[Place, datetime]:
        """When the record at an offset of each place was written; None is the oldest that Kafka holds. Left out where
        nothing lies."""
        wanted: Wanted = {}
        for part, offset in places.items():
            ends = self._ends(part)
            if ends is not None and ends[0] < ends[1]:
                wanted[part] = deque([ends[0] if offset is None else max(offset, ends[0])])
        found: dict[Place, datetime] = {}
        for place, record in self._read(wanted, nearest=True):
            with suppress(Invalid):  # a time that no calendar has: it never comes
                if isinstance(record, Record):
                    found[place.topic, place.partition] = written_at(record)
        return found

    def close(self) -> None:
        """Gives back the connection."""
        self._client.close()

    def _by_partition(self, places: Collection[FramePlace]) -> dict[Place, list[int]]:
        found: dict[Place, set[int]] = {}
        for each in places:
            found.setdefault((each.topic, each.partition), set()).add(each.offset)
        return {part: sorted(offsets) for part, offsets in sorted(found.items())}

    def _ends(self, part: Place) -> tuple[int, int] | None:
        topic, number = part
        ask = partial(self._client.list_topics, topic, timeout=10)
        known = patiently(ask, f"looking up {topic}").topics.get(topic)
        if known is None or known.error is not None or number not in known.partitions:
            return None
        place = TopicPartition(topic, number)
        low, high = patiently(partial(self._client.get_watermark_offsets, place, timeout=10), f"reading {topic}")
        return int(low), int(high)

    def _read(self, wanted: Wanted, nearest: bool = False) -> Iterator[tuple[FramePlace, Found]]:
        if not wanted:
            return
        self._client.assign([TopicPartition(*part, offsets[0]) for part, offsets in wanted.items()])
        try:
            heard = time.monotonic()
            while wanted:
                self._idle()
                message = self._client.poll(0.5)
                if message is not None:
                    heard = time.monotonic()
                    yield from self._took(wanted, message, nearest)
                elif time.monotonic() - heard > SILENCE_S:
                    raise Broken(f"{', '.join(f'{t}[{p}]' for t, p in wanted)} gave no record for {SILENCE_S:.0f} s")
        finally:
            self._client.unassign()

    def _took(self, wanted: Wanted, message: Message, nearest: bool) -> Iterator[tuple[FramePlace, Found]]:
        part = (message.topic() or "", message.partition() or 0)
        error, offsets = message.error(), wanted.get(part, deque())
        if error is not None and error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET):
            yield from self._none(part, offsets, None)
        elif error is not None:
            if error.code() not in PASSING:
                raise Broken(f"reading {part[0]}: {error.str()}")
            return
        else:
            at = message.offset() or 0
            if not nearest:
                yield from self._none(part, offsets, at)
            if offsets and offsets[0] <= at:
                yield _at(part, offsets.popleft()), _record(message)
            self._go_on(part, offsets, at)
        if not offsets and wanted.pop(part, None) is not None:
            self._client.incremental_unassign([TopicPartition(*part)])

    def _none(self, part: Place, offsets: deque[int], before: int | None) -> Iterator[tuple[FramePlace, Found]]:
        """Those of `offsets` that were passed over: deleted meanwhile, or never a record (a transaction's mark)."""
        while offsets and (before is None or offsets[0] < before):
            yield _at(part, offsets.popleft()), Gone()

    def _go_on(self, part: Place, offsets: deque[int], at: int) -> None:
        if offsets and offsets[0] > at + READ_OVER:
            with suppress(KafkaException):  # then it is read up to
                self._client.seek(TopicPartition(*part, offsets[0]))


def _at(part: Place, offset: int) -> FramePlace:
    return FramePlace(topic=part[0], partition=part[1], offset=offset)
