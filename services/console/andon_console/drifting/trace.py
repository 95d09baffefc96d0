"""A number over time as a small drawing: where it usually is, when the change began, and how it went on. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite

from andon.records import Moved, Point

WIDTH, HEIGHT = 320, 90
USUAL_SIGMAS = 2.0  # the band holds 19 of 20 usual frames, more of the means that are drawn
LEAST_BEFORE = 12  # points from before the change that are shown, where there are so many
LEAST_AFTER = timedelta(minutes=10)
ONE_DAY = timedelta(hours=20)
MARGIN = 0.08  # of the height, above and below


@dataclass(frozen=True, slots=True)
class Trace:
    """In units of a picture of WIDTH x HEIGHT. `points` is a polyline's, the oldest first; `usual` the upper edge and
    the height of the band, None where it is not known; `onset` is where the change began, None where that is not
    within. `low` and `high` are what the band's edges stand for."""

    points: str
    usual: tuple[float, float] | None
    onset: float | None
    begin: datetime
    end: datetime
    low: float | None
    high: float | None

    @property
    def time(self) -> str:
        """How its moments are told: `clock`, or `date` where they are not all of one day."""
        return "clock" if self.end - self.begin < ONE_DAY else "date"


def trace(moved: Moved, since: datetime) -> Trace | None:
    """The drawing of a number that moved since then; None where fewer than two points are known."""
    shown = around(moved.history, since)
    if len(shown) < 2 or shown[0].at == shown[-1].at:
        return None
    begin, end = shown[0].at, shown[-1].at
    low, high = usual(moved) or (None, None)
    top, scale = _scale([each.value for each in shown] + [each for each in (low, high) if each is not None])

    def x(at: datetime) -> float:
        return WIDTH * ((at - begin) / (end - begin))

    def y(value: float) -> float:
        return (top - value) * scale

    band = None if low is None or high is None else (y(high), y(low) - y(high))
    line = " ".join(f"{x(each.at):.1f},{y(each.value):.1f}" for each in shown)
    return Trace(line, band, x(since) if begin <= since <= end else None, begin, end, low, high)


def usual(moved: Moved) -> tuple[float, float] | None:
    """Between which values the number usually is, by the reference; None where it does not say."""
    sd = abs((moved.after - moved.before) / moved.sigmas) if moved.sigmas else 0.0
    if not sd or not isfinite(sd):
        return None
    return moved.before - USUAL_SIGMAS * sd, moved.before + USUAL_SIGMAS * sd


def around(history: Sequence[Point], since: datetime) -> list[Point]:
    """The part of a history that shows the change: as long before it as after it, and a few points at least. The rest,
    which may be a week, would press it against the edge."""
    if not history:
        return []
    after = max(history[-1].at - since, LEAST_AFTER)
    before = [each for each in history if each.at < since]
    enough = before[-LEAST_BEFORE].at if len(before) >= LEAST_BEFORE else history[0].at
    begin = min(since - after, enough)
    return [each for each in history if each.at >= begin]


def _scale(values: Sequence[float]) -> tuple[float, float]:
    """The value at the upper edge, and how many units of the picture one of the number's is."""
    low, high = min(values), max(values)
    room = (high - low) * MARGIN or abs(high) * MARGIN or 1.0
    return high + room, HEIGHT / (high - low + 2 * room)
