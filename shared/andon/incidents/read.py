"""One turn of an incident's story out of its record, whoever wrote it."""

from andon.errors import Invalid
from andon.reasons import Reason
from andon.records import IncidentEvent, read_event


def read_turn(value: bytes) -> IncidentEvent:
    """The event in `value`. Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW, or BAD_RECORD for a time without a zone."""
    event = read_event(IncidentEvent, value)
    if event.at.tzinfo is None or event.opened_at.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "IncidentEvent: at and opened_at need a time zone")
    return event
