"""Scoring: a batch of prepared frames becomes one verdict each, by the bundle that serves its station."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from andon.embedding import write_embedding
from andon.errors import Invalid
from andon.inference import Features, Outputs
from andon.records import PreparedFrame, Score, Unscorable, Verdict, identity_headers, read_prepared, write_event
from andon.stage import Held, Message, Record, Rejected, Result
from andon.topics import SCORES
from andon.where import heat_map_png, peak, regions


class Backbone(Protocol):
    """An open backbone, as andon.inference.Backbone. Bundles that share one have the same object."""

    def run(self, batch: NDArray[np.uint8]) -> Features:
        """The features of a batch. Raises Broken when the device fails."""


class Model(Protocol):
    """An open model, as andon.inference.Model: uint8 [N, *shape] in, raw scores and maps out, and embeddings."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one frame."""

    @property
    def backbone(self) -> Backbone | None:
        """What it goes on from, where it is a head."""

    def run(self, batch: NDArray[np.uint8]) -> Outputs:
        """Scores a batch. Raises Broken when the device fails."""

    def judge(self, features: Features) -> Outputs:
        """Scores a batch by what its backbone gave for it. Raises Broken when the device fails."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A bundle that passed its gate: `model` open, `threshold` raw, `preparation` the digest it was made for.

    `map_threshold` is for places, None: as `threshold`. `runtime` says what runs it. `size` is what it takes of
    memory, in bytes, without a backbone that others share; that takes `backbone_size`.
    """

    digest: str
    model: Model
    threshold: float
    preparation: str
    map_threshold: float | None = None
    runtime: str | None = None
    size: int = 0
    backbone_size: int = 0

    @property
    def place_threshold(self) -> float:
        """The raw map value above which a place is anomalous."""
        return self.threshold if self.map_threshold is None else self.map_threshold


class Wait(Enum):
    """No answer yet."""

    LOADING = "loading"  # what scores the frame is being loaded


Choice = tuple[Loaded, ...] | Unscorable | Wait
Choose = Callable[[PreparedFrame], Choice]
"""Which bundles score this frame, one score each; or why none can; or that it is too early to say."""


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
    """The handler: results in the order of the frames. A graph takes at most `max_batch` at once; a backbone that
    bundles share is run once over the frames of them all, each head on its own rows.
    """

    __slots__ = ("_choose", "_max_batch", "_topic")

    def __init__(self, choose: Choose, max_batch: int = 32, topic: str = SCORES) -> None:
        self._choose = choose
        self._max_batch = max_batch
        self._topic = topic

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """One score for each bundle that scores a record, or one rejection, for every record, in their order. From one
        that must wait, its partition is held.
        """
        results: list[list[Result]] = [[] for _ in records]
        tasks: list[_Task] = []
        held: set[tuple[str, int]] = set()
        for index, record in enumerate(records):
            if (record.topic, record.partition) in held:
                continue
            chosen = self._begin(index, record, now)
            if isinstance(chosen, Held):
                held.add((record.topic, record.partition))
            if isinstance(chosen, list):
                tasks += chosen
            else:
                results[index].append(chosen)
        for piece in _pieces(tasks, self._max_batch):
            for task, score in _scored(piece, now):
                results[task.index].append(self._message(score, task.prepared))
        return [result for each in results for result in each]

    def _begin(self, index: int, record: Record, now: datetime) -> list[_Task] | Result:
        """The frame with the bundles that score it, or what is to be said without any."""
        try:
            prepared = read_prepared(record)
        except Invalid as error:
            return Rejected(record, error.reason, error.detail)
        chosen = self._choose(prepared)
        if chosen is Wait.LOADING:
            return Held(record)
        if isinstance(chosen, Unscorable):
            return self._message(unscorable(prepared, chosen, now), prepared)
        fitting = [bundle for bundle in chosen if bundle.model.shape == prepared.shape]
        if chosen and not fitting:  # whatever its headers claim, the model does not take it
            return self._message(unscorable(prepared, Unscorable.WRONG_PREPARATION, now), prepared)
        return [_Task(index, prepared, record.value, bundle) for bundle in fitting]

    def _message(self, score: Score, prepared: PreparedFrame) -> Scored:
        headers = identity_headers(prepared.frame)
        return Scored(self._topic, score.station.encode(), write_event(score), headers, score=score)


def _pieces(tasks: Sequence[_Task], most: int) -> Iterator[list[_Task]]:
    """At most `most` tasks of one graph at a time: of a bundle, or of those that share a backbone, one by one."""
    groups: defaultdict[int, list[_Task]] = defaultdict(list)
    for task in tasks:
        groups[id(task.bundle.model.backbone or task.bundle.model)].append(task)
    for group in groups.values():
        group.sort(key=_digest)
        yield from (group[start : start + most] for start in range(0, len(group), most))


def _scored(tasks: Sequence[_Task], now: datetime) -> Iterator[tuple[_Task, Score]]:
    """The scores of tasks of one graph, a bundle's side by side."""
    batch = _stacked(tasks)
    backbone = tasks[0].bundle.model.backbone
    features = backbone.run(batch) if backbone is not None else {}
    start = 0
    for _, group in groupby(tasks, _digest):
        own = list(group)
        rows, bundle = slice(start, start + len(own)), own[0].bundle
        start = rows.stop
        given = {name: array[rows] for name, array in features.items()}
        outputs = bundle.model.judge(given) if given else bundle.model.run(batch[rows])
        yield from ((task, _score(bundle, task.prepared, outputs, row, now)) for row, task in enumerate(own))


def _digest(task: _Task) -> str:
    return task.bundle.digest


def _stacked(tasks: Sequence[_Task]) -> NDArray[np.uint8]:
    shape = tasks[0].bundle.model.shape
    batch: NDArray[np.uint8] = np.empty((len(tasks), *shape), np.uint8)
    for row, task in zip(batch, tasks, strict=True):
        row[:] = np.frombuffer(task.tensor, np.uint8).reshape(shape)
    return batch


def unscorable(prepared: PreparedFrame, why: Unscorable, now: datetime, bundle: Loaded | None = None) -> Score:
    """The verdict on a frame that cannot be scored."""
    by = {"bundle": bundle.digest, "runtime": bundle.runtime} if bundle else {}
    return _verdict(prepared, now, verdict=Verdict.UNSCORABLE, unscorable=why, **by)


def _score(bundle: Loaded, prepared: PreparedFrame, outputs: Outputs, row: int, now: datetime) -> Score:
    problem = outputs.problems[row]
    if problem is not None:
        return unscorable(prepared, problem, now, bundle)
    score, anomaly_map = float(outputs.score[row]), outputs.map[row]
    anomalous = score > bundle.threshold
    return _verdict(
        prepared,
        now,
        verdict=Verdict.ANOMALOUS if anomalous else Verdict.OK,
        score=score,
        threshold=bundle.threshold,
        bundle=bundle.digest,
        runtime=bundle.runtime,
        regions=regions(anomaly_map, bundle.place_threshold, prepared.crop) if anomalous else (),
        heat_map=heat_map_png(anomaly_map, bundle.place_threshold) if anomalous else None,
        peak=peak(anomaly_map, prepared.crop),
        embedding=None if outputs.embedding is None else write_embedding(outputs.embedding[row]),
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
        framing=prepared.framing,
        sha256=frame.sha256,
        golden=frame.golden,
        replayed=True if frame.replayed else None,
        **what,  # type: ignore[arg-type]
    )
