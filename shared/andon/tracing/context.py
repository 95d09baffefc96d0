"""W3C trace context: which trace a frame belongs to (https://www.w3.org/TR/trace-context/, section 3.2). Pure."""

import re
from typing import NamedTuple
from uuid import UUID

from andon.stage import Headers

HEADER = "traceparent"
NAMES = (HEADER, "ce_traceparent")
"""Under its own name, or CloudEvents'."""

SAMPLED = 1
MOST_BYTES = 64
_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


class TraceContext(NamedTuple):
    """A trace, and the span in it that something follows from. `sampled`: whoever began it records it."""

    trace_id: str
    span_id: str
    sampled: bool


def read_context(text: str | None) -> TraceContext | None:
    """What a traceparent says; None for none, and for what is not one, however it came here."""
    found = _PARENT.fullmatch(text) if text is not None else None
    if found is None:
        return None
    _, trace_id, span_id, flags = found.groups()
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & SAMPLED))


def traceparent(text: str | None) -> str | None:
    """`text` if it is a traceparent, else None: it is written on, logged and shown, so nothing else may pass."""
    return text if text is not None and _PARENT.fullmatch(text) else None


def trace_id(text: str | None) -> str | None:
    """The trace that a traceparent names, 32 hex digits; None where it names none."""
    context = read_context(text)
    return context.trace_id if context else None


def traceparent_in(headers: Headers) -> str | None:
    """The traceparent among a record's headers. One that is none, or is no text, is as if it were not there: nobody
    loses a frame for its trace."""
    for name, value in headers:
        if name in NAMES and value and len(value) < MOST_BYTES:
            return traceparent(value.decode(errors="replace"))
    return None


def context_in(headers: Headers) -> TraceContext | None:
    """The same, read."""
    return read_context(traceparent_in(headers))


def own_trace(frame_id: UUID) -> str:
    """The traceparent of a frame that came without one: its trace is called as the frame is, so that whoever reads the
    frame, and whoever reads it again, names the same."""
    digits = frame_id.hex
    return f"00-{digits}-{digits[16:]}-01"
