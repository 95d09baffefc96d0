"""The readings that moved around the onset of something else: what moved before the pictures is named first."""

from datetime import datetime

from andon.records.baseline import Baseline
from andon.records.drift import MOST_MOVED, MOST_POINTS, Moved, Point
from andon_drift.sensors.onset import Change, Series, Usual, change
from andon_drift.sensors.rows import moment
from andon_drift.sensors.sensors import Sensors

LEAST_SIGMAS = 2.0
"""A reading that moved by less is not mentioned."""

MINUTE_S = 60.0


def beside(sensors: Sensors, since: datetime, at: datetime, baseline: Baseline | None = None) -> tuple[Moved, ...]:
    """The readings that moved by LEAST_SIGMAS or more between the time before `since` and `at`.

    The earliest comes first, so what moved before the pictures did; of the same minute the largest. `Moved.since` is
    each one's own onset. Sigmas are those of `baseline`, the reference of the sensors; without one, of what they read
    in the shift before `since`.
    """
    found = [(name, series_of(sensors, name)) for name in sensors.names if name in sensors.ring.names]
    changes = [(name, change(each, since.timestamp(), at.timestamp(), usual(baseline, name))) for name, each in found]
    moved = [(name, each) for name, each in changes if each is not None and abs(each.sigmas) >= LEAST_SIGMAS]
    moved.sort(key=lambda each: (each[1].since // MINUTE_S, -abs(each[1].sigmas)))
    return tuple(_moved(sensors, name, each, at) for name, each in moved[:MOST_MOVED])


def usual(baseline: Baseline | None, name: str) -> Usual | None:
    """What the reference says of one reading; None where it does not know it."""
    watched = baseline.watched.get(name) if baseline else None
    return Usual(watched.mean, watched.sd) if watched else None


def series_of(sensors: Sensors, name: str) -> Series:
    """The points of one reading."""
    return Series(*sensors.ring.series(name), within=sensors.ring.variance(name))


def history(sensors: Sensors, name: str, at: datetime) -> tuple[Point, ...]:
    """The points of one reading up to `at`, MOST_POINTS at most; where there are more, the oldest are thinned out."""
    if name not in sensors.ring.names:
        return ()
    series = series_of(sensors, name)
    pairs = [
        pair for pair in zip(series.middle.tolist(), series.mean.tolist(), strict=True) if pair[0] <= at.timestamp()
    ]
    over = len(pairs) - MOST_POINTS
    kept = pairs[: 2 * over : 2] + pairs[2 * over :] if over > 0 else pairs
    return tuple(Point(at=moment(round(middle, 1)), value=mean) for middle, mean in kept[-MOST_POINTS:])


def _moved(sensors: Sensors, name: str, moved: Change, at: datetime) -> Moved:
    return Moved(
        name=name,
        unit=sensors.units.get(name, ""),
        before=moved.before,
        after=moved.after,
        sigmas=moved.sigmas,
        since=moment(moved.since),
        history=history(sensors, name, at),
    )
