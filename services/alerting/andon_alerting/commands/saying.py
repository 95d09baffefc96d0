"""What `andon acknowledge` and `andon resolve` have in common: the incident that is meant, and how it is told of."""

from datetime import datetime, timedelta
from typing import Any

from andon.incidents import Chronicle, Incident, named, sifted
from andon.records import IncidentEvent, write_event
from andon.stage import Message
from andon.topics import INCIDENTS
from andon_alerting.commands.desk import Desk
from andon_alerting.commands.reading import shown

HORIZON = timedelta(days=30)


def meant(desk: Desk, text: str, now: datetime) -> Incident:
    """The incident that people call `text`. Raises Mistake when they mean none, or several."""
    records = sifted(shown(desk.log(INCIDENTS, now - HORIZON)), now, named(text))
    return Chronicle().read(records).meant(text)


def write(desk: Desk, event: IncidentEvent) -> None:
    """Returns when Kafka has it. Raises Broken."""
    desk.write([Message(INCIDENTS, event.station.encode(), write_event(event))])


def record(incident: Incident, event: IncidentEvent) -> dict[str, Any]:
    """What was said, as --json tells it."""
    return {
        "incident": str(incident.id),
        "station": incident.last.station,
        "cause": incident.last.cause.value,
        "by": event.by,
        "at": event.at.isoformat(),
        "note": event.note,
    }
