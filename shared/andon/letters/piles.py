"""Dead letters by reason: how many, of which stations, the oldest and the newest. Bounded, however many there are."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from andon.letters.letter import Letter
from andon.records.letter import LetterTurn

MOST_STATIONS = 1000  # of one reason that are told apart
NO_STATION = "?"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters somebody means; what is None is any. `handled`: those too that were replayed or discarded."""

    reason: str | None = None
    station: str | None = None
    since: datetime | None = None
    handled: bool = False

    def has(self, letter: Letter, turn: LetterTurn | None) -> bool:
        """Whether it is one of them; `turn` is what became of it."""
        if turn is not None and not self.handled:
            return False
        return (
            self.reason in (None, letter.reason)
            and self.station in (None, letter.station)
            and (self.since is None or letter.at >= self.since)
        )


@dataclass(slots=True)
class Pile:
    """The letters of one reason. `stations` counts those of each; what is of none is NO_STATION's. `repeats` were sent
    again before, and refused again."""

    reason: str
    oldest: Letter
    newest: Letter
    count: int = 0
    repeats: int = 0
    stations: Counter[str] = field(default_factory=Counter)

    def add(self, letter: Letter) -> None:
        """One more."""
        self.count += 1
        self.repeats += letter.repeats > 0
        self.oldest = min(self.oldest, letter, key=attrgetter("at"))
        self.newest = max(self.newest, letter, key=attrgetter("at"))
        station = letter.station or NO_STATION
        if station in self.stations or len(self.stations) < MOST_STATIONS:
            self.stations[station] += 1


class Piles:
    """Takes letters one after another, in any order, and keeps the newest `most` of them whole."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._piles: dict[str, Pile] = {}
        self._newest: list[tuple[datetime, int, int, Letter]] = []

    def add(self, letter: Letter) -> None:
        """One more."""
        pile = self._piles.get(letter.reason)
        if pile is None:
            pile = self._piles[letter.reason] = Pile(letter.reason, letter, letter)
        pile.add(letter)
        heapq.heappush(self._newest, (letter.at, letter.partition, letter.offset, letter))
        if len(self._newest) > self._most:
            heapq.heappop(self._newest)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(each.count for each in self._piles.values())

    def by_reason(self) -> list[Pile]:
        """The largest first."""
        return sorted(self._piles.values(), key=lambda pile: (-pile.count, pile.reason))

    def newest(self) -> list[Letter]:
        """The newest first."""
        return [each for *_, each in sorted(self._newest, reverse=True)]
