"""One incident as --json tells it."""

from datetime import datetime
from typing import Any

from andon.incidents.chronicle import Incident


def row(incident: Incident, now: datetime) -> dict[str, Any]:
    """A flat object: what the table shows, in full."""
    last, taken, over = incident.last, incident.taken, incident.resolved
    return {
        "incident": str(incident.id),
        "open": over is None,
        "since": incident.since.isoformat(),
        "until": over.at.isoformat() if over else None,
        "lasted_s": round(incident.lasted(now).total_seconds(), 1),
        "station": last.station,
        "stations": list(last.stations),
        "site": last.site,
        "area": last.area,
        "line": last.line,
        "cause": last.cause.value,
        "severity": last.severity.value,
        "count": last.count,
        "drill": last.drill,
        "told": {sink: [str(each.about) for each in found] for sink, found in incident.told.items()},
        "acknowledged_by": taken.by if taken else None,
        "acknowledged_at": taken.at.isoformat() if taken else None,
        "note": taken.note if taken else None,
        "resolved_by": over.by if over else None,
        "resolved_note": over.note if over else None,
        "what": incident.sentence,
    }
