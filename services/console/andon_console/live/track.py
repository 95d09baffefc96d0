"""The last scores of one station: fixed room, a few numbers a frame."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon.records import FramePlace, Score, Verdict
from andon.topics import SCORES

ROOM = 600  # frames: 10 minutes at one a second; 27 bytes each
VERDICTS = (Verdict.OK, Verdict.ANOMALOUS, Verdict.UNSCORABLE)


@dataclass(frozen=True, slots=True)
class Point:
    """One scored frame. `captured_at` is Unix time in seconds; `ratio` is score / threshold, NaN where it has none."""

    captured_at: float
    ratio: float
    verdict: Verdict
    scored: FramePlace


class Track:
    """A ring of points, the oldest first."""

    __slots__ = ("_captured", "_count", "_offset", "_partition", "_ratio", "_verdict")

    def __init__(self) -> None:
        self._captured = np.zeros(ROOM, np.float64)
        self._ratio = np.full(ROOM, np.nan, np.float32)
        self._verdict = np.zeros(ROOM, np.uint8)
        self._partition = np.zeros(ROOM, np.int32)
        self._offset = np.zeros(ROOM, np.int64)
        self._count = 0

    def add(self, score: Score, partition: int, offset: int) -> None:
        """The next frame."""
        at = self._count % ROOM
        self._captured[at] = score.captured_at.timestamp()
        self._ratio[at] = np.nan if score.ratio is None else score.ratio
        self._verdict[at] = VERDICTS.index(score.verdict)
        self._partition[at] = partition
        self._offset[at] = offset
        self._count += 1

    @property
    def count(self) -> int:
        """How many frames were ever added."""
        return self._count

    def __len__(self) -> int:
        return min(self._count, ROOM)

    def ratios(self, last: int = ROOM) -> NDArray[np.float32]:
        """float32 [at most `last`]: the newest, the oldest of them first."""
        return self._ratio[self._order(last)]

    def points(self, last: int = ROOM) -> Iterator[Point]:
        """The newest `last`, the oldest of them first."""
        for at in self._order(last):
            place = FramePlace(topic=SCORES, partition=int(self._partition[at]), offset=int(self._offset[at]))
            yield Point(float(self._captured[at]), float(self._ratio[at]), VERDICTS[self._verdict[at]], place)

    def _order(self, last: int) -> NDArray[np.int64]:
        there = min(len(self), last)
        return np.arange(self._count - there, self._count) % ROOM
