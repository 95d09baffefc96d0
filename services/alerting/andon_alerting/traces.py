"""Which trace an incident belongs to: that of the frame that opened it, from its score's headers to its pages. Pure."""

from dataclasses import replace

from andon.records import IncidentEvent, IncidentKind, write_event
from andon.stage import Message
from andon.topics import INCIDENTS
from andon.tracing.context import HEADER
from andon_alerting.policy import Open, Step


def with_trace(step: Step, traceparent: str | None) -> Step:
    """`step`, where what it opened knows the trace of the frame that did it."""
    state, decisions = step
    opened = {each.incident.incident for each in decisions if each.incident and each.kind is IncidentKind.OPENED}
    if traceparent is None or not opened:
        return step

    def knowing(held: Open) -> Open:
        return replace(held, traceparent=traceparent) if held.incident in opened else held

    told = (replace(each, incident=knowing(each.incident)) if each.incident else each for each in decisions)
    return replace(state, open=tuple(map(knowing, state.open))), tuple(told)


def turn_message(event: IncidentEvent) -> Message:
    """A turn as it is written, with the trace of the frame that opened the incident where there is one."""
    headers = ((HEADER, event.traceparent.encode()),) if event.traceparent else ()
    return Message(INCIDENTS, event.station.encode(), write_event(event), headers)
