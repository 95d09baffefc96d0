"""The past of a place: what its numbers were, thinned so that few points reach from a week ago to now, and pictures.

Points lie dense near now and ever sparser towards the past: those two neighbours become one that lie closest for their
age. So 64 points of one every ten seconds reach back a week, half of them within the last hour, and a point stands for
about a sixth of its own age.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from andon.records import Evidence, Point
from andon.records.drift import MOST_POINTS
from andon_drift.naming import pack

REACH_S = 7 * 86_400.0
SLACK = 16
"""Points more than are kept, before they are thinned: so that most additions cost nothing."""
MOST_PICTURES = 8
Doubles = NDArray[np.float64]


class History:
    """Of the numbers `names`. Rows come in the order of time; one that is not newer than the last is passed over."""

    __slots__ = ("_at", "_count", "_rows", "_used", "names", "pictures")

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.pictures: list[Evidence] = []
        self._used = 0
        self._at: Doubles = np.zeros(MOST_POINTS + SLACK)
        self._count: Doubles = np.zeros(MOST_POINTS + SLACK)
        self._rows: Doubles = np.zeros((MOST_POINTS + SLACK, len(self.names)))

    def add(self, captured_at: datetime, means: Sequence[float] | Doubles, picture: Evidence | None = None) -> None:
        """The mean of every number, raw and in the order of `names`, over a stretch of frames that ended at
        `captured_at` (NaN: not known), and one of these frames."""
        at = captured_at.timestamp()
        if self._used and at <= self._at[self._used - 1]:
            return
        self._at[self._used], self._count[self._used], self._rows[self._used] = at, 1, means
        self._used += 1
        if self._used == len(self._at):
            self._thin()
        if picture is not None:
            self.pictures = thinned([*self.pictures, picture])

    def points(self, name: str) -> tuple[Point, ...]:
        """The past of one number, oldest first, at most 64; empty where the history does not hold it."""
        if name not in self.names:
            return ()
        self._thin()
        values = self._rows[: self._used, self.names.index(name)]
        return tuple(
            Point(at=datetime.fromtimestamp(at, UTC), value=value)
            for at, value in zip(self._at[: self._used].tolist(), values.tolist(), strict=True)
            if math.isfinite(value)
        )

    def before(self, since: datetime) -> Evidence | None:
        """How it looked: the newest picture from before `since`, which Kafka is the likeliest to have still."""
        return next((each for each in reversed(self.pictures) if each.captured_at < since), None)

    @property
    def after(self) -> Evidence | None:
        """How it looks: the newest picture."""
        return self.pictures[-1] if self.pictures else None

    def dump(self) -> bytes:
        """Under 3 kB for eleven numbers; values keep 16 bits of their range, times a ten-millionth of their age."""
        self._thin()
        n = self._used
        return pack.write(self.names, self._at[:n], self._count[:n], self._rows[:n], self.pictures)

    @classmethod
    def load(cls, names: Sequence[str], data: bytes) -> Self:
        """What `dump` wrote; an empty history where it was of other numbers."""
        history, kept = cls(names), pack.read(data)
        if kept.names != history.names:
            return history
        history._used = n = len(kept.at)
        history._at[:n], history._count[:n], history._rows[:n] = kept.at, kept.count, kept.rows
        history.pictures = list(kept.pictures)
        return history

    def _thin(self) -> None:
        self._forget()
        while self._used > MOST_POINTS:
            self._merge(closest(self._at[: self._used]))

    def _forget(self) -> None:
        """What is older than a week."""
        old = int(np.searchsorted(self._at[: self._used], self._at[max(0, self._used - 1)] - REACH_S))
        for column in (self._at, self._count, self._rows) if old else ():
            column[: self._used - old] = column[old : self._used].copy()
        self._used -= old

    def _merge(self, i: int) -> None:
        """Points `i` and `i + 1` become one, each with its weight."""
        pair, weights = slice(i, i + 2), self._count[i : i + 2]
        self._at[i] = weights @ self._at[pair] / weights.sum()
        self._rows[i] = mean_of_known(self._rows[pair], weights)
        self._count[i] = weights.sum()
        for column in (self._at, self._count, self._rows):
            column[i + 1 : self._used - 1] = column[i + 2 : self._used].copy()
        self._used -= 1


def closest(at: Doubles) -> int:
    """The first of the two neighbours in `at`, rising, that lie closest for their age."""
    ages = at[-1] - at[:-1]
    return int((np.diff(at) / ages).argmin())


def mean_of_known(rows: Doubles, weights: Doubles) -> Doubles:
    """float64 [F] of [n, F]: the weighted mean over rows, of what is not NaN."""
    known = np.isfinite(rows)
    total = weights @ known
    mean: Doubles = np.where(total > 0, weights @ np.where(known, rows, 0.0) / np.maximum(total, 1e-12), np.nan)
    return mean


def thinned(pictures: list[Evidence]) -> list[Evidence]:
    """At most eight of them, spread over their past as the points are; the newest and the oldest stay."""
    while len(pictures) > MOST_PICTURES:
        at = np.array([each.captured_at.timestamp() for each in pictures])
        del pictures[1 + closest(np.delete(at, 0))]
    oldest = pictures[-1].captured_at.timestamp() - REACH_S
    return [each for each in pictures if each.captured_at.timestamp() >= oldest]
