"""What a service may ask of tracing, whether there is any or not."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from andon.stage import Stage

_NOTHING: AbstractContextManager[None] = nullcontext()


class Spans(Protocol):
    """Makes a span, inside that of the turn, of what happens within it: a graph call, say."""

    def __call__(self, name: str, **attributes: int | str) -> AbstractContextManager[object]:
        """A span that ends with the block. It never raises by itself, nor keeps an exception from passing."""


class Tracing(Protocol):
    """`NoTracing`, or `andon.tracing.export.OpenTelemetry`."""

    def traced(self, stage: Stage, *, consumes: bool) -> Stage:
        """`stage`, with a span for each turn. `consumes`: its records come from Kafka."""

    def span(self, name: str, **attributes: int | str) -> AbstractContextManager[object]:
        """As `Spans`."""

    def close(self) -> None:
        """Hands over what waits, for as long as a shutdown has time for it."""


def no_span(name: str, **attributes: int | str) -> AbstractContextManager[object]:  # noqa: ARG001  as Spans
    """Nothing, at no cost."""
    return _NOTHING


class NoTracing:
    """Nobody asked for spans: every stage is as it was."""

    def traced(self, stage: Stage, *, consumes: bool) -> Stage:  # noqa: ARG002  as Tracing
        """As it is."""
        return stage

    def span(self, name: str, **attributes: int | str) -> AbstractContextManager[object]:  # noqa: ARG002  as Spans
        """Nothing."""
        return _NOTHING

    def close(self) -> None:
        """Nothing waits."""
