"""The twin of Kafka, where it goes beyond what the conformance suite asks of every transport."""

from datetime import UTC, datetime

import pytest

from andon.errors import Broken
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.reasons import Reason
from andon.settings import DeadLetterLimit
from andon.stage import Message, Rejected
from andon.topics import DEAD_LETTERS, MAX_RECORD_BYTES

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_a_key_stays_in_one_partition_in_order() -> None:
    kafka = MemoryKafka(partitions=4)
    for n in range(40):
        kafka.append(Message("t", f"station-{n % 8}".encode(), bytes([n])))
    by_key: dict[bytes | None, list[tuple[int, int]]] = {}
    for record in kafka.records("t"):
        by_key.setdefault(record.key, []).append((record.partition, record.value[0]))
    assert len({partition for places in by_key.values() for partition, _ in places}) > 1
    for places in by_key.values():
        assert len({partition for partition, _ in places}) == 1
        assert [value for _, value in places] == sorted(value for _, value in places)


def test_a_record_has_the_time_that_the_test_gives() -> None:
    kafka = MemoryKafka(time_ms=5)
    kafka.append(Message("t", b"a", b""))
    kafka.time_ms = 9
    kafka.append(Message("t", b"a", b""))
    assert [record.timestamp_ms for record in kafka.records("t")] == [5, 9]


def test_a_topic_nobody_wrote_to_is_empty_and_is_not_made_by_looking() -> None:
    kafka = MemoryKafka()
    assert kafka.records("t") == []
    assert kafka.topics("^.*") == []


def test_while_it_is_down_nothing_is_written() -> None:
    kafka = MemoryKafka()
    kafka.down = True
    with pytest.raises(Broken, match="down"):
        MemorySink(kafka).send([Message("t", b"a", b"")], lambda: None)
    kafka.down = False
    assert kafka.records("t") == []


def test_moving_a_group_back_hands_the_same_records_out_again() -> None:
    kafka = MemoryKafka(partitions=1)
    for n in range(5):
        kafka.append(Message("t", b"a", bytes([n])))
    source = MemorySource(kafka, ["t"], "g")
    source.poll()
    source.commit()
    kafka.commit("g", "t", 0, 3)
    assert [record.value[0] for record in MemorySource(kafka, ["t"], "g").poll()] == [3, 4]


def test_a_topic_that_appears_later_is_picked_up_by_its_pattern() -> None:
    kafka = MemoryKafka()
    source = MemorySource(kafka, [r"^camera\.frames(\..+)?$"], "g")
    assert source.poll() == []
    for topic in ("camera.frames", "camera.frames.plant-2", "camera.framesX", "other"):
        kafka.append(Message(topic, b"a", topic.encode()))
    assert {record.topic for record in source.poll()} == {"camera.frames", "camera.frames.plant-2"}


def test_the_largest_record_fits_also_as_a_dead_letter() -> None:
    kafka = MemoryKafka()
    MemorySink(kafka).send([Message("t", b"a", bytes(MAX_RECORD_BYTES))], lambda: None)
    (record,) = kafka.records("t")
    MemoryDeadLetters(kafka).send([Rejected(record, Reason.EMPTY, "why")], lambda: None)
    assert len(kafka.records(DEAD_LETTERS)[0].value) == MAX_RECORD_BYTES


def test_a_flood_of_dead_letters_stops_it_as_it_stops_kafka() -> None:
    kafka = MemoryKafka()
    record = kafka.append(Message("t", b"a", b"x"))
    letters = MemoryDeadLetters(kafka, DeadLetterLimit(max_run=2))
    letters.judge(2, [Rejected(record, Reason.EMPTY, "")] * 2)
    with pytest.raises(Broken, match="in a row"):
        letters.judge(1, [Rejected(record, Reason.EMPTY, "")])
