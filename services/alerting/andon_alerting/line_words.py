"""What is said of a line many of whose stations have the same trouble. Pure."""

from collections.abc import Sequence
from datetime import datetime

from andon.records import Cause

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


def took_it(cause: Cause, line: str, stations: Sequence[str], within_s: float) -> str:
    """That so many stations of a line got it at the same time."""
    time = f"within {max(1, round(within_s))} s"
    return f"{len(stations)} stations of line {line} {BEGAN[cause]} {time}: {_names(stations)}: {LOOK[cause]}."


def has_it(cause: Cause, line: str, stations: Sequence[str], since: datetime) -> str:
    """How many stations of the line have it now."""
    many, are = (f"{len(stations)} stations", "are") if len(stations) > 1 else ("1 station", "is")
    when = f"since {since:%H:%M:%S} UTC"
    return f"{many} of line {line} {are} {IS[cause]} {when}: {_names(stations)}: {LOOK[cause]}."


def first_action(cause: Cause) -> str:
    """What to do first."""
    return f"{LOOK[cause].capitalize()}."


def _names(stations: Sequence[str]) -> str:
    rest = len(stations) - MOST_NAMES
    shown = ", ".join(stations[:MOST_NAMES])
    return f"{shown} and {rest} more" if rest > 0 else shown
