"""A span for each turn of a stage that has records, with links to the traces of its frames.

As OpenTelemetry's conventions for messaging have it (https://opentelemetry.io/docs/specs/semconv/messaging/): the turn
is a CONSUMER span `process <topic>` that follows from many messages, so it is linked to them and is a child of none.
What it sends and its handling are its children. A turn of frames whose makers record none of them makes no span. What
befalls one frame and matters to people, a dead letter or an incident, is also a span of the frame's own trace.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime

from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from andon.stage import DeadLetters, Idle, Message, Record, Rejected, Result, Sink, Source, Stage
from andon.topics import DEAD_LETTERS, INCIDENTS
from andon.tracing.context import TraceContext, context_in, trace_id, traceparent_in

MOST_LINKS = 128
MOST_EVENTS = 16
Attributes = dict[str, int | str]


class Turns:
    """The span of the turn that a stage is in, if any. One thread."""

    def __init__(self, tracer: Tracer, stage: str, consumes: bool) -> None:
        self._tracer = tracer
        self._stage = stage
        self._consumes = consumes
        self._open = ExitStack()
        self.on = False

    def begin(self, records: Sequence[Record]) -> None:
        """These came."""
        frames = {each: None for each in (context_in(record.headers) for record in records) if each is not None}
        wanted = [each for each in frames if each.sampled]
        if not records or (frames and not wanted):
            return
        span = self._tracer.start_as_current_span(
            _name("process" if self._consumes else "capture", records),
            kind=SpanKind.CONSUMER if self._consumes else SpanKind.INTERNAL,
            attributes=self._about(records) | ({"andon.links_left_out": left} if (left := _left_out(wanted)) else {}),
            links=[Link(_span_context(each)) for each in wanted[:MOST_LINKS]],
        )
        self.on = self._open.enter_context(span).is_recording()

    def end(self) -> None:
        """It is done, and committed."""
        self.on = False
        self._open.close()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """What raises in it ends the turn, with the error."""
        try:
            yield
        except BaseException:
            self.on = False
            self._open.__exit__(*sys.exc_info())
            raise

    @contextmanager
    def child(self, name: str, kind: SpanKind, attributes: Attributes) -> Iterator[None]:
        """A part of the turn; nothing outside one."""
        with self.watched(), self._child(name, kind, attributes) if self.on else ExitStack():
            yield

    def _child(self, name: str, kind: SpanKind, attributes: Attributes) -> AbstractContextManager[object]:
        return self._tracer.start_as_current_span(name, kind=kind, attributes=attributes)

    def mark(self, name: str, record: Record | Message, attributes: Attributes) -> None:
        """Something that befell one frame, as a span of its own trace, so that whoever looks that up finds it, with a
        link to the turn."""
        context = context_in(record.headers) if self.on else None
        if context is None or not context.sampled:
            return
        above = set_span_in_context(NonRecordingSpan(_span_context(context)))
        turn = Link(get_current_span().get_span_context())
        self._tracer.start_span(name, context=above, links=[turn], attributes=attributes).end()

    def note(self, name: str, attributes: Mapping[str, int | str]) -> None:
        """Something that happened in the turn."""
        if self.on:
            get_current_span().add_event(name, attributes)

    def _about(self, records: Sequence[Record]) -> Attributes:
        about: Attributes = {"andon.stage": self._stage, "messaging.batch.message_count": len(records)}
        if not self._consumes:
            return about
        about |= {"messaging.system": "kafka", "messaging.operation.type": "process"}
        about |= {"messaging.operation.name": "process"} | _destination(each.topic for each in records)
        places = {(each.topic, each.partition) for each in records}
        if len(places) == 1:
            about["messaging.destination.partition.id"] = str(records[0].partition)
        return about


def traced(stage: Stage, tracer: Tracer, consumes: bool) -> Stage:
    """`stage`, with a span for each turn. Raises nothing of its own."""
    turns = Turns(tracer, stage.name, consumes)

    def handle(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        with turns.child("handle", SpanKind.INTERNAL, {"andon.stage": stage.name}):
            return list(stage.handle(records, now))

    return replace(
        stage,
        source=_TracedSource(stage.source, turns),
        handle=handle,
        sink=_TracedSink(stage.sink, turns),
        dead_letters=_TracedDeadLetters(stage.dead_letters, turns),
    )


class _TracedSource:
    def __init__(self, source: Source, turns: Turns) -> None:
        self._source = source
        self._turns = turns

    @property
    def ended(self) -> bool:
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        records = self._source.poll()
        self._turns.begin(records)
        return records

    def commit(self) -> None:
        with self._turns.watched():
            self._source.commit()
        self._turns.end()

    def hold(self, records: Sequence[Record]) -> None:
        self._turns.note("held", {"messaging.batch.message_count": len(records)})
        with self._turns.watched():
            self._source.hold(records)

    def idle(self) -> None:
        self._source.idle()

    def close(self) -> None:
        self._turns.end()
        self._source.close()


class _TracedSink:
    def __init__(self, sink: Sink, turns: Turns) -> None:
        self._sink = sink
        self._turns = turns

    def send(self, messages: Sequence[Message], idle: Idle) -> None:
        if not self._turns.on:
            self._sink.send(messages, idle)
            return
        about = _sending(message.topic for message in messages) | {"messaging.batch.message_count": len(messages)}
        name = f"send {about.get('messaging.destination.name', '')}".strip()
        with self._turns.child(name, SpanKind.PRODUCER, about):
            self._sink.send(messages, idle)
        for each in messages:
            if each.topic == INCIDENTS:
                self._turns.mark("incident", each, {"andon.station": (each.key or b"").decode(errors="replace")})

    def close(self) -> None:
        self._sink.close()


class _TracedDeadLetters:
    def __init__(self, dead_letters: DeadLetters, turns: Turns) -> None:
        self._dead_letters = dead_letters
        self._turns = turns

    def judge(self, polled: int, rejected: Sequence[Rejected]) -> None:
        with self._turns.watched():
            self._dead_letters.judge(polled, rejected)

    def send(self, rejected: Sequence[Rejected], idle: Idle) -> None:
        for each in rejected[:MOST_EVENTS]:
            self._turns.note("dead_letter", _letter(each))
            self._turns.mark("dead_letter", each.record, _letter(each))
        about = _sending([DEAD_LETTERS]) | {"messaging.batch.message_count": len(rejected)}
        with self._turns.child(f"send {DEAD_LETTERS}", SpanKind.PRODUCER, about):
            self._dead_letters.send(rejected, idle)

    def close(self) -> None:
        self._dead_letters.close()


def _letter(rejected: Rejected) -> Attributes:
    record = rejected.record
    about: Attributes = {
        "andon.reason": rejected.reason.value,
        "messaging.destination.name": record.topic,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
    }
    trace = trace_id(traceparent_in(record.headers))
    return about | {"andon.trace_id": trace} if trace else about


def _name(what: str, records: Sequence[Record]) -> str:
    topics = {each.topic for each in records}
    return f"{what} {topics.pop()}" if len(topics) == 1 else what


def _sending(topics: Iterable[str]) -> Attributes:
    said: Attributes = {"messaging.system": "kafka", "messaging.operation.type": "send"}
    return said | {"messaging.operation.name": "send"} | _destination(topics)


def _destination(topics: Iterable[str]) -> Attributes:
    """Where all of a batch lies, or goes; nothing where it is several places."""
    names = set(topics)
    return {"messaging.destination.name": names.pop()} if len(names) == 1 else {}


def _left_out(wanted: Sequence[TraceContext]) -> int:
    return max(0, len(wanted) - MOST_LINKS)


def _span_context(of: TraceContext) -> SpanContext:
    return SpanContext(int(of.trace_id, 16), int(of.span_id, 16), is_remote=True, trace_flags=TraceFlags(1))
