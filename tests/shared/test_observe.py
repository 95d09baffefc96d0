"""The wrapper counts from outside; the stage it wraps knows nothing of it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from andon.kafka.source import Place
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.observe import LagExport, observed
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


def test_every_reason_counts_from_nought_so_that_a_rate_sees_the_first_dead_letter():
    kafka, registry = MemoryKafka(), CollectorRegistry()
    stage = Stage("copy", MemorySource(kafka, ["in"], "g"), copy, MemorySink(kafka), MemoryDeadLetters(kafka))
    observed(stage, Metrics(registry))
    for reason in Reason:
        labels = {"stage": "copy", "reason": reason.value}
        assert registry.get_sample_value("andon_frames_dead_lettered_total", labels) == 0


class Behind:
    """What a source says of its lag; a record that it read was written at `read`."""

    def __init__(self, lags: dict[Place, int], read: dict[Place, float] | None = None) -> None:
        self.lags = lags
        self.read = read or {}

    def lag(self) -> dict[Place, int]:
        return self.lags

    def read_at(self, place: Place) -> float | None:
        return self.read.get(place)


class Lags:
    """Sources, a clock that stands until it is moved, and what is exported."""

    def __init__(self, *sources: Behind) -> None:
        self.now = 1000.0
        self.registry = CollectorRegistry()
        self._export = LagExport(sources, Metrics(self.registry), 5.0, lambda: self.now, lambda: self.now)

    def after(self, seconds: float) -> tuple[float | None, float | None]:
        """Lag in records and in seconds, so much later."""
        self.now += seconds
        self._export()
        return self.of("records"), self.of("seconds")

    def of(self, unit: str) -> float | None:
        return self.registry.get_sample_value(f"andon_consumer_lag_{unit}", {"topic": "scores", "partition": "3"})


PLACE = ("scores", 3)


def test_with_nothing_unread_the_lag_is_nought_in_records_and_in_seconds():
    assert Lags(Behind({PLACE: 0}, {PLACE: 400.0})).after(5) == (0, 0)


def test_what_is_unread_is_at_most_as_old_as_the_last_record_that_was_read():
    source = Behind({PLACE: 7}, {PLACE: 985.0})
    lags = Lags(source)
    assert lags.after(5) == (7, 20)
    source.read[PLACE] = 1004.0
    assert lags.after(5) == (7, 6)


def test_a_record_on_a_quiet_topic_is_no_older_than_the_last_look_that_found_nothing_unread():
    """Its predecessor was read hours ago, and says nothing of how long this one waits."""
    source = Behind({PLACE: 0}, {PLACE: 10.0})
    lags = Lags(source)
    lags.after(5)
    source.lags = {PLACE: 1}
    assert lags.after(5) == (1, 5)
    assert lags.after(5) == (1, 10)


def test_before_anything_was_read_nothing_is_said_of_seconds():
    assert Lags(Behind({PLACE: 9})).after(5) == (9, None)


def test_a_producer_s_clock_that_is_ahead_says_nothing():
    assert Lags(Behind({PLACE: 9}, {PLACE: 99_999.0})).after(5) == (9, None)


def test_a_partition_s_lag_goes_with_the_partition_and_begins_anew_when_it_comes_back():
    source = Behind({PLACE: 0})
    lags = Lags(source)
    lags.after(5)
    source.lags = {}
    assert lags.after(5) == (None, None)
    source.lags = {PLACE: 4}
    assert lags.after(5) == (4, None)


def test_of_two_sources_that_read_the_same_the_one_further_behind_is_shown():
    near, far = Behind({PLACE: 2}, {PLACE: 1004.0}), Behind({PLACE: 70}, {PLACE: 905.0})
    assert Lags(near, far).after(5) == (70, 100)
    assert Lags(far, near).after(5) == (70, 100)


def test_lag_is_looked_at_every_few_seconds_only():
    source = Behind({PLACE: 2})
    lags = Lags(source)
    lags.after(5)
    source.lags = {PLACE: 3}
    assert lags.after(4)[0] == 2
    assert lags.after(1)[0] == 3
