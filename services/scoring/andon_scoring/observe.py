"""What scoring counts beyond every stage: verdicts, and how old a frame is when it gets its own."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from andon.inference import Outputs
from andon.metrics import Metrics
from andon.records import Score
from andon.stage import Handler, Record, Result
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


class Timed:
    """A model whose graph calls are timed and sized."""

    __slots__ = ("_batch", "_model", "_seconds")

    def __init__(self, model: Model, metrics: Metrics) -> None:
        self._model = model
        self._seconds = metrics.inference_seconds
        self._batch = metrics.inference_batch

    @property
    def shape(self) -> tuple[int, int, int]:
        """As the model."""
        return self._model.shape

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        """As the model."""
        self._batch.observe(len(batch))
        with self._seconds.time():
            return self._model.run(batch)


def _count(score: Score, metrics: Metrics) -> None:
    metrics.frames_scored.labels(score.station, score.verdict.value).inc()
    metrics.frame_age.observe(max(0.0, (score.scored_at - score.captured_at).total_seconds()))
    if score.ratio is not None:
        metrics.score_ratio.labels(score.station).observe(score.ratio)
