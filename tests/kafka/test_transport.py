"""One conformance suite for the transports: what a stage may rely on, over the twin and over real Kafka."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from andon.errors import Broken
from andon.kafka import KafkaDeadLetters, KafkaSink, KafkaSource
from andon.kafka.admin import create_topics
from andon.kafka.source import Subscription
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.reasons import Reason
from andon.settings import DeadLetterLimit, KafkaSettings
from andon.stage import Message, Record, Rejected, Sink, Source
from andon.topics import ALL, DEAD_LETTERS, MAX_RECORD_BYTES, Topic


@dataclass
class Transport:
    """A topic of its own, and makers of sources and sinks over it."""

    topic: str
    source: Callable[..., Source]
    sink: Callable[[], Sink]
    letters: Callable[[], Any]
    open: list[Source] = field(default_factory=list)

    def reader(self, *topics: str, group: str = "group", batch: int = 64) -> Source:
        source = self.source(topics or (self.topic,), group, batch)
        self.open.append(source)
        return source

    def write(self, *values: bytes, key: bytes = b"station-1") -> None:
        self.sink().send([Message(self.topic, key, value, (("ce_part", b"7"),)) for value in values], lambda: None)


def memory_transport() -> Transport:
    kafka = MemoryKafka()
    return Transport(
        f"t-{uuid4().hex[:8]}",
        lambda topics, group, batch: MemorySource(kafka, topics, group, batch),
        lambda: MemorySink(kafka),
        lambda: MemoryDeadLetters(kafka),
    )


def kafka_transport(settings: KafkaSettings) -> Transport:
    name = f"t-{uuid4().hex[:8]}"
    create_topics(settings, [Topic(name, "station", "test", 3_600_000, max_message_bytes=MAX_RECORD_BYTES)], 3, 1)
    create_topics(settings, [topic for topic in ALL if topic.name == DEAD_LETTERS], 1, 1)
    return Transport(
        name,
        lambda topics, group, batch: KafkaSource(
            settings.model_copy(update={"batch_records": batch}), Subscription(tuple(topics), f"{name}.{group}")
        ),
        lambda: KafkaSink(settings),
        lambda: KafkaDeadLetters(settings, DeadLetterLimit(), "test", "0"),
    )


@pytest.fixture(
    params=[
        "memory",
        pytest.param("classic", marks=pytest.mark.servers),
        pytest.param("consumer", marks=pytest.mark.servers),  # KIP-848
    ]
)
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    if request.param == "memory":
        made = memory_transport()
    else:
        settings: KafkaSettings = request.getfixturevalue("kafka")
        made = kafka_transport(settings.model_copy(update={"group_protocol": request.param}))
    yield made
    for source in made.open:
        source.close()


def take(source: Source, count: int, within_s: float = 20.0) -> list[Record]:
    """Polls until `count` records came."""
    found: list[Record] = []
    deadline = time.monotonic() + within_s
    while len(found) < count and time.monotonic() < deadline:
        found += source.poll()
    return found


def test_records_come_in_order_with_key_value_headers_place_and_time(transport: Transport) -> None:
    transport.write(b"a", b"b", b"c")
    found = take(transport.reader(), 3)
    assert [record.value for record in found] == [b"a", b"b", b"c"]
    assert {record.key for record in found} == {b"station-1"}
    assert found[0].header("ce_part") == b"7"
    assert [record.offset for record in found] == [0, 1, 2]
    assert len({record.partition for record in found}) == 1


def test_an_empty_poll_returns_soon_and_means_nothing_in_time(transport: Transport) -> None:
    source = transport.reader()
    take(source, 1, within_s=3)
    started = time.monotonic()
    assert list(source.poll()) == []
    assert time.monotonic() - started < 1
    assert not source.ended


def test_a_batch_holds_no_more_than_asked_for(transport: Transport) -> None:
    transport.write(*[b"x"] * 20)
    source = transport.reader(batch=8)
    sizes = []
    while sum(sizes) < 20:
        sizes.append(len(source.poll()))
    assert max(sizes) <= 8


def test_what_is_committed_is_not_seen_again_and_what_is_not_is(transport: Transport) -> None:
    transport.write(b"a", b"b", b"c")
    first = transport.reader(batch=2)
    take(first, 2)
    first.commit()
    take(first, 1)
    first.close()
    transport.open.remove(first)
    assert [record.value for record in take(transport.reader(), 1)] == [b"c"]


def test_each_group_reads_everything_from_the_beginning(transport: Transport) -> None:
    transport.write(b"a")
    assert [record.value for record in take(transport.reader(group="one"), 1)] == [b"a"]
    assert [record.value for record in take(transport.reader(group="two"), 1)] == [b"a"]


def test_a_pattern_reads_every_topic_that_matches(transport: Transport) -> None:
    transport.write(b"a")
    found = take(transport.reader(f"^{transport.topic[:-1]}.$"), 1)
    assert [record.value for record in found] == [b"a"]


def test_nothing_is_taken_while_idle_and_nothing_is_lost_by_it(transport: Transport) -> None:
    transport.write(*[bytes([n]) for n in range(50)])
    source = transport.reader(batch=5)
    found = take(source, 5)
    for _ in range(10):
        source.idle()
        time.sleep(0.02)
    found += take(source, 50 - len(found))
    assert [record.value for record in found] == [bytes([n]) for n in range(50)]


def test_what_is_held_comes_again_with_all_that_follows_it_in_its_partition(transport: Transport) -> None:
    values = [bytes([n]) for n in range(10)]
    transport.write(*values)
    source = transport.reader(batch=5)
    found = take(source, 5)
    source.hold(found[2:3])
    source.commit()
    again = take(source, 8)
    assert [record.value for record in found[:2] + again] == values


def test_what_is_held_is_held_as_often_as_it_takes_and_then_flows(transport: Transport) -> None:
    values = [bytes([n]) for n in range(20)]
    transport.write(*values)
    source = transport.reader(batch=5)
    for _ in range(4):
        found = take(source, 5)
        assert [record.value for record in found] == values[: len(found)]
        source.hold(found[:1])
        source.idle()
        source.commit()
    assert [record.value for record in take(source, 20)] == values


def test_nothing_at_or_past_a_held_record_is_committed(transport: Transport) -> None:
    transport.write(b"a", b"b", b"c", b"d")
    first = transport.reader()
    found = take(first, 4)
    first.hold([found[2], found[1]])  # the earliest counts
    first.commit()
    first.close()
    transport.open.remove(first)
    assert [record.value for record in take(transport.reader(), 3)] == [b"b", b"c", b"d"]


def test_other_partitions_flow_while_one_is_held(transport: Transport) -> None:
    for number in range(12):
        transport.write(b"a", b"b", b"c", key=f"station-{number}".encode())
    everything = take(transport.reader(group="all"), 36)
    waiting = everything[0].partition
    elsewhere = sum(record.partition != waiting for record in everything)
    source = transport.reader(batch=8)
    flown, deadline = 0, time.monotonic() + 20
    while flown < elsewhere and time.monotonic() < deadline:
        batch = source.poll()
        held = [record for record in batch if record.partition == waiting]
        flown += len(batch) - len(held)
        source.hold(held[:1])
        source.commit()
    assert 0 < flown == elsewhere
    rest = take(source, 36 - elsewhere)
    assert {record.partition for record in rest} == {waiting}
    assert [record.offset for record in rest] == list(range(36 - elsewhere))


def test_an_oversize_message_is_refused_before_it_can_take_its_neighbours_along(transport: Transport) -> None:
    sink = transport.sink()
    with pytest.raises(Broken, match="at most"):
        sink.send([Message(transport.topic, b"s", bytes(MAX_RECORD_BYTES + 1))], lambda: None)
    transport.write(b"small")
    assert [record.value for record in take(transport.reader(), 1)] == [b"small"]


def test_the_largest_record_travels(transport: Transport) -> None:
    transport.write(bytes(4 * 1024 * 1024))
    (record,) = take(transport.reader(), 1)
    assert len(record.value) == 4 * 1024 * 1024


def test_a_dead_letter_keeps_bytes_key_and_headers_and_says_where_from_and_why(transport: Transport) -> None:
    transport.write(b"poison", key=b"station-9")
    (record,) = take(transport.reader(), 1)
    transport.letters().send([Rejected(record, Reason.EMPTY, "why")], lambda: None)
    letters = transport.reader(DEAD_LETTERS, group="letters")
    found = [letter for letter in take(letters, 1) if letter.header("andon-topic") == transport.topic.encode()]
    while not found:
        found = [each for each in take(letters, 1) if each.header("andon-topic") == transport.topic.encode()]
    (letter,) = found
    assert (letter.key, letter.value) == (b"station-9", b"poison")
    assert letter.header("andon-reason") == b"empty"
    assert letter.header("andon-partition") == str(record.partition).encode()
    assert letter.header("ce_part") == b"7"
