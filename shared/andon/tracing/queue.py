"""The way of a span out of the process: a bounded queue that never waits, and a count of what was taken and what not.

OpenTelemetry's own batch processor drops the oldest without telling anybody, so it is never given more than it holds.
"""

import threading
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from andon.metrics import Metrics

QUEUE_FULL = "queue_full"  # the receiver is slower than spans come, or away
NOT_TAKEN = "not_taken"  # the receiver was away for as long as it was tried, or refused them


class Counted(SpanExporter):
    """An exporter whose spans are counted. `waiting` are those that came and were not given to it yet."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics) -> None:
        self._exporter = exporter
        self._lock = threading.Lock()
        self._taken = metrics.trace_spans_exported
        self._lost = metrics.trace_spans_dropped.labels(NOT_TAKEN)
        self.waiting = 0

    def wait(self, most: int) -> bool:
        """One more waits; False, and it does not, where `most` do."""
        with self._lock:
            if self.waiting >= most:
                return False
            self.waiting += 1
            return True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hands them over, in the queue's own thread."""
        result = self._exporter.export(spans)
        with self._lock:
            self.waiting -= len(spans)
        (self._taken if result is SpanExportResult.SUCCESS else self._lost).inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Gives up on what it is sending."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """It holds nothing back."""
        return self._exporter.force_flush(timeout_millis)


class Bounded(SpanProcessor):
    """A processor before which at most `most` spans wait; what comes then is dropped, and counted."""

    def __init__(self, inner: SpanProcessor, counted: Counted, most: int, metrics: Metrics) -> None:
        self._inner = inner
        self._counted = counted
        self._most = most
        self._full = metrics.trace_spans_dropped.labels(QUEUE_FULL)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing happens yet."""

    def on_end(self, span: ReadableSpan) -> None:
        """Takes it in, or drops it."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._counted.wait(self._most):
            self._inner.on_end(span)
        else:
            self._full.inc()

    def shutdown(self) -> None:
        """Sends what waits."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Sends what waits, now."""
        return self._inner.force_flush(timeout_millis)
