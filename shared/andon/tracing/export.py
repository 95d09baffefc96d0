"""Spans by OpenTelemetry, sent as OTLP over HTTP. An extra: imported only where ANDON_TRACING__ENDPOINT is set.

Its own variables hold: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_SDK_DISABLED and the rest
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). A receiver that is slow or away
costs spans, which are counted, and nothing else.
"""

import os
import socket
import threading
from contextlib import AbstractContextManager

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import get_current_span

from andon.errors import Mistake
from andon.metrics import Metrics
from andon.stage import Stage
from andon.tracing.queue import Bounded, Counted
from andon.tracing.said import told_by_us
from andon.tracing.spans import no_span
from andon.tracing.turns import traced

CLOSE_S = 3.0
"""Of the 25 s a shutdown may take, what is left for spans."""

GIVE_UP_S = 1.0

QUEUE = 2048
"""Spans that wait at most, as OpenTelemetry has it."""


class OpenTelemetry:
    """The spans of one process. Raises Mistake where OTEL_ variables cannot work."""

    def __init__(
        self, endpoint: str, service: str, version: str, metrics: Metrics, exporter: SpanExporter | None = None
    ) -> None:
        self._hush = told_by_us()
        self._counted = Counted(exporter or OTLPSpanExporter(endpoint=endpoint), metrics)
        self._provider = TracerProvider(resource=resource(service, version), shutdown_on_exit=False)
        self._provider.add_span_processor(_queue(self._counted, metrics))
        self._tracer = self._provider.get_tracer("andon", version)

    def traced(self, stage: Stage, *, consumes: bool) -> Stage:
        """`stage`, with a span for each turn."""
        return traced(stage, self._tracer, consumes)

    def span(self, name: str, **attributes: int | str) -> AbstractContextManager[object]:
        """A child of the turn's span; nothing outside a turn, or in one that is not recorded."""
        if not get_current_span().is_recording():
            return no_span(name)
        return self._tracer.start_as_current_span(name, attributes=attributes)

    def close(self) -> None:
        """What waits is sent within CLOSE_S, or lost."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSE_S)
        if ending.is_alive():
            self._counted.shutdown()  # gives up on what it tries again
            ending.join(GIVE_UP_S)
        if self._counted.waiting:
            structlog.get_logger().warning("spans_lost", spans=self._counted.waiting, why="not sent before the end")
        if not ending.is_alive():
            self._hush()


def _queue(counted: Counted, metrics: Metrics) -> Bounded:
    text = os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE, "").strip() or str(QUEUE)
    try:
        most = int(text)
        return Bounded(BatchSpanProcessor(counted, max_queue_size=most), counted, most, metrics)
    except ValueError as error:
        raise Mistake(f"OTEL_BSP_ variables that cannot work (queue of {text[:40]}): {error}") from None


def resource(service: str, version: str) -> Resource:
    """Who sends the spans; what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say goes before what we say."""
    ours = {
        "service.name": f"andon-{service}",
        "service.version": version,
        "service.instance.id": f"{socket.gethostname()}/{os.getpid()}",
    }
    return Resource.create(ours | dict(OTELResourceDetector().detect().attributes))
