"""Tracing as the settings want it: none, or OpenTelemetry's, which is imported only then."""

from collections.abc import Iterator
from contextlib import contextmanager

from andon.errors import Mistake
from andon.metrics import Metrics
from andon.settings import TracingSettings
from andon.tracing.spans import NoTracing, Tracing

MISSING = "ANDON_TRACING__ENDPOINT is set, and there is no OpenTelemetry here: install andon[otel], or unset it"


@contextmanager
def tracing_of(settings: TracingSettings, service: str, version: str, metrics: Metrics) -> Iterator[Tracing]:
    """Spans of `service` while it runs. Raises Mistake for what cannot work."""
    tracing = open_tracing(settings, service, version, metrics)
    try:
        yield tracing
    finally:
        tracing.close()


def open_tracing(settings: TracingSettings, service: str, version: str, metrics: Metrics) -> Tracing:
    """As the settings say. Raises Mistake where they ask for what is not installed, or OTEL_ variables cannot work."""
    if settings.endpoint is None:
        return NoTracing()
    try:
        from andon.tracing.export import OpenTelemetry
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("opentelemetry"):
            raise
        raise Mistake(MISSING) from None
    return OpenTelemetry(settings.endpoint, service, version, metrics)
