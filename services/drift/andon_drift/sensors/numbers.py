"""A station's readings as naming wants them, and which alarms of theirs matter to anybody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import sqrt
from statistics import median

import numpy as np

from andon.charts import TOGETHER, Alarm
from andon.records.baseline import Baseline, Watched
from andon.records.drift import Chart
from andon_drift.naming import Number
from andon_drift.sensors.beside import history, series_of
from andon_drift.sensors.sensors import Sensors

LEAST_SIGMAS = 0.5
"""The least change that matters, in standard deviations of the reference: who knows what a kelvin means here."""

LEAST_DISTANCE = 0.3
"""The least Wasserstein distance that matters, in normal scores: a spread that is 1.4 times as wide has it."""

RECENT_S = 120.0  # what a reading is now is its mean over so long, or since it changed


def numbers(
    sensors: Sensors, baseline: Baseline, means: Mapping[str, float], alarms: Iterable[Alarm], at: datetime
) -> dict[str, Number]:
    """Every watched reading by name: `naming.Seen.numbers` of the sensors' place.

    `means` are the charts' mean normal scores. Alarms that do not matter are left out; that of all readings together is
    given to the one that is farthest off, so that people see where to look.
    """
    alarms = sorted(alarms, key=lambda each: each.name == TOGETHER)
    since = at.timestamp() - _recent_s(alarms, baseline)
    found = {
        name: _number(sensors, name, watched, means.get(name, 0.0), since, at)
        for name, watched in baseline.watched.items()
    }
    for alarm in alarms:
        name = alarm.name if alarm.name in found else _farthest(found)
        if not name:
            continue
        off = replace(found[name], mean_z=_mean_z(found[name], alarm, baseline.watched[name]))
        told = found[name].alarm is None and matters(alarm, off, baseline)
        found[name] = replace(off, alarm=alarm) if told else off
    return found


def matters(alarm: Alarm, number: Number | None, baseline: Baseline) -> bool:
    """Whether the change is large enough to be told: of the mean, of the spread, or of all readings from each other."""
    if alarm.chart is Chart.HOTELLING:
        return _distance(alarm, baseline) >= LEAST_SIGMAS
    if alarm.chart is Chart.WASSERSTEIN:
        return alarm.statistic >= LEAST_DISTANCE
    return number is not None and abs(number.mean_z) >= LEAST_SIGMAS


def _distance(alarm: Alarm, baseline: Baseline) -> float:
    """Mahalanobis' distance of a window's mean, of which T-squared is as many times the square as the window holds
    independent readings: by how much the means of blocks vary less than single readings do, in the middle number."""
    if baseline.together is None:
        return 0.0
    window = baseline.together.window
    independent = median(window / (each.block * each.spread**2) for each in baseline.watched.values())
    return sqrt(alarm.statistic / independent)


def _recent_s(alarms: Sequence[Alarm], baseline: Baseline) -> float:
    """How far back the readings are those of now: not to before the change."""
    row_s = baseline.period_s * baseline.every
    return min([RECENT_S, *(each.frames * row_s for each in alarms if each.frames > 0)])


def _number(sensors: Sensors, name: str, watched: Watched, mean_z: float, since: float, at: datetime) -> Number:
    after = _now(sensors, name, since, at)
    sd = watched.sd or 1.0
    return Number(
        before=watched.mean,
        after=after,
        sigmas=(after - watched.mean) / sd,
        mean_z=mean_z,
        unit=sensors.units.get(name, ""),
        least=LEAST_SIGMAS * watched.sd,
        history=history(sensors, name, at),
    )


def _mean_z(number: Number, alarm: Alarm, watched: Watched) -> float:
    """How far it moved, in normal scores: of a CUSUM since it was last at zero, which the luck of the last frames does
    not sway (D. C. Montgomery, "Introduction to Statistical Quality Control", section 9.1: k + C / N)."""
    if alarm.chart is not Chart.CUSUM or alarm.frames <= 0:
        return number.mean_z
    moved = watched.spread * (watched.slack + alarm.statistic * watched.block / alarm.frames)
    return moved if alarm.up else -moved


def _now(sensors: Sensors, name: str, since: float, at: datetime) -> float:
    """The mean of the points that began after `since`, in Unix time; of the last one, where that is too soon."""
    if name not in sensors.ring.names:
        return np.nan
    series = series_of(sensors, name)
    late = (series.end >= at.timestamp() - RECENT_S) & (series.begin <= at.timestamp())
    if not late.any():
        return np.nan
    late &= series.begin >= min(since, series.begin[late][-1])
    return float(np.average(series.mean[late], weights=series.rows[late]))


def _farthest(found: Mapping[str, Number]) -> str:
    return max(found, key=lambda name: abs(found[name].mean_z), default="")
