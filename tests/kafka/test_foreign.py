"""Records that no careful producer writes, over real Kafka: they are read, refused with a reason, and kept."""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import confluent_kafka
import pytest

from andon.errors import Invalid
from andon.kafka import KafkaDeadLetters, KafkaSink, KafkaSource
from andon.kafka.admin import create_topics
from andon.kafka.source import Subscription
from andon.reasons import Reason
from andon.records import read_frame
from andon.settings import DeadLetterLimit, KafkaSettings
from andon.stage import Message, Record, Rejected
from andon.topics import BY_NAME, DEAD_LETTERS, Topic

pytestmark = pytest.mark.servers

V_TOPIC, V_VALUE, V_KEY, V_FLAGS, V_HEADER, V_END, COPY = 1, 4, 5, 7, 9, 0, 2  # rdkafka.h: rd_kafka_vtype_t


@pytest.fixture
def topic(kafka: KafkaSettings) -> str:
    name = f"t-{uuid4().hex[:8]}"
    create_topics(kafka, [Topic(name, "station", "test", 3_600_000), BY_NAME[DEAD_LETTERS]], 1, 1)
    return name


@pytest.fixture
def read(kafka: KafkaSettings, topic: str) -> Callable[[], Record]:
    def last() -> Record:
        source = KafkaSource(kafka, Subscription((topic,), f"{topic}.g"))
        found: list[Record] = []
        deadline = time.monotonic() + 30
        while (not found or source.lag() != {(topic, 0): 0}) and time.monotonic() < deadline:
            found += source.poll()
        source.close()
        return found[-1]

    return last


def write_header(bootstrap: str, topic: str, name: bytes) -> None:
    """One record with a header of this name, by the C library: the Python client only writes text."""
    found = list(Path(confluent_kafka.__file__).parents[1].glob("confluent_kafka.libs/librdkafka*"))
    if not found:
        pytest.skip("the C library does not lie beside this build of confluent-kafka")
    lib, told = ctypes.CDLL(str(found[0])), ctypes.create_string_buffer(512)
    lib.rd_kafka_conf_new.restype = lib.rd_kafka_new.restype = ctypes.c_void_p
    conf = ctypes.c_void_p(lib.rd_kafka_conf_new())
    lib.rd_kafka_conf_set(conf, b"bootstrap.servers", bootstrap.encode(), told, 512)
    client, size = ctypes.c_void_p(lib.rd_kafka_new(0, conf, told, 512)), ctypes.c_size_t
    what = [V_TOPIC, topic.encode(), V_FLAGS, COPY, V_KEY, b"press-1", size(7), V_VALUE, b"image", size(5)]
    assert lib.rd_kafka_producev(client, *what, V_HEADER, name, b"v", ctypes.c_ssize_t(1), V_END) == 0
    assert lib.rd_kafka_flush(client, 20_000) == 0
    lib.rd_kafka_destroy(client)


def bury(kafka: KafkaSettings, record: Record) -> None:
    letters = KafkaDeadLetters(kafka, DeadLetterLimit(), "test", "0")
    letters.send([Rejected(record, Reason.BAD_HEADER, "test")], lambda: None)
    letters.close()


def test_a_header_name_that_is_no_text_is_a_bad_header_and_no_crash(
    kafka: KafkaSettings, topic: str, read: Callable[[], Record]
) -> None:
    sink = KafkaSink(kafka)
    sink.send([Message(topic, b"press-1", b"before")] * 200, lambda: None)  # until the reading code is warm
    sink.close()
    write_header(kafka.bootstrap_servers, topic, b"\xff\xfe")
    record = read()
    assert (record.key, record.value) == (b"press-1", b"image")
    with pytest.raises(Invalid) as refused:
        read_frame(record)
    assert refused.value.reason is Reason.BAD_HEADER
    bury(kafka, record)


def test_a_header_without_value_is_read_and_can_be_buried(
    kafka: KafkaSettings, topic: str, read: Callable[[], Record]
) -> None:
    sink = KafkaSink(kafka)
    sink.send([Message(topic, b"press-1", b"image", (("x", None), ("ce_part", None)))], lambda: None)  # type: ignore[arg-type]
    sink.close()
    record = read()
    assert record.headers == (("x", None), ("ce_part", None))
    with pytest.raises(Invalid) as refused:
        read_frame(record)
    assert refused.value.reason is Reason.BAD_HEADER
    bury(kafka, record)
