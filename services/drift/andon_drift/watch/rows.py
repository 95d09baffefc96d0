"""Rows of numbers, one a frame (or a reading), and blocks of them: what charts and learning are fed with. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from andon.charts import BASE, Sample
from andon.embedding import read_embedding

Floats = NDArray[np.float32]
MOST_DIMENSIONS = 128


class Row(NamedTuple):
    """The numbers of one frame, in the order of its place's names; NaN: unknown. `embedding` is as a score carries it,
    `peak` the cell of the grid where its map is highest, -1: unknown."""

    at: datetime
    values: tuple[float, ...]
    anomalous: bool = False
    embedding: str | None = None
    peak: int = -1


@dataclass(frozen=True, slots=True)
class Block:
    """BASE rows, oldest first, as arrays. `at` is the time of the last, `intervals_s` lie between them."""

    at: datetime
    sample: Sample
    intervals_s: NDArray[np.float64]

    @property
    def means(self) -> NDArray[np.float64]:
        """float64 [F]: over what is known; NaN where nothing is."""
        values = self.sample.values
        known = np.isfinite(values)
        count = known.sum(axis=0)
        total = np.where(known, values, 0.0).sum(axis=0)
        means: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return means

    @property
    def rejects(self) -> int:
        """How many of its frames are anomalous."""
        return int(self.sample.anomalous.sum())


def block_of(rows: Sequence[Row], names: Sequence[str]) -> Block:
    """The block that `rows`, BASE of them, make."""
    times = np.array([row.at.timestamp() for row in rows])
    sample = Sample(
        values=np.array([row.values for row in rows], np.float64).reshape(BASE, len(names)),
        names=tuple(names),
        anomalous=np.array([row.anomalous for row in rows], np.bool_),
        embedding=_embeddings(rows),
        peak=np.array([row.peak for row in rows], np.int16),
    )
    return Block(rows[-1].at, sample, np.maximum(np.diff(times), 0.0))


def _embeddings(rows: Sequence[Row]) -> Floats | None:
    """float32 [n, d], NaN for a frame without one; None where none of them has one, or they differ in length."""
    lengths = {len(row.embedding) for row in rows if row.embedding is not None}
    if len(lengths) != 1:
        return None
    given = [None if row.embedding is None else read_embedding(row.embedding) for row in rows]
    wide = next(each.size for each in given if each is not None)
    nothing = np.full(wide, np.nan, np.float32)
    return np.stack([nothing if each is None else each for each in given])
