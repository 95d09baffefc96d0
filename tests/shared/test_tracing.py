"""Spans of a stage, as a real receiver of OTLP gets them; and that a receiver that is away costs nothing but spans."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from otlp_receiver import Receiver, attributes, receiving
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from andon.errors import Broken, Mistake
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.observe import observed
from andon.reasons import Reason
from andon.settings import DeadLetterLimit, ServiceSettings, TracingSettings, load
from andon.stage import Handler, Held, Message, Record, Rejected, Result, Stage
from andon.topics import INCIDENTS
from andon.tracing.opening import open_tracing
from andon.tracing.spans import NoTracing, Tracing

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CONSUMER, INTERNAL, PRODUCER = 5, 1, 4


def trace(number: int) -> str:
    return f"{number:032x}"


def parent(number: int, flags: str = "01") -> tuple[tuple[str, bytes], ...]:
    return (("traceparent", f"00-{trace(number)}-{number:016x}-{flags}".encode()),)


def copy(records: Sequence[Record], _now: datetime) -> Iterable[Result]:
    for record in records:
        yield Message("out", record.key, record.value) if record.value else Rejected(record, Reason.EMPTY, "0 bytes")


@dataclass
class World:
    """A stage over Kafka's twin, traced."""

    receiver: Receiver
    kafka: MemoryKafka = field(default_factory=MemoryKafka)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    tracing: Tracing = field(default_factory=NoTracing)

    def open(self, endpoint: str | None = None) -> Tracing:
        settings = TracingSettings(endpoint=endpoint or self.receiver.endpoint)
        self.metrics = Metrics(self.registry)
        self.tracing = open_tracing(settings, "copy", "1.2.3", self.metrics)
        return self.tracing

    def stage(self, handle: Handler = copy, *, consumes: bool = True, batch: int = 64) -> Stage:
        letters = MemoryDeadLetters(self.kafka, DeadLetterLimit(max_ratio=1.0))
        source = MemorySource(self.kafka, ["in"], "g", batch)
        made = Stage("copy", source, handle, MemorySink(self.kafka), letters)
        return self.tracing.traced(observed(made, self.metrics), consumes=consumes)

    def write(self, *headers: tuple[tuple[str, bytes], ...], value: bytes = b"x") -> None:
        for each in headers:
            self.kafka.append(Message("in", b"press-4", value, each))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"andon_{name}", labels)


def step(stage: Stage) -> int:
    return stage.step(lambda: NOW)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def world(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    made = World(receiver)
    yield made
    made.tracing.close()


def test_a_turn_is_one_span_that_is_linked_to_the_traces_of_its_frames(world: World):
    world.open()
    world.write(parent(1), parent(2))
    step(world.stage())
    (turn,) = world.receiver.wait(1, "process in")
    assert turn.kind == CONSUMER
    assert not turn.parent_span_id
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in turn.links] == [
        (trace(1), f"{1:016x}"),
        (trace(2), f"{2:016x}"),
    ]
    about = attributes(turn)
    assert about["messaging.system"] == "kafka"
    assert about["messaging.operation.type"] == "process"
    assert about["messaging.destination.name"] == "in"
    assert about["messaging.batch.message_count"] == 2
    assert about["andon.stage"] == "copy"


def test_handling_sending_and_what_a_handler_calls_are_inside_the_turn(world: World):
    tracing = world.open()

    def handle(records: Sequence[Record], now: datetime) -> list[Result]:
        with tracing.span("graph call", frames=len(records)):
            return list(copy(records, now))

    world.write(parent(1))
    step(world.stage(handle))
    (turn,) = world.receiver.wait(1, "process in")
    (sent,), (handled,), (called,) = (world.receiver.wait(1, name) for name in ("send out", "handle", "graph call"))
    assert {each.trace_id for each in (sent, handled, called)} == {turn.trace_id}
    assert sent.parent_span_id == handled.parent_span_id == turn.span_id
    assert called.parent_span_id == handled.span_id
    assert sent.kind == PRODUCER
    assert attributes(called) == {"frames": 1}
    assert turn.start_time_unix_nano <= handled.start_time_unix_nano <= called.start_time_unix_nano
    assert called.end_time_unix_nano <= sent.start_time_unix_nano
    assert sent.end_time_unix_nano <= turn.end_time_unix_nano


def test_a_dead_letter_is_told_in_the_turn_with_its_reason_place_and_trace(world: World):
    world.open()
    world.write(parent(3), value=b"")
    with capture_logs() as logs:
        step(world.stage())
    (turn,) = world.receiver.wait(1, "process in")
    (event,) = turn.events
    assert event.name == "dead_letter"
    assert attributes(event) == {
        "andon.reason": "empty",
        "andon.trace_id": trace(3),
        "messaging.destination.name": "in",
        "messaging.destination.partition.id": str(world.kafka.records("in")[0].partition),
        "messaging.kafka.offset": 0,
    }
    assert world.receiver.wait(1, "send dead-letters")[0].parent_span_id == turn.span_id
    (own,) = world.receiver.wait(1, "dead_letter")
    assert (own.trace_id.hex(), own.parent_span_id.hex()) == (trace(3), f"{3:016x}")
    assert [link.span_id for link in own.links] == [turn.span_id]
    assert [line["trace_id"] for line in logs if line["event"] == "dead_letter"] == [trace(3)]


def test_an_incident_is_a_span_in_the_trace_of_its_frame_with_a_link_to_the_turn(world: World):
    world.open()
    world.write(parent(4), parent(5, "00"))
    topics = ("out", INCIDENTS)
    step(
        world.stage(
            lambda records, _: [Message(to, b"press-4", b"{}", each.headers) for to in topics for each in records]
        )
    )
    (own,), (turn,) = world.receiver.wait(1, "incident"), world.receiver.wait(1, "process in")
    assert (own.trace_id.hex(), own.parent_span_id.hex()) == (trace(4), f"{4:016x}")
    assert [link.span_id for link in own.links] == [turn.span_id]
    assert attributes(own) == {"andon.station": "press-4"}


def test_frames_that_their_makers_do_not_record_are_not_linked(world: World):
    world.open()
    world.write(parent(1, "00"), parent(2))
    step(world.stage())
    (turn,) = world.receiver.wait(1, "process in")
    assert [link.trace_id.hex() for link in turn.links] == [trace(2)]


def test_a_turn_of_frames_that_nobody_records_makes_no_span(world: World):
    tracing = world.open()

    def handle(records: Sequence[Record], now: datetime) -> list[Result]:
        with tracing.span("graph call"):
            return list(copy(records, now))

    stage = world.stage(handle)
    world.write(parent(1, "00"))
    step(stage)
    world.write(parent(2))
    step(stage)
    turns = world.receiver.wait(1, "process in")
    assert [link.trace_id.hex() for turn in turns for link in turn.links] == [trace(2)]
    assert len(world.receiver.wait(1, "send out")) == 1
    assert len(world.receiver.wait(1, "graph call")) == 1


def test_records_without_a_trace_make_a_span_without_links(world: World):
    world.open()
    world.write(())
    step(world.stage())
    assert list(world.receiver.wait(1, "process in")[0].links) == []


def test_a_hostile_traceparent_is_no_link(world: World):
    world.open()
    world.write((("traceparent", b"00-" + b"A" * 32 + b"-1-01"),), parent(1))
    step(world.stage())
    assert [link.trace_id.hex() for link in world.receiver.wait(1, "process in")[0].links] == [trace(1)]


def test_a_turn_has_at_most_128_links_and_says_how_many_are_left_out(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "1000")
    world.open()
    world.write(*(parent(number) for number in range(1, 141)))
    step(world.stage(batch=200))
    (turn,) = world.receiver.wait(1, "process in")
    assert len(turn.links) == 128
    assert attributes(turn)["andon.links_left_out"] == 12


def test_an_empty_turn_makes_no_span_even_where_it_sends(world: World):
    world.open()
    stage = world.stage(lambda records, now: [Message("out", b"k", b"v")])
    step(stage)
    world.write(parent(1))
    step(stage)
    world.receiver.wait(1, "process in")
    assert len(world.receiver.named("send out")) == 1
    assert len(world.kafka.records("out")) == 2


def test_what_a_source_of_pictures_takes_is_no_message(world: World):
    world.open()
    world.write(parent(1))
    step(world.stage(consumes=False))
    (turn,) = world.receiver.wait(1, "capture in")
    assert turn.kind == INTERNAL
    assert "messaging.system" not in attributes(turn)


def test_held_frames_are_told_and_come_again_in_a_turn_of_their_own(world: World):
    world.open()
    answers: list[Callable[[Record], list[Result]]] = [lambda record: [Held(record)], lambda _: []]
    stage = world.stage(lambda records, now: [each for record in records for each in answers.pop(0)(record)])
    world.write(parent(1))
    for _ in range(3):
        step(stage)
    first, second = world.receiver.wait(2, "process in")
    assert [event.name for event in first.events] == ["held"]
    assert list(second.events) == []


SERVICE = """
import sys
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.run import serve
from andon.settings import ServiceSettings
from andon.stage import Message, Stage

kafka = MemoryKafka()
kafka.append(Message("in", b"press-4", b"x", (("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"),)))

def handle(records, now):
    return [Message("out", each.key, each.value) for each in records]

def wire(service, settings):
    print("up", flush=True)
    service.run(Stage("test", MemorySource(kafka, ["in"], "g"), handle, MemorySink(kafka), MemoryDeadLetters(kafka)))
    print(len(kafka.records("out")), "sent", flush=True)

serve("test", ServiceSettings, wire)
"""


def service_until_told_to_stop(endpoint: str, **more: str) -> tuple[int, str, str, float]:
    """Its exit status, what it said, its log, and how long it took to stop."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"ANDON_TRACING__ENDPOINT": endpoint} | more,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    asked = time.monotonic()
    process.terminate()
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err, time.monotonic() - asked


def test_a_service_that_is_stopped_hands_over_its_spans(receiver: Receiver):
    status, out, err, _ = service_until_told_to_stop(receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY="600000")
    assert (status, out.strip()) == (0, "1 sent")
    (turn,) = [each for each in receiver.spans if each.name.startswith("capture")]
    assert [link.trace_id.hex() for link in turn.links] == ["a" * 32]
    assert receiver.resource["service.name"] == "andon-test"
    assert "Traceback" not in err


def test_a_service_whose_receiver_is_away_works_stops_in_time_and_says_what_was_lost():
    status, out, err, took_s = service_until_told_to_stop("http://127.0.0.1:9", OTEL_BSP_SCHEDULE_DELAY="600000")
    assert (status, out.strip()) == (0, "1 sent")
    assert took_s < 20
    lines = [json.loads(line) for line in err.splitlines()]  # nothing but our own log
    assert {line["event"] for line in lines} >= {"tracing", "stopped"}


@pytest.mark.parametrize("where", ["handle", "send", "letters", "commit"])
def test_what_breaks_a_turn_is_in_its_span_and_goes_on_breaking_it(world: World, where: str):
    world.open()

    def broken(*_: Any) -> Any:
        raise Broken("the sky fell")

    stage = world.stage(broken if where == "handle" else copy)
    world.write(parent(1), value=b"" if where == "letters" else b"x")
    world.kafka.down = where in ("send", "letters")
    if where == "commit":
        world.kafka.commit = broken  # type: ignore[method-assign]
    with pytest.raises(Broken):
        step(stage)
    (turn,) = world.receiver.wait(1, "process in")
    assert turn.status.code == 2
    (event,) = [each for each in turn.events if each.name == "exception"]
    assert attributes(event)["exception.type"].endswith("Broken")


def test_a_turn_after_a_broken_one_has_its_own_span(world: World):
    world.open()
    acts = [0]

    def once(records: Sequence[Record], now: datetime) -> list[Result]:
        acts[0] += 1
        if acts[0] == 1:
            raise Broken("once")
        return list(copy(records, now))

    stage = world.stage(once)
    world.write(parent(1))
    with pytest.raises(Broken):
        step(stage)
    world.write(parent(2))
    step(stage)
    turns = world.receiver.wait(2, "process in")
    assert turns[0].trace_id != turns[1].trace_id
    assert [bool(turn.parent_span_id) for turn in turns] == [False, False]


def test_spans_say_whose_they_are(world: World):
    world.open()
    world.write(parent(1))
    step(world.stage())
    world.receiver.wait(1)
    said = world.receiver.resource
    assert said["service.name"] == "andon-copy"
    assert said["service.version"] == "1.2.3"
    assert said["service.instance.id"]
    assert world.receiver.paths[0] == "/v1/traces"


def test_what_otel_variables_say_goes_first(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "press-hall")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=plant-2,service.version=9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=acme")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    world.open()
    world.write(parent(1))
    step(world.stage())
    world.receiver.wait(1)
    said = world.receiver.resource
    assert (said["service.name"], said["deployment.environment"], said["service.version"]) == (
        "press-hall",
        "plant-2",
        "9",
    )
    assert world.receiver.headers[0]["x-tenant"] == "acme"
    assert world.receiver.headers[0]["content-encoding"] == "gzip"


def test_a_sampler_that_takes_nothing_is_heard(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracing = world.open()
    world.write(parent(1))

    def handle(records: Sequence[Record], now: datetime) -> list[Result]:
        with tracing.span("graph call"):
            return list(copy(records, now))

    step(world.stage(handle))
    tracing.close()
    assert world.receiver.spans == []
    assert len(world.kafka.records("out")) == 1


def test_what_waits_is_sent_at_the_end(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    tracing = world.open()
    world.write(parent(1))
    step(world.stage())
    assert world.receiver.spans == []
    with capture_logs() as logs:
        tracing.close()
    assert logs == []
    assert len(world.receiver.named("process in")) == 1
    assert world.value("trace_spans_exported_total") == 3


def test_a_receiver_that_is_away_delays_no_turn_and_no_end(world: World):
    tracing = world.open("http://127.0.0.1:9")
    stage = world.stage()
    started = time.monotonic()
    for number in range(1, 51):
        world.write(parent(number))
        step(stage)
    assert time.monotonic() - started < 20  # trying one of them again takes 10 s
    assert len(world.kafka.records("out")) == 50
    ending = time.monotonic()
    with capture_logs() as logs:
        tracing.close()
    assert logging.getLogger("opentelemetry").handlers == []
    assert time.monotonic() - ending < 10
    assert {line["event"] for line in logs} <= {"tracing", "spans_lost"}


def test_a_receiver_that_never_answers_fills_a_bounded_queue_and_what_is_dropped_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")
    world.receiver.open.clear()
    world.open()
    stage = world.stage()
    for number in range(1, 21):
        world.write(parent(number))
        step(stage)
    assert len(world.kafka.records("out")) == 20
    assert world.value("trace_spans_dropped_total", reason="queue_full") == 50
    ending = time.monotonic()
    world.tracing.close()
    assert time.monotonic() - ending < 10


def test_what_a_receiver_refuses_is_counted_and_told_once(world: World):
    world.receiver.status = 403
    world.open()
    stage = world.stage()
    with capture_logs() as logs:
        for number in range(1, 4):
            world.write(parent(number))
            step(stage)
            deadline = time.monotonic() + 60
            while (world.value("trace_spans_dropped_total", reason="not_taken") or 0) < 3 * number:
                assert time.monotonic() < deadline
                time.sleep(0.02)
    assert world.value("trace_spans_exported_total") == 0
    assert len([line for line in logs if line["event"] == "tracing"]) == 1


def test_tracing_leaves_the_loggers_of_the_process_as_they_were(world: World):
    before = list(logging.getLogger("opentelemetry").handlers)
    world.open().close()
    assert logging.getLogger("opentelemetry").handlers == before


def test_without_an_endpoint_a_stage_is_as_it_was():
    tracing = open_tracing(TracingSettings(), "copy", "1", Metrics(CollectorRegistry()))
    kafka = MemoryKafka()
    stage = Stage("copy", MemorySource(kafka, ["in"], "g"), copy, MemorySink(kafka), MemoryDeadLetters(kafka))
    assert tracing.traced(stage, consumes=True) is stage
    span: AbstractContextManager[object] = tracing.span("graph call", frames=1)
    assert span is tracing.span("another")


def test_without_an_endpoint_nothing_of_opentelemetry_is_imported():
    code = """
import sys
from prometheus_client import CollectorRegistry
import andon.run
from andon.metrics import Metrics
from andon.settings import TracingSettings
from andon.tracing.opening import open_tracing
open_tracing(TracingSettings(), "copy", "1", Metrics(CollectorRegistry()))
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_an_endpoint_without_the_packages_is_a_mistake_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "andon.tracing.export", raising=False)
    monkeypatch.delitem(sys.modules, "andon.tracing.queue", raising=False)
    with pytest.raises(Mistake, match=r"install andon\[otel\]"):
        open_tracing(TracingSettings(endpoint="http://x"), "copy", "1", Metrics(CollectorRegistry()))


def test_otel_variables_that_cannot_work_are_a_mistake(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "many")
    with pytest.raises(Mistake, match="OTEL_BSP_"):
        world.open()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://otlp.example/otlp/v1/traces", "https://otlp.example/otlp/v1/traces"),
    ],
)
def test_the_path_of_spans_is_added_where_there_is_none(said: str, meant: str):
    assert TracingSettings(endpoint=said).endpoint == meant


@pytest.mark.parametrize("said", ["collector:4318", "grpc://collector:4317", "http://user:secret@collector", "http://"])
def test_an_endpoint_that_cannot_work_is_told_by_name_without_its_secrets(said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANDON_TRACING__ENDPOINT", said)
    with pytest.raises(Mistake) as mistake:
        load(ServiceSettings)
    assert "ANDON_TRACING__ENDPOINT" in str(mistake.value)
    assert "secret" not in str(mistake.value)
