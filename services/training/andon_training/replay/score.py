"""Frames through a candidate: images decoded in threads, scored in batches, every frame with a score or a reason."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from andon.errors import Invalid
from andon.images.prepare import Prepared, prepare
from andon.inference import Model
from andon.kafka.at import Blobs, image_of
from andon.preparation import Preparation
from andon_training.replay.frames import Held

BATCH = 32


@dataclass(frozen=True, slots=True)
class Rescored:
    """What the candidate says of a frame: a raw score, or the `problem` that leaves it without one ('reason: detail').

    `place` is the topic, partition and offset of the image, `captured` Unix seconds.
    """

    frame_id: UUID
    place: tuple[str, int, int]
    captured: float
    score: float | None = None
    problem: str | None = None


def rescored(
    frames: Iterable[Held], model: Model, preparation: Preparation, store: Blobs, pool: Executor, batch: int = BATCH
) -> Iterator[Rescored]:
    """One answer a frame, in their order. While one batch is scored, the images of the next are decoded.

    Raises Broken when the device, the store or Kafka fails.
    """
    source, waiting = iter(frames), list[tuple[Held, Future[Prepared | Invalid]]]()
    while chunk := list(islice(source, batch)):
        ahead = [(held, pool.submit(_prepared, held, preparation, store)) for held in chunk]
        yield from _scored(waiting, model)
        waiting = ahead
    yield from _scored(waiting, model)


def _prepared(held: Held, preparation: Preparation, store: Blobs) -> Prepared | Invalid:
    try:
        image = image_of(held.record, held.frame, store)
        return prepare(image, preparation, sha256=held.frame.sha256)
    except Invalid as error:
        return error


def _scored(waiting: list[tuple[Held, Future[Prepared | Invalid]]], model: Model) -> Iterator[Rescored]:
    made = [(held, future.result()) for held, future in waiting]
    tensors = [each.tensor for _, each in made if isinstance(each, Prepared)]
    scores = iter(_scores(model, tensors))
    for held, each in made:
        score = each if isinstance(each, Invalid) else next(scores)
        yield _answer(held, score)


def _scores(model: Model, tensors: list[NDArray[np.uint8]]) -> Iterator[float | str]:
    if not tensors:
        return
    outputs = model.run(np.stack(tensors))
    for row, problem in enumerate(outputs.problems):
        yield float(outputs.score[row]) if problem is None else f"{problem}: the model gives no score"


def _answer(held: Held, score: float | str | Invalid) -> Rescored:
    frame = held.frame
    place = (frame.topic, frame.partition, frame.offset)
    at = frame.captured_at.timestamp()
    if isinstance(score, float):
        return Rescored(frame.frame_id, place, at, score)
    return Rescored(frame.frame_id, place, at, problem=str(score))
