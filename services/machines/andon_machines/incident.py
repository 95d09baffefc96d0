"""What a machine is told of an incident: JSON by MQTT, and two nodes by OPC UA."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from andon.records import Cause, IncidentEvent, IncidentKind, Severity

LINE = "*"
ORDER = tuple(Severity)  # critical, warning, info
MOST_RESOLVED = 20_000


class StationIncident(BaseModel):
    """One turn of an incident. `station` is empty where it is the whole line's, and `stations` then names them."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    schema_version: int = 1
    incident_id: UUID
    event_id: UUID
    kind: IncidentKind
    open: bool
    site: str = ""
    area: str = ""
    line: str = ""
    station: str = ""
    stations: tuple[str, ...] = ()
    cause: Cause
    severity: Severity
    reason: str
    at: datetime
    opened_at: datetime
    count: int = 0
    product_id: str | None = None
    recipe_id: str | None = None
    summary: str = ""
    first_action: str = ""
    by: str | None = None


def station_incident(event: IncidentEvent) -> StationIncident:
    """What `event` says."""
    same = event.model_dump(include=set(StationIncident.model_fields) & set(IncidentEvent.model_fields))
    return StationIncident(
        **same
        | {
            "schema_version": 1,
            "station": "" if event.station == LINE else event.station,
            "open": event.kind is not IncidentKind.RESOLVED,
            "product_id": event.product,
            "recipe_id": event.bundle,
        }
    )


def concerns_machines(event: IncidentEvent) -> bool:
    """Not drills; and that a page was accepted is between Andon and people."""
    return not event.drill and event.kind is not IncidentKind.PAGED


class OpenIncidents:
    """Which incidents are open at each station. Takes events in any order, and again and again: over is over."""

    __slots__ = ("_open", "_resolved")

    def __init__(self) -> None:
        self._open: dict[UUID, IncidentEvent] = {}
        self._resolved: dict[UUID, None] = {}

    def take(self, event: IncidentEvent) -> None:
        """Takes in one event."""
        if not concerns_machines(event) or event.incident_id in self._resolved:
            return
        if event.kind is not IncidentKind.RESOLVED:
            self._open[event.incident_id] = event
            return
        self._open.pop(event.incident_id, None)
        self._resolved[event.incident_id] = None
        if len(self._resolved) > MOST_RESOLVED:
            del self._resolved[next(iter(self._resolved))]

    def causes(self, station: str) -> str:
        """The causes of what is open there, worst first, comma separated; '' where nothing is."""
        found = sorted(self._at(station), key=lambda event: (ORDER.index(event.severity), event.opened_at))
        return ",".join(dict.fromkeys(event.cause.value for event in found))

    def _at(self, station: str) -> Iterable[IncidentEvent]:
        events = self._open.values()
        return (each for each in events if station == each.station or station in each.stations)
