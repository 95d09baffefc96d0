"""What a reference is learned from: which blocks are kept, and when they are enough. Pure.

A shift of frames may be very many, so blocks are kept evenly: all of them until the series is full, then every second,
every fourth, and so on. The charts later look at the same share of the blocks (`Baseline.every`), so that what was
learned of how numbers wander from block to block holds for what is watched.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from andon.charts import BASE, Sample
from andon_drift.watch.rows import Block

ROOM = 1.28
"""The series holds so many times the frames that are wanted; when it is full every second block goes."""
GAP_S, GAPS = 60.0, 10.0
"""A time without frames does not count: more than a minute, and more than ten times the usual interval."""
MOST_TIMES = 4
"""A reference that seems to drift while it is learned is frozen all the same after so many times the frames."""
AGAIN = 1.25
"""When it could not be learned, it is tried again with so many times the frames."""
KNOWN, ANOMALOUS = 1, 2
NOWHERE = 255
EMBEDDING_STEP = 1 / 16
"""Embeddings have a standard deviation of about 1 in every direction; kept in steps of a sixteenth, up to 8."""


@dataclass(frozen=True, slots=True)
class Enough:
    """When a place has been seen for long enough: so many frames, over so many seconds with frames."""

    frames: int = 5000
    seconds: float = 8 * 3600.0


@dataclass(frozen=True, slots=True)
class Write:
    """Puts a block into the series kept with `stride`, at `index`."""

    stride: int
    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Halve:
    """Makes the series of twice the stride from the series of `stride`, whose `blocks` blocks are `size` bytes each."""

    stride: int
    blocks: int
    size: int


@dataclass(frozen=True, slots=True)
class Drop:
    """The series of `stride` is not needed any more."""

    stride: int


Change = Write | Halve | Drop


@dataclass(slots=True)
class Collected:
    """How far a place has come. `frames` (of them `anomalous`) over `seconds` from `since` to `until`; of `seen` blocks
    every `stride`-th is kept, `kept` by now, at most `room`. `anchor` are the values that others are kept as deviations
    from, `dimensions` those of the embedding (0: none). `ready_at` is how many frames there were when they were first
    enough, `next_at` how many there must be for the next attempt, `why` what held up the last one.
    """

    room: int
    since: datetime | None = None
    until: datetime | None = None
    frames: int = 0
    anomalous: int = 0
    seconds: float = 0.0
    stride: int = 1
    seen: int = 0
    kept: int = 0
    anchor: list[float] = field(default_factory=list)
    dimensions: int = 0
    ready_at: int = 0
    next_at: int = 0
    why: str = ""

    @classmethod
    def empty(cls, enough: Enough) -> "Collected":
        """Nothing yet."""
        return cls(room_for(enough.frames))

    def ratio(self, enough: Enough) -> float:
        """The lesser share of what is wanted, below 1."""
        shares = self.kept * BASE / enough.frames, self.seconds / enough.seconds if enough.seconds else 1.0
        return min(0.999, *shares)

    def ready(self, enough: Enough) -> bool:
        """Whether to try."""
        return self.kept * BASE >= enough.frames and self.seconds >= enough.seconds and self.frames >= self.next_at


def room_for(frames: int) -> int:
    """How many blocks the series may hold: an even number."""
    return 2 * math.ceil(ROOM * frames / BASE / 2)


def collect(collected: Collected, block: Block) -> list[Change]:
    """Takes one more block in; answers what is to be done to the series, in this order."""
    sample = block.sample
    if collected.since is None:
        _begin(collected, block)
    collected.until = block.at
    collected.frames += BASE
    collected.anomalous += block.rejects
    collected.seconds += counted_s(block)
    keep = collected.seen % collected.stride == 0
    collected.seen += 1
    if not keep:
        return []
    if _anchors_missing(collected):
        collected.anchor = _anchored(collected.anchor, sample.values)
    done: list[Change] = [Write(collected.stride, collected.kept, pack(sample, collected))]
    collected.kept += 1
    if collected.kept >= collected.room:
        done.append(Halve(collected.stride, collected.kept, size_of(sample.values.shape[1], collected.dimensions)))
        collected.stride, collected.kept = 2 * collected.stride, (collected.kept + 1) // 2
    return done


def counted_s(block: Block) -> float:
    """The time that a block stands for, without pauses."""
    usual = float(np.median(block.intervals_s)) if block.intervals_s.size else 0.0
    intervals = block.intervals_s[block.intervals_s <= max(GAP_S, GAPS * usual)]
    return float(intervals.sum()) + usual


def size_of(width: int, dimensions: int) -> int:
    """Bytes of a block: BASE rows of float16 deviations, int8 embeddings, a byte that says what is known, and one for
    the peak."""
    return BASE * (2 * width + dimensions + 2)


def pack(sample: Sample, collected: Collected) -> bytes:
    """The bytes of a block."""
    deviations = sample.values - np.array(collected.anchor)
    flags = KNOWN + ANOMALOUS * sample.anomalous
    peaks = np.full(BASE, -1) if sample.peak is None else sample.peak
    cells = np.where(peaks < 0, NOWHERE, peaks)
    return b"".join(
        (
            deviations.astype("<f2").tobytes(),
            _steps(sample.embedding, collected.dimensions).tobytes(),
            flags.astype(np.uint8).tobytes(),
            cells.astype(np.uint8).tobytes(),
        )
    )


def unpack(data: bytes, names: Sequence[str], collected: Collected) -> tuple[Sample, int]:
    """The series in `data`, and how many of its blocks are missing: Redis forgot them."""
    width, dimensions = len(names), collected.dimensions
    size = size_of(width, dimensions)
    blocks = np.frombuffer(data[: len(data) // size * size], np.uint8).reshape(-1, size)
    ends = np.cumsum([2 * width * BASE, dimensions * BASE, BASE])
    numbers, steps, flags, cells = np.split(blocks, ends, axis=1)
    known = (flags & KNOWN).all(axis=1)
    values = numbers[known].copy().view("<f2").reshape(-1, width).astype(np.float64) + np.array(collected.anchor)
    flags, cells = flags[known].reshape(-1), cells[known].reshape(-1).astype(np.int16)
    sample = Sample(
        values=values,
        names=tuple(names),
        anomalous=(flags & ANOMALOUS) > 0,
        embedding=_embedding(steps[known].copy().view(np.int8).reshape(-1, dimensions)) if dimensions else None,
        peak=np.where(cells == NOWHERE, -1, cells).astype(np.int16),
    )
    return sample, collected.kept - int(known.sum())


def _begin(collected: Collected, block: Block) -> None:
    collected.since = block.at
    collected.anchor = [math.nan] * block.sample.values.shape[1]
    collected.dimensions = 0 if block.sample.embedding is None else int(block.sample.embedding.shape[1])


def _anchors_missing(collected: Collected) -> bool:
    return any(math.isnan(each) for each in collected.anchor)


def _anchored(anchor: Sequence[float], values: NDArray[np.float64]) -> list[float]:
    """The first known value of each number."""
    found = list(anchor)
    for column, value in enumerate(found):
        known = values[np.isfinite(values[:, column]), column]
        if math.isnan(value) and known.size:
            found[column] = float(known[0])
    return found


def _steps(embedding: NDArray[np.float32] | None, dimensions: int) -> NDArray[np.int8]:
    if not dimensions:
        return np.empty(0, np.int8)
    if embedding is None or embedding.shape[1] != dimensions:
        return np.full(BASE * dimensions, -128, np.int8)
    steps = np.where(np.isfinite(embedding), np.rint(embedding / EMBEDDING_STEP).clip(-127, 127), -128)
    return steps.astype(np.int8).reshape(-1)


def _embedding(steps: NDArray[np.int8]) -> NDArray[np.float32]:
    return np.where(steps == -128, np.nan, steps * EMBEDDING_STEP).astype(np.float32)
