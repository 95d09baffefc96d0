"""What is said of a line many of whose stations have the same trouble. Pure."""

from collections.abc import Sequence

from andon.records import Cause, IncidentEvent
from andon_alerting import drift_words

MOST_NAMES = 8

BEGAN = {
    Cause.STATION_FROZEN: "froze",
    Cause.STATION_DARK: "went dark",
    Cause.STATION_BRIGHT: "became too bright",
    Cause.STATION_BLURRED: "became blurred",
    Cause.CAMERA_MOVED: "moved",
    Cause.DRIFT: "drifted",
}
IS = {
    Cause.STATION_FROZEN: "frozen",
    Cause.STATION_DARK: "dark",
    Cause.STATION_BRIGHT: "too bright",
    Cause.STATION_BLURRED: "blurred",
    Cause.CAMERA_MOVED: "moved",
    Cause.DRIFT: "drifting",
}
LOOK = {
    Cause.STATION_FROZEN: "look at the network or the machine they share",
    Cause.STATION_DARK: "look at the light or power they share",
    Cause.STATION_BRIGHT: "look at the light they share, and at the sun",
    Cause.STATION_BLURRED: "look for dust, steam or oil in the air",
    Cause.CAMERA_MOVED: "look for a shock, or for work on what carries the cameras",
    Cause.DRIFT: "look for what changed for all of them: light, air, material",
}


def took_it(event: IncidentEvent, stations: Sequence[str], within_s: float) -> str:
    """That so many stations of its line got what `event` tells of at the same time."""
    time = f"within {_spoken(within_s)}"
    if event.drift:
        what = drift_words.DRIFTED[event.drift.named]
        return f"{_where(event)}{what} at {len(stations)} stations {time}: {_names(stations)}: {_look(event)}."
    what = f"{len(stations)} stations {_of_line(event)}{BEGAN[event.cause]} {time}"
    return f"{what}: {_names(stations)}: {_look(event)}."


def has_it(event: IncidentEvent, stations: Sequence[str]) -> str:
    """How many stations of the line have it now."""
    many, are = (f"{len(stations)} stations", "are") if len(stations) > 1 else ("1 station", "is")
    when = f"since {event.opened_at:%H:%M:%S} UTC"
    if event.drift:
        what = drift_words.DRIFTED[event.drift.named]
        return f"{_where(event)}{what} at {many} {when}: {_names(stations)}: {_look(event)}."
    return f"{many} {_of_line(event)}{are} {IS[event.cause]} {when}: {_names(stations)}: {_look(event)}."


def first_action(event: IncidentEvent) -> str:
    """What to do first."""
    return f"{_look(event).capitalize()}."


def _look(event: IncidentEvent) -> str:
    return drift_words.LOOK[event.drift.named] if event.drift else LOOK[event.cause]


def _where(event: IncidentEvent) -> str:
    """`line body-2: `; of stations that belong to no line, their site, where it has a name."""
    return f"line {event.line}: " if event.line else (f"site {event.site}: " if event.site else "")


def _of_line(event: IncidentEvent) -> str:
    where = _where(event).removesuffix(": ")
    return f"of {where} " if where else ""


def _spoken(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _names(stations: Sequence[str]) -> str:
    rest = len(stations) - MOST_NAMES
    shown = ", ".join(stations[:MOST_NAMES])
    return f"{shown} and {rest} more" if rest > 0 else shown
