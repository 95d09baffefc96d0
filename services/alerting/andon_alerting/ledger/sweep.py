"""How far frames went all the way: each group in turn has read what was there when the one before it had. Pure.

Marks the ends of the topics that the first group reads; once it has committed past them, those of the second, and so
on. When the last one has, everything that was there at the first mark went through all of them: what has no end by
then never gets one. Nothing need ever be empty for that, nor any clock be right but ours.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from andon.kafka.source import Place


class Reads(NamedTuple):
    """A consumer group, and the topics that it reads: names, or patterns that begin with '^'."""

    group: str
    topics: tuple[str, ...]


class Groups(Protocol):
    """What Kafka says. `KafkaGroups` is the real one. Both raise Broken."""

    def ends(self, topics: Sequence[str]) -> dict[Place, int]:
        """Where these topics end, but for partitions that hold nothing."""

    def committed(self, group: str) -> dict[Place, int]:
        """Where a group goes on reading."""


class Sweep:
    """`swept` is how far it came, Unix time in milliseconds; 0: nowhere yet. `counts` says of which places."""

    def __init__(self, groups: Groups, reads: Sequence[Reads], counts: Callable[[Place], bool] = bool) -> None:
        self._groups = groups
        self._reads = tuple(reads)
        self._counts = counts
        self._marked: tuple[int, int, Mapping[Place, int]] | None = None
        self.swept = 0

    def __call__(self, now: int) -> int:
        """Goes on as far as it can; answers `swept`. Raises Broken when Kafka does not answer."""
        if self._marked is None:
            self._marked = self._mark(now, 0)
        while self._is_past(*self._marked[1:]):
            began, place, _ = self._marked
            if place + 1 == len(self._reads):
                self.swept, self._marked = began, None
                break
            self._marked = self._mark(began, place + 1)
        return self.swept

    def again(self) -> None:
        """What was read by whom has changed: what is known holds no longer."""
        self._marked, self.swept = None, 0

    def _mark(self, began: int, place: int) -> tuple[int, int, Mapping[Place, int]]:
        return began, place, self._groups.ends(self._reads[place].topics)

    def _is_past(self, place: int, ends: Mapping[Place, int]) -> bool:
        stands = self._groups.committed(self._reads[place].group)
        return all(stands.get(each, 0) >= end for each, end in ends.items() if self._counts(each))
