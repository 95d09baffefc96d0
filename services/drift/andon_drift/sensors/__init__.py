"""What sensors beside a station read: rows for the charts, and what moved around the onset of something else.

A station's sensors are a place of their own: bundle `andon.records.baseline.SIGNALS`, no product. It learns, is watched
and goes stale by the same rules as a place of frames; a `Row` is to it what a frame is to the others. `Sensors` is what
is remembered of one station, by `dump` and `load`. Sensors that say nothing for STALE_S are shown as stale:

    taken = sensors.take(read_reading(record), record.timestamp_ms)   # Taken(why, row): a row, or None
    row.at, row.vector(names)          # float64 [F]; NaN where a name has not been heard for HOLD_S
    sensors.names                      # of all rows from now on, sorted; while it learns, other names: learn anew
    sensors.near(at)                   # {name: value} of the reading nearest to a frame's time, within NEAR_S
    sensors.dump() -> str; Sensors.load(text)        # printable ASCII, < 4 kB for 8 sensors

Learning: `charts.learn(sample, run_length=..., ewma=(), together=True)`; a baseline's units are `sensors.units`.

Its alarms become findings as those of frames do, by `naming.Seen` with bundle SIGNALS and no pictures (width and height
1): `Seen.numbers = numbers(sensors, baseline, charts.means(), alarms, at)`, for those alarms that matter:

    found = numbers(...); told = [alarm for alarm in alarms if matters(alarm, found.get(alarm.name), baseline)]

A drift or a reject rate found in the pictures gets `Drift.sensors = beside(sensors, since, at, baseline)`: the readings
that moved by 2 sigma or more around `since`, with their own onset in `Moved.since`; what moved before the pictures is
named first.
"""

from andon_drift.sensors.beside import beside
from andon_drift.sensors.numbers import matters, numbers
from andon_drift.sensors.rows import HOLD_S, Row, Taken, Why
from andon_drift.sensors.sensors import NEAR_S, STALE_S, Sensors

__all__ = ["HOLD_S", "NEAR_S", "STALE_S", "Row", "Sensors", "Taken", "Why", "beside", "matters", "numbers"]
