"""Scoring: a batch of prepared frames becomes one verdict each, by the bundle that serves its station."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from andon.errors import Invalid
from andon.inference import Outputs
from andon.records import PreparedFrame, Score, Unscorable, Verdict, read_prepared, write_event
from andon.stage import Message, Record, Rejected, Result
from andon.topics import SCORES
from andon_scoring.where import heat_map_png, regions


class Model(Protocol):
    """An open model, as andon.inference.Model: uint8 [N, *shape] in, raw scores and maps out."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one frame."""

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        """Scores a batch. Raises Broken when the device fails."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A bundle that passed its gate: `model` open, `threshold` raw, `preparation` the digest it was made for."""

    digest: str
    model: Model
    threshold: float
    preparation: str


Choose = Callable[[PreparedFrame], Loaded | Unscorable]
"""Which bundle scores this frame, or why none can."""


@dataclass(frozen=True, slots=True)
class Scored(Message):
    """A verdict as a message, and as it was before: so that nobody who counts has to read it again."""

    score: Score = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class _Task:
    """A frame that `bundle` scores. `index` is its place in the batch, `tensor` its uint8 [h, w, c] bytes."""

    index: int
    prepared: PreparedFrame
    tensor: bytes
    bundle: Loaded


class Scoring:
    """The handler: one graph call a bundle (in pieces of `max_batch`), results in the order of the frames."""

    __slots__ = ("_choose", "_max_batch")

    def __init__(self, choose: Choose, max_batch: int = 32) -> None:
        self._choose = choose
        self._max_batch = max_batch

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """One score, or one rejection, for every record, in their order."""
        results: dict[int, Result] = {}
        groups: defaultdict[str, list[_Task]] = defaultdict(list)
        for index, record in enumerate(records):
            task = self._task(index, record, now)
            if isinstance(task, _Task):
                groups[task.bundle.digest].append(task)
            else:
                results[index] = task
        for group in groups.values():
            for start in range(0, len(group), self._max_batch):
                results |= _scored(group[start : start + self._max_batch], now)
        return [results[index] for index in range(len(records))]

    def _task(self, index: int, record: Record, now: datetime) -> _Task | Result:
        """The frame with the bundle that scores it, or what is to be said without one."""
        try:
            prepared = read_prepared(record)
        except Invalid as error:
            return Rejected(record, error.reason, error.detail)
        chosen = self._choose(prepared)
        if isinstance(chosen, Loaded) and chosen.model.shape != prepared.shape:
            chosen = Unscorable.WRONG_PREPARATION  # whatever its headers claim, the model does not take it
        if isinstance(chosen, Loaded):
            return _Task(index, prepared, record.value, chosen)
        return _message(unscorable(prepared, chosen, now))


def _scored(tasks: Sequence[_Task], now: datetime) -> dict[int, Result]:
    """The results of tasks of one bundle, by their place in the batch."""
    frames, tensors = [task.prepared for task in tasks], [task.tensor for task in tasks]
    scores = score_batch(tasks[0].bundle, frames, tensors, now)
    return {task.index: _message(score) for task, score in zip(tasks, scores, strict=True)}


def score_batch(
    bundle: Loaded, frames: Sequence[PreparedFrame], tensors: Sequence[bytes], now: datetime
) -> list[Score]:
    """The verdicts of one bundle on N prepared frames; `tensors` are their uint8 [h, w, c] bytes."""
    batch: NDArray[np.uint8] = np.empty((len(frames), *bundle.model.shape), np.uint8)
    for row, tensor in zip(batch, tensors, strict=True):
        row[:] = np.frombuffer(tensor, np.uint8).reshape(bundle.model.shape)
    outputs = bundle.model.run(batch)
    return [_score(bundle, prepared, outputs, row, now) for row, prepared in enumerate(frames)]


def unscorable(prepared: PreparedFrame, why: Unscorable, now: datetime, bundle: str | None = None) -> Score:
    """The verdict on a frame that cannot be scored."""
    return _verdict(prepared, now, verdict=Verdict.UNSCORABLE, unscorable=why, bundle=bundle)


def _score(bundle: Loaded, prepared: PreparedFrame, outputs: Outputs, row: int, now: datetime) -> Score:
    problem = outputs.problems[row]
    if problem is not None:
        return unscorable(prepared, problem, now, bundle.digest)
    score, anomaly_map = float(outputs.score[row]), outputs.map[row]
    anomalous = score > bundle.threshold
    return _verdict(
        prepared,
        now,
        verdict=Verdict.ANOMALOUS if anomalous else Verdict.OK,
        score=score,
        threshold=bundle.threshold,
        bundle=bundle.digest,
        regions=regions(anomaly_map, bundle.threshold, prepared.crop) if anomalous else (),
        heat_map=heat_map_png(anomaly_map, bundle.threshold) if anomalous else None,
    )


def _verdict(prepared: PreparedFrame, now: datetime, **what: object) -> Score:
    frame = prepared.frame
    return Score.model_construct(
        schema_version=1,
        frame_id=frame.frame_id,
        station=frame.station,
        epoch=frame.epoch,
        seq=frame.seq,
        product=frame.product,
        part=frame.part,
        subject=frame.subject,
        captured_at=frame.captured_at,
        scored_at=now,
        width=prepared.width,
        height=prepared.height,
        frame=prepared.place,
        dataref=frame.dataref,
        skipped=frame.skipped,
        health=prepared.health,
        **what,  # type: ignore[arg-type]
    )


def _message(score: Score) -> Scored:
    return Scored(SCORES, score.station.encode(), write_event(score), score=score)
