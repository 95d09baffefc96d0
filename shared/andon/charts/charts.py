"""The running charts of one place."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from andon.charts import packing
from andon.charts.bernoulli import Bernoulli
from andon.charts.cusum import Cusum
from andon.charts.ewma import Ewma
from andon.charts.fixed import Fixed, Running, Tick
from andon.charts.gathering import Gathering
from andon.charts.hotelling import Hotelling, Together
from andon.charts.normal_scores import grid
from andon.charts.places import Gathered, is_watched
from andon.charts.sample import BASE, Doubles, Sample
from andon.charts.wasserstein import Wasserstein
from andon.records.baseline import Baseline
from andon.records.drift import Chart

EMBEDDING, TOGETHER = "embedding", "together"


@dataclass(frozen=True)
class Alarm:
    """`statistic` of `chart` on `name` passed `limit`; `up`: it rose, None where the chart cannot tell. The
    change began about `frames` frames ago, as the chart estimates it."""

    name: str
    chart: Chart
    statistic: float
    limit: float
    up: bool | None
    frames: int


@dataclass(frozen=True)
class Step:
    """What a base block changed: charts that alarmed, and charts whose number is back."""

    alarms: tuple[Alarm, ...] = ()
    recovered: tuple[tuple[str, Chart], ...] = ()


class Charts:
    """The running charts of one place: every chart that its reference has a limit for.

    A chart that has alarmed stays active, and does not alarm again, until it has recovered; then it starts from zero.
    """

    def __init__(self, baseline: Baseline) -> None:
        """From zero."""
        self.names = tuple(baseline.watched)
        self._grids = [grid(one) for one in baseline.watched.values()]
        self._mark = packing.fingerprint(baseline.model_dump_json())
        self._gathering = Gathering.new(Fixed.of(baseline.watched))
        self._running = list(_running(baseline, self._gathering.fixed))

    @classmethod
    def load(cls, baseline: Baseline, data: bytes) -> "Charts":
        """As `dump` left them; from zero where `data` is of another reference or another version."""
        charts = cls(baseline)
        packing.unpack(charts._states(), data, charts._mark)
        return charts

    def dump(self) -> bytes:
        """Everything that `advance` changes."""
        return packing.pack(self._states(), self._mark)

    def _states(self) -> list[object]:
        return [self._gathering, *self._running]

    def advance(self, block: Sample) -> Step:
        """Takes exactly BASE frames, their names in the order of the reference's."""
        tick = self._tick(block)
        alarms: list[Alarm] = []
        recovered: list[tuple[str, Chart]] = []
        for running in self._running:
            rang, over = running.advance(tick)
            if rang.any():
                alarms += _alarms(running, np.flatnonzero(rang).tolist())
            if over.any():
                recovered += [(running.names[at], running.chart) for at in np.flatnonzero(over).tolist()]
        return Step(tuple(alarms), tuple(recovered))

    def _tick(self, block: Sample) -> Tick:
        scores = self._scores(block.values)
        known = ~np.isnan(scores)
        sums, counts = np.where(known, scores, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64)
        step, there = self._gathering.advance(sums, counts)
        embedding = None if block.embedding is None else block.embedding.astype(np.float64)
        return Tick(scores, sums, counts, step, there, block.anomalous, embedding, block.peak)

    def _scores(self, values: Doubles) -> Doubles:
        if values.shape != (BASE, len(self.names)):
            raise ValueError(f"charts advance by {BASE} frames of {len(self.names)} numbers, not {values.shape}")
        scores = np.empty((len(self.names), BASE))
        for at, (xs, zs) in enumerate(self._grids):
            scores[at] = np.interp(values[:, at], xs, zs)
        return scores.T

    def statistics(self) -> Iterator[tuple[str, Chart, float, float, bool]]:
        """Name, chart, statistic, limit, and whether its alarm is active, of every chart that runs."""
        for running in self._running:
            rows = zip(running.names, running.statistic(), running.limit(), running.active(), strict=True)
            for name, statistic, limit, active in rows:
                if np.isfinite(limit):
                    yield name, running.chart, float(statistic), float(limit), bool(active)

    def means(self) -> dict[str, float]:
        """The mean normal score of each number over the last 50 frames; of its last block where that is longer."""
        return self._gathering.means()


def _running(baseline: Baseline, fixed: Fixed) -> Iterator[Running]:
    yield Cusum.new(fixed)
    if np.isfinite(fixed.ewma).any():
        yield Ewma.new(fixed)
    yield Wasserstein.new(fixed, baseline.watched)
    if baseline.embedding:
        yield Hotelling.new(Together.of(EMBEDDING, baseline.embedding))
    if baseline.together:
        columns = tuple(fixed.names.index(name) for name in baseline.together.names)
        yield Hotelling.new(Together.of(TOGETHER, baseline.together, columns))
    if baseline.rejects:
        yield Bernoulli.new(baseline.rejects, baseline.frames)
    if baseline.places and is_watched(baseline.places):
        yield Gathered.new(baseline.places)


def _alarms(running: Running, which: list[int]) -> Iterator[Alarm]:
    statistic, limit, rises, frames = running.statistic(), running.limit(), running.rises(), running.frames()
    for at in which:
        up = None if rises[at] == 0 else bool(rises[at] > 0)
        yield Alarm(running.names[at], running.chart, float(statistic[at]), float(limit[at]), up, int(frames[at]))
