"""Members come and go, offsets get lost: on real Kafka, with both rebalance protocols."""

import threading
import time
from collections import Counter
from contextlib import suppress
from uuid import uuid4

import pytest
from confluent_kafka import KafkaException, TopicPartition

from andon.errors import Broken
from andon.kafka import KafkaSink, KafkaSource
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin
from andon.kafka.source import CARRY_RECORDS, Subscription
from andon.settings import KafkaSettings
from andon.stage import Message
from andon.topics import Topic

pytestmark = pytest.mark.servers


@pytest.fixture(params=["classic", "consumer"])
def settings(kafka: KafkaSettings, request: pytest.FixtureRequest) -> KafkaSettings:
    return kafka.model_copy(update={"group_protocol": request.param, "batch_records": 4})


@pytest.fixture
def topic(kafka: KafkaSettings) -> str:
    name = f"t-{uuid4().hex[:8]}"
    create_topics(kafka, [Topic(name, "station", "test", 3_600_000)], 4, 1)
    return name


def write(kafka: KafkaSettings, topic: str, count: int) -> None:
    sink = KafkaSink(kafka)
    sink.send([Message(topic, f"s{n % 16}".encode(), str(n).encode()) for n in range(count)], lambda: None)
    sink.close()


def poll_often(source: KafkaSource) -> None:
    for _ in range(100):
        source.poll()


def until(source: KafkaSource, seen: Counter[bytes], done: threading.Event, pause_s: float) -> None:
    """Turns like a stage's: poll, wait a while idle, commit."""
    while not done.is_set():
        batch = source.poll()
        time.sleep(pause_s)
        source.idle()
        seen.update(record.value for record in batch)
        if batch:
            source.commit()
    source.close()


def test_members_that_join_and_leave_lose_nothing_and_repeat_little(settings: KafkaSettings, topic: str) -> None:
    count = 600
    write(settings, topic, count)
    seen: Counter[bytes] = Counter()
    running: list[tuple[threading.Thread, threading.Event]] = []
    for _ in range(3):  # one member, then two, then three; the first leaves half way
        source, done = KafkaSource(settings, Subscription((topic,), f"{topic}.g")), threading.Event()
        thread = threading.Thread(target=until, args=(source, seen, done, 0.01))
        thread.start()
        running.append((thread, done))
        time.sleep(1.5)
    running[0][1].set()
    deadline = time.monotonic() + 60
    while len(seen) < count and time.monotonic() < deadline:
        time.sleep(0.2)
    for thread, done in running:
        done.set()
        thread.join(20)
    assert len(seen) == count
    assert seen.total() - count <= 60


def test_a_place_that_is_given_to_who_leaves_does_not_hold_it_up(settings: KafkaSettings, topic: str) -> None:
    source = KafkaSource(settings, Subscription((topic,), f"{topic}.g"))
    source.poll()
    client, deadline = admin(settings), time.monotonic() + 20
    while time.monotonic() < deadline:  # until the group has a place for us, which nobody has polled for yet
        (asked,) = client.describe_consumer_groups([f"{topic}.g"]).values()
        with suppress(KafkaException):  # the group's coordinator comes up with the first member
            if any(each.assignment and each.assignment.topic_partitions for each in asked.result(10).members):
                break
        time.sleep(0.1)
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 5


def test_a_group_that_lost_its_place_stops_instead_of_jumping(settings: KafkaSettings, topic: str) -> None:
    write(settings, topic, 40)
    first = KafkaSource(settings, Subscription((topic,), f"{topic}.g"))
    deadline = time.monotonic() + 20
    while not first.poll() and time.monotonic() < deadline:
        pass
    first.commit()
    first.close()
    client = admin(settings)
    ends = [TopicPartition(topic, part, -1) for part in range(4)]
    for future in client.delete_records(ends).values():
        future.result(20)
    second = KafkaSource(settings, Subscription((topic,), f"{topic}.g"))
    with pytest.raises(Broken, match="no longer holds the place"):
        poll_often(second)
    second.close()


def test_a_first_start_at_latest_leaves_the_past_alone(settings: KafkaSettings, topic: str) -> None:
    write(settings, topic, 10)
    source = KafkaSource(settings, Subscription((topic,), f"{topic}.g", first_start="latest"))
    deadline = time.monotonic() + 20
    while len(source.assignment) < 4 and time.monotonic() < deadline:
        assert list(source.poll()) == []
    time.sleep(0.5)
    assert list(source.poll()) == []
    sink = KafkaSink(settings)
    sink.send([Message(topic, b"s1", b"new")], lambda: None)
    found: list[bytes] = []
    while not found and time.monotonic() < deadline:
        found += [record.value for record in source.poll()]
    source.close()
    assert found == [b"new"]


def test_a_missing_topic_is_waited_for_and_not_an_error(settings: KafkaSettings) -> None:
    name = f"late-{uuid4().hex[:8]}"
    source = KafkaSource(settings, Subscription((f"^{name}$",), f"{name}.g"))
    assert list(source.poll()) == []
    create_topics(settings, [Topic(name, "station", "test", 3_600_000)], 1, 1)
    write(settings, name, 3)
    found: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(found) < 3 and time.monotonic() < deadline:
        found += [record.value for record in source.poll()]
    source.close()
    assert found == [b"0", b"1", b"2"]


def test_a_partition_lost_while_paused_flows_when_it_comes_back(settings: KafkaSettings, topic: str) -> None:
    count = 8 * CARRY_RECORDS
    subscription = Subscription((topic,), f"{topic}.g")
    gone: list[object] = []
    first = KafkaSource(settings, subscription, on_revoke=gone.extend)
    deadline = time.monotonic() + 60
    while len(first.assignment) < 4 and time.monotonic() < deadline:
        first.poll()
    write(settings, topic, count)
    for _ in range(4 * CARRY_RECORDS):  # the stage waits for a delivery, until its arms are full
        first.idle()
        time.sleep(0.002)
    second = KafkaSource(settings, subscription)
    while not gone and time.monotonic() < deadline:  # another member joins meanwhile
        first.idle()
        second.poll()
    second.close()
    found: set[bytes] = set()
    while len(found) < count and time.monotonic() < deadline:
        found.update(record.value for record in first.poll())
    first.close()
    assert len(found) == count


def test_a_partition_that_is_held_when_it_moves_goes_on_from_the_held_record(
    settings: KafkaSettings, topic: str
) -> None:
    count = 80
    write(settings, topic, count)
    subscription = Subscription((topic,), f"{topic}.g")
    gone: list[object] = []
    first = KafkaSource(settings, subscription, on_revoke=gone.extend)
    done: set[bytes] = set()
    deadline = time.monotonic() + 60
    while len(done) < 20 and time.monotonic() < deadline:
        batch = first.poll()
        held = [record for record in batch if record.partition % 2]
        done.update(record.value for record in batch if not record.partition % 2)
        first.hold(held)
        first.commit()
    second = KafkaSource(settings, subscription)
    seen: Counter[bytes] = Counter(done)
    while len(seen) < count and time.monotonic() < deadline:
        for source in (first, second):
            batch = source.poll()
            if not gone:
                source.hold(batch)  # nothing gets on until the partitions have moved
            else:
                seen.update(record.value for record in batch)
            source.commit()
    first.close()
    second.close()
    assert len(seen) == count
    assert seen.total() == count
