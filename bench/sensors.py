"""Real sensor readings through the charts, and what they cost: `python bench/sensors.py FOLDER`, of SKAB's files.

SKAB (eight sensors of a water loop at 1 Hz) has one long run without a fault, and files of twenty minutes in which a
valve is turned. The run is learned from its first 5,000 seconds. A file with a valve is too short to learn from: its
reference is forced from the good rows of the other one and the first 400 of its own, and it is watched from there on.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from machine import machine
from numpy.typing import NDArray
from report import Table, write
from rich.console import Console

from andon.charts import BASE, Alarm, Charts, Learned, Sample, TooFew, learn
from andon.records import Reading, read_reading, write_event
from andon.records.baseline import SIGNALS, Baseline
from andon.stage import Record
from andon_drift.sensors import Sensors, beside
from andon_ingest.signals.table import Seen, rows, understand

LEARNED, OWN, MONTH_S = 5000, 400, 30 * 86_400
NOTICED_S, ASKED_S = 180, 120  # a finding comes so long after a valve is turned; the clean run is asked so often
VALVES = ("valve1_0", "valve1_6")
START = datetime(2026, 1, 1, tzinfo=UTC)
RESULTS = Path(__file__).parent / "results" / "sensors"
Doubles = NDArray[np.float64]
Row = list[str]


@dataclass(frozen=True)
class File:
    """One file: names, values [n, F], and whether the valve is turned [n]."""

    names: tuple[str, ...]
    values: Doubles
    turned: NDArray[np.bool_]

    @property
    def onset(self) -> int:
        """When the valve was turned, as the labels say."""
        return int(np.argmax(self.turned))

    def only(self, names: Sequence[str]) -> "File":
        """Some of its numbers."""
        return File(tuple(names), self.values[:, [self.names.index(each) for each in names]], self.turned)


def read(folder: Path, name: str) -> File:
    """The file, as `andon signals` reads it."""
    table = understand(folder / f"skab_{name}.csv")
    found = list(rows(table, Seen()))
    names = tuple(each.name for each in table.columns if each.name not in ("anomaly", "changepoint"))
    values = np.array([[row.values[each] for each in names] for row in found])
    return File(names, values, np.array([row.values.get("anomaly", 0) > 0 for row in found]))


def sample(values: Doubles, names: Sequence[str]) -> Sample:
    """Readings as charts take them."""
    return Sample(values, tuple(names), np.zeros(len(values), bool))


def run_length(names: Sequence[str]) -> float:
    """One false ticket in 30 days, of two charts a number and T-squared."""
    return MONTH_S * (2.0 * len(names) + 1)


def learned(values: Doubles, names: Sequence[str]) -> Learned | TooFew:
    """A reference of some numbers."""
    return learn(sample(values, names), run_length=run_length(names), ewma=(), together=True)


@contextmanager
def forced() -> Iterator[None]:
    """Learns from what there is, however much the numbers wander."""
    module = sys.modules["andon.charts.learn"]
    enough = module.ENOUGH
    module.ENOUGH = 0
    try:
        yield
    finally:
        module.ENOUGH = enough


def watch(found: Learned, frames: int, values: Doubles, names: Sequence[str]) -> list[tuple[int, Alarm]]:
    """The alarms on `values`, and after how many rows."""
    parts = {"watched": found.watched, "together": found.together}
    about = {"station": "loop", "bundle": SIGNALS, "since": START, "until": START, "frames": frames, "period_s": 1}
    charts = Charts(Baseline.model_validate(about | parts | {"run_length": run_length(names), "tickets": 1}))
    columns, alarms = [names.index(each) for each in charts.names], []
    for at in range(0, len(values) - BASE + 1, BASE):
        step = charts.advance(sample(values[at : at + BASE][:, columns], charts.names))
        alarms += [(at + BASE, alarm) for alarm in step.alarms]
    return alarms


def told(alarms: Sequence[tuple[int, Alarm]], after: int = 0) -> str:
    """In words."""
    return ", ".join(f"{alarm.name} ({alarm.chart}) at {at - after} s" for at, alarm in alarms) or "nothing"


def settled(file: File) -> tuple[str, ...]:
    """The numbers that 5,000 readings are enough for."""
    return tuple(
        name for name in file.names if isinstance(learned(file.only([name]).values[:LEARNED], [name]), Learned)
    )


def clean(file: File) -> list[Row]:
    """The run without a fault."""
    calm = settled(file)
    some = file.only(calm)
    found = learned(some.values[:LEARNED], calm)
    assert isinstance(found, Learned)
    with forced():
        whole = learned(file.values[:LEARNED], file.names)
    assert isinstance(whole, Learned)
    rest = [each for each in file.names if each not in calm]
    return [
        [f"learned: {', '.join(calm)}", told(watch(found, LEARNED, some.values[LEARNED:], calm))],
        [f"not learned: {', '.join(rest)}", "more readings are asked for"],
        ["all, forced", told(watch(whole, LEARNED, file.values[LEARNED:], file.names))],
    ]


def valve(name: str, file: File, other: File) -> Row:
    """A file in which the valve is turned; times are counted from then."""
    good = other.values[~other.turned]
    reference = np.concatenate([good[: len(good) // BASE * BASE], file.values[:OWN]])
    with forced():
        found = learned(reference, file.names)
    assert isinstance(found, Learned)
    alarms = watch(found, len(reference), file.values[OWN:], file.names)
    sensors = fed(file, len(file.turned) - int(np.argmax(file.turned[::-1])))
    since, at = (START + timedelta(seconds=each) for each in (file.onset + NOTICED_S, sensors_end(sensors)))
    moved = beside(sensors, since, at)
    named = [
        f"{m.name} {m.sigmas:+.1f} sigma since {(m.since - START).total_seconds() - file.onset:.0f} s"
        for m in moved
        if m.since
    ]
    return [name, str(len(reference)), told(alarms, file.onset - OWN), ", ".join(named) or "nothing"]


def sensors_end(sensors: Sensors) -> float:
    """The last point's end, in seconds from START."""
    return float(sensors.ring.end[-1]) - START.timestamp()


def fed(file: File, count: int) -> Sensors:
    """What is remembered of the first `count` rows."""
    sensors = Sensors()
    for reading in readings(file, count):
        sensors.take(reading)
    return sensors


def readings(file: File, count: int) -> Iterator[Reading]:
    """The rows as records."""
    for second, row in enumerate(file.values[:count].tolist()):
        values = dict(zip(file.names, row, strict=True))
        yield Reading(station="loop", at=START + timedelta(seconds=second), values=values)


def idle(file: File) -> list[Row]:
    """Findings that are none, all over the clean run: which readings would be named beside them."""
    sensors, named, asked, calm = Sensors(), {False: 0, True: 0}, 0, settled(file)
    for second, reading in enumerate(readings(file, len(file.values))):
        sensors.take(reading)
        if second >= 1800 and second % ASKED_S == 0:
            asked += 1
            for moved in beside(sensors, reading.at - timedelta(minutes=5), reading.at):
                named[moved.name in calm] += 1
    counts = {True: len(calm), False: len(file.names) - len(calm)}
    words = {True: "those that are learned", False: "the others"}
    return [[words[each], f"{named[each]} of {asked * counts[each]}"] for each in (True, False)]


def costs(file: File) -> list[Row]:
    """Microseconds of CPU for one reading of eight numbers, and bytes."""
    values = [write_event(each) for each in readings(file, len(file.values))]
    records = [Record("signals", 0, n, b"loop", value) for n, value in enumerate(values)]
    begin = time.process_time()
    found = [read_reading(record) for record in records]
    parsed = time.process_time()
    sensors = Sensors()
    for each in found:
        sensors.take(each)
    taken = time.process_time()
    text = sensors.dump()
    again = [Sensors.load(text) for _ in range(100)]
    loaded = time.process_time()
    for each_again in again:
        each_again.dump()
    dumps = time.process_time()
    for each_again in again:
        each_again.dump()
    last = time.process_time()
    per = 1e6 / len(records)
    return [
        ["read a record", f"{(parsed - begin) * per:.0f} us"],
        ["take it into the last day", f"{(taken - parsed) * per:.0f} us"],
        ["pack the last day, once in ten readings", f"{(dumps - loaded) * 1e4:.0f} us"],
        ["pack the rest, once a second", f"{(last - dumps) * 1e4:.0f} us"],
        ["kept", f"{len(text)} bytes"],
    ]


def main(folder: Annotated[Path, typer.Argument(help="Holds skab_anomaly-free.csv and the two with a valve.")]) -> None:
    """Measures, prints, and writes bench/results/sensors."""
    console, run = Console(stderr=True), read(folder, "anomaly-free")
    first, second = (read(folder, each) for each in VALVES)
    valves = [valve(VALVES[0], first, second), valve(VALVES[1], second, first)]
    tables = [
        Table("A run without a fault: learned from 5,000 s, watched for 4,405 s", ["numbers", "told"], clean(run)),
        Table(
            "A valve is turned for 400 s", ["file", "forced from", "told, from then", "named beside a finding"], valves
        ),
        Table("Named beside a finding that is none", ["readings", "named"], idle(run)),
        Table("What it costs", ["", "measured"], costs(run)),
    ]
    for table in tables:
        table.show(console)
    write(RESULTS, "Sensors beside the pictures", machine(), tables, {each.title: each.rows for each in tables})


if __name__ == "__main__":
    typer.run(main)
