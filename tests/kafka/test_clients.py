"""Client settings that guard memory, and what is told of a broker that is away. Needs no Kafka."""

from confluent_kafka import KafkaError
from structlog.testing import capture_logs

from andon.kafka.clients import SMALL_FETCH_BYTES, _Complaints, consumer_config
from andon.settings import KafkaSettings
from andon.topics import MAX_RECORD_BYTES


def test_a_complaint_heard_many_times_is_told_once_in_a_while_with_its_count() -> None:
    now = [0.0]
    complain = _Complaints(every_s=10, clock=lambda: now[0])
    with capture_logs() as told:
        for _ in range(5):
            complain(KafkaError(KafkaError._TRANSPORT, "refused"))
        now[0] = 11.0
        complain(KafkaError(KafkaError._TRANSPORT, "refused"))
    assert [(each["code"], each["times"]) for each in told] == [("_TRANSPORT", 1), ("_TRANSPORT", 5)]


def test_a_refused_login_is_an_error_and_an_absent_broker_a_warning() -> None:
    complain = _Complaints()
    with capture_logs() as told:
        complain(KafkaError(KafkaError._AUTHENTICATION, "wrong"))
        complain(KafkaError(KafkaError._TRANSPORT, "refused"))
    assert [each["log_level"] for each in told] == ["error", "warning"]


def test_little_is_fetched_of_topics_whose_records_grow_when_they_are_read() -> None:
    frames, scores = (consumer_config(KafkaSettings(), "g", **how) for how in ({}, {"fetch_bytes": SMALL_FETCH_BYTES}))
    assert frames["max.partition.fetch.bytes"] >= MAX_RECORD_BYTES
    assert scores["fetch.max.bytes"] == SMALL_FETCH_BYTES
    assert scores["max.partition.fetch.bytes"] < SMALL_FETCH_BYTES
