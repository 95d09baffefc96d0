"""Andon's charts on many streams at once: each stream a number, with a reference of its own."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import mean

import numpy as np
from streams_made import Doubles

from andon.charts import BASE, Charts, Sample, TooFew, learn
from andon.records.baseline import Baseline, Watched
from andon.records.drift import Chart

LEAST = 5000


@dataclass(frozen=True)
class Alarm:
    """At `frame` of stream `column`; the alarm lasted until `until`."""

    frame: int
    column: int
    until: int


@dataclass
class Ours:
    """References of many streams: `frames` is how many each was learned from."""

    watched: dict[str, Watched] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)

    @property
    def learned_from(self) -> float:
        """Frames, on average."""
        return mean(self.frames)

    def baseline(self, run_length: float) -> Baseline:
        """All of them as one reference."""
        now = datetime.now(UTC)
        return Baseline(
            station="bench",
            bundle="streams",
            since=now,
            until=now,
            frames=LEAST,
            period_s=1.0,
            run_length=run_length,
            tickets=1.0,
            watched=self.watched,
        )


def learned(make: Callable[[int], Doubles], streams: int, run_length: float) -> Ours:
    """`make(n)` gives n frames of one stream [n]; more are asked for when the charts say so."""
    ours = Ours()
    for number in range(streams):
        name, frames = f"s{number}", LEAST
        while isinstance(found := learn(_sample(make(frames), name), run_length=run_length, ewma=(name,)), TooFew):
            frames = found.wanted
        ours.watched |= found.watched
        ours.frames.append(frames)
    return ours


def _sample(values: Doubles, name: str) -> Sample:
    return Sample(values[:, None], (name,), np.zeros(len(values), dtype=np.bool_))


def alarms(ours: Ours, stream: Doubles) -> dict[Chart, list[Alarm]]:
    """Of every chart, from its beginning, on stream [n, streams]."""
    charts = Charts(ours.baseline(1.0))
    column = {name: at for at, name in enumerate(charts.names)}
    calm = np.zeros(BASE, dtype=np.bool_)
    open_: dict[tuple[str, Chart], int] = {}
    found: dict[Chart, list[Alarm]] = defaultdict(list)
    for begin in range(0, len(stream) - BASE + 1, BASE):
        at = begin + BASE
        step = charts.advance(Sample(stream[begin:at], charts.names, calm))
        open_ |= {(alarm.name, alarm.chart): at for alarm in step.alarms}
        for name, chart in step.recovered:
            found[chart].append(Alarm(open_.pop((name, chart)), column[name], at))
    for (name, chart), frame in open_.items():
        found[chart].append(Alarm(frame, column[name], len(stream)))
    return found
