"""What scoring counts beyond every stage: verdicts, how old a frame is when it gets its own, and graph calls."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter, Gauge, Histogram

from andon.by_station import OTHERS, ByStation
from andon.inference import Backbone as OpenBackbone
from andon.inference import Features, Outputs
from andon.kafka.source import Place
from andon.metrics import Metrics
from andon.records import Score, Verdict
from andon.stage import Handler, Message, Record, Result
from andon.tracing.context import context_in
from andon.tracing.spans import Spans, no_span
from andon_scoring.score import Model, Scored

DEADLINE_S = 2.5
TIDY_EVERY_S = 5.0
Assignment = Callable[[], Sequence[Place]]
"""The (topic, partition)s that are ours."""


def counted(
    handle: Handler, metrics: Metrics, deadline_s: float = DEADLINE_S, assignment: Assignment | None = None
) -> Handler:
    """`handle`, with its verdicts counted. `assignment` tells whose stations are still ours to show."""
    verdicts = Verdicts(metrics, deadline_s)
    newest = Newest(metrics.last_frame)

    def count(records: Sequence[Record], now: datetime) -> list[Result]:
        results = list(handle(records, now))
        scored = [each for each in results if isinstance(each, Scored)]
        for each in scored:
            verdicts.count(each)
        newest.note(records, [each.score for each in scored])
        if assignment is not None:
            newest.tidy(assignment)
        return results

    return count


class _OfStation(NamedTuple):
    """The series of one station, each there from its first frame on."""

    verdicts: dict[Verdict, Counter]
    late: Counter
    ratio: Histogram


class Verdicts:
    """Counts them by station and, over all stations, by whether they came in time: within `deadline_s` of capture.
    Golden frames stand in no statistic, and what was sent again says nothing of how quick the line is.
    """

    __slots__ = ("_age", "_deadline_s", "_golden", "_judged", "_metrics", "_of")

    def __init__(self, metrics: Metrics, deadline_s: float) -> None:
        self._metrics = metrics
        self._deadline_s = deadline_s
        self._age = metrics.frame_age
        self._golden = {each: metrics.golden_frames.labels(each.value) for each in Verdict}
        self._judged = {each: metrics.frames_judged.labels(each) for each in ("in_time", "late", "unscorable")}
        self._of = ByStation(self._made)

    def count(self, scored: Scored) -> None:
        """One verdict."""
        score = scored.score
        if score.golden is not None:
            self._golden[score.verdict].inc()
            return
        of, exemplar = self._of(score.station), _exemplar(scored)
        of.verdicts[score.verdict].inc()
        if score.ratio is not None:
            of.ratio.observe(score.ratio, exemplar)
        if not score.replayed:
            self._time(score, of, exemplar)

    def _time(self, score: Score, of: _OfStation, exemplar: dict[str, str]) -> None:
        age_s = max(0.0, (score.scored_at - score.captured_at).total_seconds())
        self._age.observe(age_s, exemplar)
        if score.verdict is Verdict.UNSCORABLE:
            self._judged["unscorable"].inc()
            return
        is_late = age_s > self._deadline_s
        self._judged["late" if is_late else "in_time"].inc()
        of.late.inc(is_late)

    def _made(self, station: str) -> _OfStation:
        metrics = self._metrics
        return _OfStation(
            {each: metrics.frames_scored.labels(station, each.value) for each in Verdict},
            metrics.frames_late.labels(station),
            metrics.score_ratio.labels(station),
        )


def _exemplar(scored: Scored) -> dict[str, str]:
    """Which frame it was, and its trace where it has one."""
    context = context_in(scored.headers)
    trace = {"trace_id": context.trace_id} if context else {}
    return trace | {"frame_id": str(scored.score.frame_id)}


class Newest:
    """When the newest scored frame of each station was taken, never later than it was scored. A station's series goes
    when its partition does, so that no process shows what another knows better.
    """

    __slots__ = ("_at", "_clock", "_due", "_gauge", "_made", "_place")

    def __init__(self, gauge: Gauge, clock: Callable[[], float] = time.monotonic) -> None:
        self._gauge = gauge
        self._clock = clock
        self._due = clock()
        self._place: dict[str, Place] = {}
        self._at: dict[str, float] = {}
        self._made = ByStation(str)

    def note(self, records: Sequence[Record], scores: Sequence[Score]) -> None:
        """The scores of `records`."""
        where = {record.key: (record.topic, record.partition) for record in records}
        for score in scores:
            place = where.get(score.station.encode())
            if place is None or score.golden is not None or self._made(score.station) == OTHERS:
                continue
            at = min(score.captured_at, score.scored_at).timestamp()
            if at > self._at.get(score.station, 0.0):
                self._at[score.station] = at
                self._gauge.labels(score.station).set(at)
            self._place[score.station] = place

    def tidy(self, assignment: Assignment) -> None:
        """Now and then: removes the stations whose partition is not ours any more."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + TIDY_EVERY_S
        ours = set(assignment())
        for station in [each for each, place in self._place.items() if place not in ours]:
            del self._place[station]
            if self._at.pop(station, None) is not None:
                self._gauge.remove(station)


def counted_shadows(handle: Handler, metrics: Metrics) -> Handler:
    """`handle`, with the verdicts of shadows counted: apart, so that no rule about a station's verdicts sees them."""
    of = ByStation(lambda station: {each: metrics.shadow_frames_scored.labels(station, each.value) for each in Verdict})

    def count(records: Sequence[Record], now: datetime) -> list[Result]:
        results = list(handle(records, now))
        for result in results:
            if isinstance(result, Scored) and result.score.golden is None:
                of(result.score.station)[result.score.verdict].inc()
        return results

    return count


def with_news(handle: Handler, news: Callable[[], Sequence[Message]]) -> Handler:
    """`handle`, with what there is to tell about bundles after its results."""

    def both(records: Sequence[Record], now: datetime) -> list[Result]:
        return [*handle(records, now), *news()]

    return both


class TimedBackbone:
    """A backbone whose calls are timed and sized. `size` is what it takes of memory, in bytes; `most` frames go into
    one call."""

    __slots__ = ("__weakref__", "_metrics", "_most", "_span", "backbone", "size")

    def __init__(self, backbone: OpenBackbone, size: int, metrics: Metrics, most: int, span: Spans = no_span) -> None:
        self._span = span
        self.backbone = backbone
        self.size = size
        self._metrics = metrics
        self._most = most

    def run(self, batch: NDArray[np.uint8]) -> Features:
        """As the backbone."""
        _sized(self._metrics, len(batch), self._most)
        with self._span("graph call", frames=len(batch)), self._metrics.inference_seconds.time():
            return self.backbone.run(batch)


class Timed:
    """A model whose graph calls are timed and sized; `most` frames go into one. A head's frames were counted where its
    backbone ran."""

    __slots__ = ("_backbone", "_metrics", "_model", "_most", "_span")

    def __init__(
        self,
        model: Model,
        metrics: Metrics,
        most: int,
        backbone: TimedBackbone | None = None,
        span: Spans = no_span,
    ) -> None:
        self._model = model
        self._span = span
        self._most = most
        self._backbone = backbone
        self._metrics = metrics

    @property
    def shape(self) -> tuple[int, int, int]:
        """As the model."""
        return self._model.shape

    @property
    def backbone(self) -> TimedBackbone | None:
        """What it goes on from, timed too."""
        return self._backbone

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        """As the model."""
        if self._backbone is not None:
            return self.judge(self._backbone.run(batch))
        _sized(self._metrics, len(batch), self._most)
        with self._span("graph call", frames=len(batch)), self._metrics.inference_seconds.time():
            return self._model.run(batch)

    def judge(self, features: Features) -> Outputs:
        """As the model."""
        with self._span("head"), self._metrics.head_seconds.time():
            return self._model.judge(features)


def _sized(metrics: Metrics, frames: int, most: int) -> None:
    metrics.inference_batch.observe(frames)
    metrics.inference_fill.observe(frames / most)
