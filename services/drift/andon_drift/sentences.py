"""What people read: one sentence for each finding."""

from dataclasses import dataclass
from datetime import datetime

from andon.records import Cause, DriftCause, Measure
from andon_drift.naming.words import clock

MINUTE, HOUR = 60.0, 3600.0
OVER = {
    Cause.STATION_DARK: "the picture is as bright as it should be again",
    Cause.STATION_BRIGHT: "the picture is no longer too bright",
    Cause.STATION_BLURRED: "the picture is sharp again",
    Cause.CAMERA_MOVED: "things stand in the picture where they should again",
    Cause.STATION_FROZEN: "the camera shows new pictures again",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What is found: the cause, in words, since when, and the number against its limit."""

    cause: Cause
    sentence: str
    since: datetime
    measure: Measure


def began(
    station: str,
    cause: Cause,
    since: datetime,
    measure: Measure,
    usual: float,
    shift: tuple[float, float],
    blurred: bool,
) -> str:
    """`usual` is what good frames had; `shift` is (right, down) in pixels; `blurred` says it is that, too."""
    at, value = clock(since), measure.value
    match cause:
        case Cause.STATION_DARK:
            return f"{station}: the picture is dark since {at}; brightness fell from {usual:.0%} to {value:.0%}."
        case Cause.STATION_BRIGHT if measure.name == "white":
            limit = f"at most {measure.limit:.0%} may be"
            return f"{station}: the picture is too bright since {at}; {value:.0%} of it is pure white, {limit}."
        case Cause.STATION_BRIGHT:
            return f"{station}: the picture is too bright since {at}; brightness rose from {usual:.0%} to {value:.0%}."
        case Cause.STATION_BLURRED:
            fell = f"sharpness fell from {usual:.1f} to {value:.1f}"
            return f"{station}: the picture is blurred since {at}; {fell}; the light is as before."
    rest = "the light is as before, the focus is not" if blurred else "the light and the focus are as before"
    return f"{station}: the picture moved {_way(shift)} since {at}; {rest}."


def frozen(station: str, since: datetime, count: int) -> str:
    """The same picture `count` times."""
    return f"{station}: the camera shows the same picture since {clock(since)}; {count} frames in a row are identical."


def ended(station: str, cause: Cause, since: datetime, at: datetime) -> str:
    """It is over."""
    return f"{station}: {OVER[cause]}, after {lasted((at - since).total_seconds())}."


def unjudged(station: str, cause: Cause, since: datetime) -> str:
    """It is closed without knowing."""
    what = cause.value.replace("_", " ")
    return f"{station}: no bundle serves it, so nobody can tell whether it is still so ({what} since {clock(since)})."


def lasted(seconds: float) -> str:
    """How long, in the unit people would use."""
    if seconds < 2 * MINUTE:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"


def _way(shift: tuple[float, float]) -> str:
    right, down = shift
    ways = [(right, "right", "left"), (down, "down", "up")]
    return " and ".join(f"{abs(by):.0f} px {plus if by > 0 else minus}" for by, plus, minus in ways if by)


def rejects_rose(station: str, since: datetime, share: float, usual: float, drifted: DriftCause | None) -> str:
    """More frames are anomalous than used to be. `drifted` is what drifts at the station meanwhile."""
    why = f"while {drifted.value} drifts" if drifted and drifted is not DriftCause.UNNAMED else ""
    beside = why or ("while something drifts" if drifted else "the pictures are as before: defects, or other parts")
    return f"{station}: {_share(share)} of parts are called since {clock(since)}, usually {_share(usual)}; {beside}."


def rejects_over(station: str, since: datetime, at: datetime) -> str:
    """No more than usual again."""
    return f"{station}: no more parts are called than usual again, after {lasted((at - since).total_seconds())}."


def _share(value: float) -> str:
    return f"{value:.1%}" if value >= 0.001 else f"{value:.2%}"
