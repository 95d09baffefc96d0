"""Sets of whole numbers as runs, each with a value: a million numbers in order are one run. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Any, Generic, TypeVar

V = TypeVar("V")
Run = tuple[int, int, V]
"""First number, last number (both belong to it), and the value they share."""


class Spans(Generic[V]):
    """Numbers with a value each, in order. Neighbours of equal value are one run; `len` is how many runs there are."""

    __slots__ = ("_runs", "count")

    def __init__(self, runs: Iterable[Run[V]] = ()) -> None:
        """`runs` in order, disjoint."""
        self._runs: list[Run[V]] = list(runs)
        self.count = sum(last - first + 1 for first, last, _ in self._runs)

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run[V]]:
        return iter(self._runs)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._runs, (number, inf))
        return at > 0 and self._runs[at - 1][1] >= number

    @property
    def last(self) -> int:
        """The highest number; -1 where there is none."""
        return self._runs[-1][1] if self._runs else -1

    def within(self, first: int, last: int) -> list[Run[V]]:
        """What lies between `first` and `last`, both included, cut to them."""
        low, high = self._touched(first, last)
        return [(max(a, first), min(b, last), value) for a, b, value in self._runs[low:high]]

    def gaps(self, first: int, last: int) -> list[tuple[int, int]]:
        """What is not there between them."""
        found, start = [], first
        for a, b, _ in self.within(first, last):
            if a > start:
                found.append((start, a - 1))
            start = b + 1
        return [*found, (start, last)] if start <= last else found

    def add(self, first: int, last: int, value: V) -> int:
        """Adds what is not there yet; what is keeps its value. Answers how many are new."""
        if not self._runs or first > self._runs[-1][1]:
            self._append(first, last, value)
            return last - first + 1
        new = self.gaps(first, last)
        for a, b in new:
            at = bisect_left(self._runs, (a,))
            self._splice(at, at, [(a, b, value)])
        return sum(b - a + 1 for a, b in new)

    def remove(self, first: int, last: int) -> list[Run[V]]:
        """Takes out what lies between them, and answers it."""
        gone = self.within(first, last)
        if gone:
            low, high = self._touched(first, last)
            (a, _, before), (_, b, after) = self._runs[low], self._runs[high - 1]
            kept = [(a, first - 1, before)] if a < first else []
            self._runs[low:high] = [*kept, (last + 1, b, after)] if b > last else kept
            self.count -= sum(end - start + 1 for start, end, _ in gone)
        return gone

    def change(self, first: int, last: int, to: Callable[[V], V]) -> bool:
        """Gives what lies between them another value; answers whether anything changed."""
        runs = self.within(first, last)
        changed = [(a, b, to(value)) for a, b, value in runs]
        if changed == runs:
            return False
        low, high = self._touched(first, last)
        (a, _, before), (_, b, after) = self._runs[low], self._runs[high - 1]
        kept = [(a, first - 1, before)] if a < first else []
        self._splice(low, high, [*kept, *changed, *([(last + 1, b, after)] if b > last else [])])
        return True

    def joined(self, most: int, both: Callable[[V, V], V]) -> None:
        """With more runs than `most`, neighbours without a gap between them are joined, two by two."""
        if len(self._runs) <= most:
            return
        runs: list[Run[V]] = []
        for first, last, value in self._runs:
            if runs and runs[-1][1] + 1 == first and len(runs) % 2:
                runs[-1] = (runs[-1][0], last, both(runs[-1][2], value))
            else:
                runs.append((first, last, value))
        self._runs = runs

    def drop_first(self, most: int) -> list[Run[V]]:
        """With more runs than `most`, the first ones go; answers those."""
        gone = self._runs[: max(0, len(self._runs) - most)]
        for first, last, _ in gone:
            self.remove(first, last)
        return gone

    def _append(self, first: int, last: int, value: V) -> None:
        self.count += last - first + 1
        if self._runs and self._runs[-1][1] + 1 == first and self._runs[-1][2] == value:
            self._runs[-1] = (self._runs[-1][0], last, value)
        else:
            self._runs.append((first, last, value))

    def _touched(self, first: int, last: int) -> tuple[int, int]:
        """The places of the first run that reaches into the range, and of the first one behind it."""
        runs: list[Any] = self._runs
        low = bisect_right(runs, (first, inf))
        if low and runs[low - 1][1] >= first:
            low -= 1
        return low, bisect_right(runs, (last, inf), low)

    def _splice(self, low: int, high: int, runs: list[Run[V]]) -> None:
        """Puts `runs` in the place of others, joined with their neighbours where those have the same value."""
        before = self._runs[max(0, low - 1) : low]
        after = self._runs[high : high + 1]
        joined: list[Run[V]] = []
        for first, last, value in (*before, *runs, *after):
            if joined and joined[-1][1] + 1 == first and joined[-1][2] == value:
                joined[-1] = (joined[-1][0], last, value)
            else:
                joined.append((first, last, value))
        self.count += _count(runs) - _count(self._runs[low:high])
        self._runs[low - len(before) : high + len(after)] = joined


def _count(runs: Iterable[Run[V]]) -> int:
    return sum(last - first + 1 for first, last, _ in runs)
