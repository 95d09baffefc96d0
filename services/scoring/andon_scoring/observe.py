"""What scoring counts beyond every stage: verdicts, how old a frame is when it gets its own, and graph calls."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from andon.inference import Backbone as OpenBackbone
from andon.inference import Features, Outputs
from andon.metrics import Metrics
from andon.records import Score
from andon.stage import Handler, Message, Record, Result
from andon_scoring.score import Model, Scored


def counted(handle: Handler, metrics: Metrics) -> Handler:
    """`handle`, with its verdicts counted."""

    def count(records: Sequence[Record], now: datetime) -> list[Result]:
        results = list(handle(records, now))
        for result in results:
            if isinstance(result, Scored):
                _count(result.score, metrics)
        return results

    return count


def counted_shadows(handle: Handler, metrics: Metrics) -> Handler:
    """`handle`, with the verdicts of shadows counted: apart, so that no rule about a station's verdicts sees them."""

    def count(records: Sequence[Record], now: datetime) -> list[Result]:
        results = list(handle(records, now))
        for result in results:
            if isinstance(result, Scored) and result.score.golden is None:
                metrics.shadow_frames_scored.labels(result.score.station, result.score.verdict.value).inc()
        return results

    return count


def with_news(handle: Handler, news: Callable[[], Sequence[Message]]) -> Handler:
    """`handle`, with what there is to tell about bundles after its results."""

    def both(records: Sequence[Record], now: datetime) -> list[Result]:
        return [*handle(records, now), *news()]

    return both


class TimedBackbone:
    """A backbone whose calls are timed and sized. `size` is what it takes of memory, in bytes."""

    __slots__ = ("__weakref__", "_metrics", "backbone", "size")

    def __init__(self, backbone: OpenBackbone, size: int, metrics: Metrics) -> None:
        self.backbone = backbone
        self.size = size
        self._metrics = metrics

    def run(self, batch: NDArray[np.uint8]) -> Features:
        """As the backbone."""
        self._metrics.inference_batch.observe(len(batch))
        with self._metrics.inference_seconds.time():
            return self.backbone.run(batch)


class Timed:
    """A model whose graph calls are timed and sized. A head's frames were counted where its backbone ran."""

    __slots__ = ("_backbone", "_metrics", "_model")

    def __init__(self, model: Model, metrics: Metrics, backbone: TimedBackbone | None = None) -> None:
        self._model = model
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
        self._metrics.inference_batch.observe(len(batch))
        with self._metrics.inference_seconds.time():
            return self._model.run(batch)

    def judge(self, features: Features) -> Outputs:
        """As the model."""
        with self._metrics.head_seconds.time():
            return self._model.judge(features)


def _count(score: Score, metrics: Metrics) -> None:
    if score.golden is not None:
        metrics.golden_frames.labels(score.verdict.value).inc()
        return
    metrics.frames_scored.labels(score.station, score.verdict.value).inc()
    metrics.frame_age.observe(max(0.0, (score.scored_at - score.captured_at).total_seconds()))
    if score.ratio is not None:
        metrics.score_ratio.labels(score.station).observe(score.ratio)
