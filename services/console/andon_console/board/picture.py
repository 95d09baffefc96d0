"""Which frame a tile shows. Pure."""

from andon.records import Score
from andon_console.live.stations import Station
from andon_console.shots import Shot


def pictured(station: Station, *, in_trouble: bool) -> Shot:
    """The last frame; of a station in trouble the last one that was called, which shows why."""
    call: Score | None = station.last_call if in_trouble else None
    if call is not None:
        return Shot.of_score(call, station.called)
    return Shot.of_score(station.last, station.scored)
