"""Batches: generated pictures beside what the teacher says of them, made in a process of their own. No torch here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .pictures import group

Half = NDArray[np.float16]
LEVELLED_SHARE = 0.6
AHEAD = 6  # batches made before they are asked for


@dataclass(frozen=True)
class Task:
    """Which batches to make: the teacher's file, pictures of `size`, `groups` scenes a batch, from `seed` on."""

    teacher: Path
    seed: int = 0
    size: int = 192
    groups: int = 8


@dataclass(frozen=True)
class Batch:
    """Pictures [n, 3, h, w] in -1..1 and the teacher's `s8` [n, 32, h/8, w/8] and `s16` [n, 96, h/16, w/16].

    Every eighth picture and the one after it show the same view without and with a defect. `seed` is the first seed
    of the next batch.
    """

    pictures: Half
    s8: Half
    s16: Half
    seed: int


def levelled(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each picture, [n, h, w, 3] in 0..255, at mean 127.5 and spread 70, cut to 0..255: how stations show frames."""
    centred = pictures - pictures.mean((1, 2, 3), keepdims=True)
    spread = pictures.std((1, 2, 3), keepdims=True)
    return np.asarray(np.clip(centred / (spread + 2) * 70 + 127.5, 0, 255))


def pictures_of(seed: int, size: int) -> NDArray[np.float32]:
    """The eight pictures of a scene, float32 [8, 3, size, size] in -1..1; six scenes in ten are levelled."""
    shown = group(seed, size).astype(np.float32)
    if np.random.default_rng([seed + 1, 7]).random() < LEVELLED_SHARE:
        shown = levelled(shown)
    return np.ascontiguousarray((shown / 127.5 - 1).transpose(0, 3, 1, 2))


def open_teacher(path: Path) -> onnxruntime.InferenceSession:
    """The teacher: ONNX, one input [n, 3, h, w] in -1..1, outputs `s8` and `s16`. One thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def batches(task: Task) -> Iterator[Batch]:
    """Batches without end, the same for the same task."""
    cv2.setNumThreads(1)
    teacher, seed = open_teacher(task.teacher), task.seed
    given = teacher.get_inputs()[0].name
    while True:
        after = seed + task.groups
        pictures = np.concatenate([pictures_of(at, task.size) for at in range(seed, after)])
        s8, s16 = teacher.run(["s8", "s16"], {given: pictures})
        yield Batch(pictures.astype(np.float16), s8.astype(np.float16), s16.astype(np.float16), after)
        seed = after


def _produce(queue: Any, task: Task) -> None:
    for batch in batches(task):
        queue.put(batch)


@contextmanager
def produced(task: Task) -> Iterator[Iterator[Batch]]:
    """The batches of `task`, in order, made ahead in another process that ends with the block.

    Raises RuntimeError when that process has died.
    """
    context = get_context("spawn")
    queue = context.Queue(AHEAD)
    worker = context.Process(target=_produce, args=(queue, task), daemon=True)
    worker.start()
    try:
        yield _received(queue, worker)
    finally:
        worker.terminate()
        worker.join()


def _received(queue: Any, worker: Any) -> Iterator[Batch]:
    from queue import Empty

    while True:
        try:
            yield queue.get(timeout=60)
        except Empty:
            if not worker.is_alive():
                raise RuntimeError("the process that makes the pictures has died; its message stands above") from None
