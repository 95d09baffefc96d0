"""A stage's source over Kafka topics, as one member of a consumer group."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Literal

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from andon.errors import Broken
from andon.kafka.clients import FETCH_BYTES, consumer, consumer_config
from andon.kafka.faults import FORGET, PASSING, patiently
from andon.settings import KafkaSettings
from andon.stage import Headers, Record, first_held

CARRY_RECORDS = 8
"""A pause throws away what was fetched ahead: pausing at once made a busy line fetch four times what it read."""

HOLD_S = 0.1
"""How long a partition rests whose next record cannot be handled yet."""

NAMELESS = ("ce_unreadable-header-names", b"\xff")
"""Anybody can write a header whose name is not text. This one is refused by whoever reads it, as a bad header."""

Place = tuple[str, int]


@dataclass(frozen=True)
class Subscription:
    """What to read, as whom, and where to begin where the group has never been."""

    topics: tuple[str, ...]  # names, or patterns that begin with '^'
    group: str
    first_start: Literal["earliest", "latest"] = "earliest"
    max_poll_interval_s: float = 60.0
    fetch_bytes: int = FETCH_BYTES  # SMALL_FETCH_BYTES for topics of compressed JSON


class KafkaSource:
    """Reads batches, commits what is done, keeps its place while the stage waits.

    `joined` says whether the group has given it a place, were it an empty one. `on_assign` and `on_revoke`, where
    given, are told which (topic, partition)s came and went.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        subscription: Subscription,
        *,
        poll_s: float = 0.2,
        on_assign: Callable[[list[Place]], None] | None = None,
        on_revoke: Callable[[list[Place]], None] | None = None,
        on_refused: Callable[[], None] | None = None,
    ) -> None:
        self._kafka = kafka
        self._subscription = subscription
        self._poll_s = poll_s
        self._told_assign = on_assign
        self._told_revoke = on_revoke
        self._told_refused = on_refused
        self._done: dict[Place, int] = {}
        self._carried: list[Record] = []
        self._paused: list[TopicPartition] = []
        self._held: dict[Place, float] = {}  # until when it rests
        self._read_ms: dict[Place, int] = {}  # when what was read last was written
        self._idling = False
        self._closing = False
        self.joined = False
        self._consumer = consumer(
            consumer_config(kafka, subscription.group, subscription.max_poll_interval_s, subscription.fetch_bytes)
        )
        self._consumer.subscribe(
            list(subscription.topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    @property
    def ended(self) -> bool:
        """A topic never ends."""
        return False

    @property
    def assignment(self) -> list[Place]:
        """The (topic, partition)s that are ours now."""
        return [(part.topic, part.partition) for part in self._consumer.assignment()]

    def lag(self) -> dict[Place, int]:
        """Records between us and the end, by place, from what the client already knows."""
        lags: dict[Place, int] = {}
        for part in self._consumer.position(self._consumer.assignment()):
            _, high = self._consumer.get_watermark_offsets(part, cached=True)
            if part.offset >= 0 and high >= 0:
                lags[part.topic, part.partition] = max(0, high - part.offset)
        return lags

    def read_at(self, place: Place) -> float | None:
        """When the last record that was read there was written, in seconds since 1970, by its producer's clock."""
        stamp = self._read_ms.get(place)
        return None if stamp is None else stamp / 1000

    def caught_up(self, within: int = 0, timeout_s: float = 1.0) -> bool:
        """Whether Kafka answers and no partition of ours is more than `within` records from its end.

        Asks the brokers, one call a partition: for those who act on what does *not* come. False without an assignment.
        """
        parts = self._consumer.position(self._consumer.assignment())
        try:
            return bool(parts) and all(self._behind(part, timeout_s) <= within for part in parts)
        except KafkaException:
            return False

    def poll(self) -> Sequence[Record]:
        """Waits for one record, then takes what is there: `consume` alone would wait its whole time for a batch."""
        self._resume()
        batch, self._carried = self._carried, []
        if not batch:
            batch = self._take(self._consumer.poll(self._wait_s()))
        size = sum(len(record.value) for record in batch)
        while batch and (room := self._kafka.batch_records - len(batch)) > 0 and size < self._kafka.batch_bytes:
            more = [record for message in self._consumer.consume(min(room, 8), 0) for record in self._take(message)]
            if not more:
                break
            batch += more
            size += sum(len(record.value) for record in more)
        for record in batch:
            self._done[record.topic, record.partition] = record.offset + 1
            self._read_ms[record.topic, record.partition] = record.timestamp_ms
        return batch

    def commit(self) -> None:
        """Synchronous. What a rebalance refuses is forgotten; a passing fault is tried again, as long as a delivery."""
        done, self._done = self._done, {}
        if not done:
            return
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in done.items()]
        what = f"cannot commit offsets of group {self._subscription.group}"
        patiently(lambda: self._commit(offsets), what, self._kafka.delivery_timeout_s)

    def hold(self, records: Sequence[Record]) -> None:
        """Pauses before it seeks: a pause makes the client forget where it was sent."""
        ours = {place: offset for place, offset in first_held(records).items() if place in self._done}
        if not ours:
            return
        self._carried = [each for each in self._carried if (each.topic, each.partition) not in ours]
        self._paused = [part for part in self._paused if (part.topic, part.partition) not in ours]
        self._consumer.pause([TopicPartition(*place) for place in ours])
        for each in records:
            place = each.topic, each.partition
            self._read_ms[place] = min(each.timestamp_ms, self._read_ms.get(place, each.timestamp_ms))
        until = time.monotonic() + HOLD_S
        for place, offset in ours.items():
            self._consumer.seek(TopicPartition(*place, offset))
            self._done[place] = offset
            self._held[place] = until

    def idle(self) -> None:
        """Polls, so that the group keeps us; what comes is carried to the next turn. When that is enough, it pauses."""
        if len(self._carried) >= CARRY_RECORDS:
            self._idling = True
            self._pause(self._consumer.assignment())
        self._carried += self._take(self._consumer.poll(0))

    def close(self) -> None:
        """Leaves the group at once, so that nobody waits for our session to time out."""
        self._closing = True
        self._consumer.close()

    def _wait_s(self) -> float:
        """How long to wait for a record: a held one has not to wait for one that never comes."""
        return max(0.0, min([self._poll_s, *(until - time.monotonic() for until in self._held.values())]))

    def _take(self, message: Message | None) -> list[Record]:
        if message is None:
            return []
        error = message.error()
        if error is None:
            return [_record(message)]
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise Broken(self._lost_offset(error))
        if error.fatal() or error.code() not in PASSING:
            raise Broken(f"reading {', '.join(self._subscription.topics)}: {error.str()}")
        structlog.get_logger().debug("kafka_passing", error=error.str())
        return []

    def _commit(self, offsets: list[TopicPartition]) -> None:
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as failure:
            if failure.args[0].code() not in FORGET:
                raise
            self._refused(failure.args[0])

    def _behind(self, part: TopicPartition, timeout_s: float) -> int:
        low, high = self._consumer.get_watermark_offsets(part, timeout=timeout_s)
        if part.offset < 0:  # nothing was read yet
            (part,) = self._consumer.committed([part], timeout=timeout_s)
        first = low if self._subscription.first_start == "earliest" else high
        return int(high - (part.offset if part.offset >= 0 else first))

    def _lost_offset(self, error: KafkaError) -> str:
        return (
            f"Kafka no longer holds the place where group {self._subscription.group} left off: records were deleted "
            f"unread ({error.str()}). To accept the loss, move the group on: kafka-consumer-groups.sh "
            f"--group {self._subscription.group} --reset-offsets --to-earliest --all-topics --execute"
        )

    def _assigned(self, client: Consumer, parts: list[TopicPartition]) -> None:
        if self._closing:  # the group gave us a place while we left: a client that closes answers no question about it
            return
        for part in patiently(lambda: client.committed(parts, timeout=10), "reading offsets") if parts else []:
            if part.error is not None:
                raise KafkaException(part.error)
            if part.offset < 0:
                part.offset = OFFSET_BEGINNING if self._subscription.first_start == "earliest" else OFFSET_END
            _place_in(parts, part)
        if self._kafka.group_protocol == "consumer":
            client.incremental_assign(parts)
        else:
            client.assign(parts)
        self.joined = True
        if self._idling:
            self._pause(parts)
        elif parts:
            client.resume(parts)  # the client remembers that they were paused when we last lost them
        if self._told_assign:
            self._told_assign(_places(parts))

    def _revoked(self, client: Consumer, parts: list[TopicPartition]) -> None:
        self._lost(client, parts)

    def _lost(self, _client: Consumer, parts: list[TopicPartition]) -> None:
        gone = set(_places(parts))
        self._done = {place: offset for place, offset in self._done.items() if place not in gone}
        self._carried = [record for record in self._carried if (record.topic, record.partition) not in gone]
        self._paused = [part for part in self._paused if (part.topic, part.partition) not in gone]
        self._held = {place: until for place, until in self._held.items() if place not in gone}
        self._read_ms = {place: stamp for place, stamp in self._read_ms.items() if place not in gone}
        if self._told_revoke:
            self._told_revoke(sorted(gone))

    def _pause(self, parts: list[TopicPartition]) -> None:
        already = {*_places(self._paused), *self._held}
        fresh = [part for part in parts if (part.topic, part.partition) not in already]
        if fresh:
            self._consumer.pause(fresh)
            self._paused += fresh

    def _resume(self) -> None:
        self._idling = False
        now = time.monotonic()
        rested = [place for place, until in self._held.items() if until <= now]
        for place in rested:
            del self._held[place]
        waiting, self._paused = [*self._paused, *(TopicPartition(*place) for place in rested)], []
        if waiting:
            ours = set(self.assignment)
            mine = [part for part in waiting if (part.topic, part.partition) in ours]
            if mine:
                self._consumer.resume(mine)

    def _refused(self, error: KafkaError) -> None:
        structlog.get_logger().info("commit_refused", group=self._subscription.group, error=error.str())
        if self._told_refused:
            self._told_refused()


_ask_headers = methodcaller("headers")


def _record(message: Message) -> Record:
    key = message.key()
    _, stamp = message.timestamp()
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=key.encode() if isinstance(key, str) else key,
        value=message.value() or b"",
        headers=_headers(message),
        timestamp_ms=stamp,
    )


def _headers(message: Message) -> Headers:
    """As they came; where a name is not UTF-8 the client cannot hand out any, and `NAMELESS` stands for them all.

    The client then answers with an error still pending. A plain call sees it only until the interpreter has made the
    call quicker, and lets it go off elsewhere; `methodcaller` always looks.
    """
    try:
        return tuple(_ask_headers(message) or ())
    except (SystemError, UnicodeDecodeError):
        return (NAMELESS,)


def _places(parts: Sequence[TopicPartition]) -> list[Place]:
    return [(part.topic, part.partition) for part in parts]


def _place_in(parts: list[TopicPartition], found: TopicPartition) -> None:
    for part in parts:
        if (part.topic, part.partition) == (found.topic, found.partition):
            part.offset = found.offset
