"""The wrapper counts from outside; the stage it wraps knows nothing of it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.observe import observed
from andon.reasons import Reason
from andon.stage import Message, Record, Rejected, Result, Stage

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def copy(records: Sequence[Record], _now: datetime) -> Iterable[Result]:
    for record in records:
        yield Message("out", None, record.value) if record.value else Rejected(record, Reason.EMPTY, "0 bytes")


def test_a_turn_is_counted_timed_and_its_dead_letters_are_logged_with_their_place():
    kafka, registry = MemoryKafka(), CollectorRegistry()
    for value in (b"a", b"", b"b"):
        kafka.append(Message("in", b"s", value))
    stage = Stage("copy", MemorySource(kafka, ["in"], "g"), copy, MemorySink(kafka), MemoryDeadLetters(kafka))
    with capture_logs() as logs:
        observed(stage, Metrics(registry)).step(lambda: NOW)

    assert registry.get_sample_value("andon_records_consumed_total", {"stage": "copy"}) == 3
    assert registry.get_sample_value("andon_messages_sent_total", {"stage": "copy", "topic": "out"}) == 2
    labels = {"stage": "copy", "reason": "empty"}
    assert registry.get_sample_value("andon_frames_dead_lettered_total", labels) == 1
    assert registry.get_sample_value("andon_stage_turn_seconds_count", {"stage": "copy"}) == 1
    assert registry.get_sample_value("andon_stage_batch_records_sum", {"stage": "copy"}) == 3
    (line,) = logs
    assert (line["event"], line["reason"], line["topic"], line["offset"]) == ("dead_letter", "empty", "in", 1)


def test_an_empty_turn_counts_nothing_but_shows_that_the_loop_turns():
    kafka, registry = MemoryKafka(), CollectorRegistry()
    stage = Stage("copy", MemorySource(kafka, ["in"], "g"), copy, MemorySink(kafka), MemoryDeadLetters(kafka))
    observed(stage, Metrics(registry)).step(lambda: NOW)
    assert registry.get_sample_value("andon_records_consumed_total", {"stage": "copy"}) == 0
    assert registry.get_sample_value("andon_stage_turn_seconds_count", {"stage": "copy"}) == 0
    assert registry.get_sample_value("andon_stage_last_turn_timestamp_seconds", {"stage": "copy"}) == NOW.timestamp()
