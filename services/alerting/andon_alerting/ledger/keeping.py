"""The source of the ledger, with a memory: its stations lie on the board when a turn begins, and are saved in Redis
before the offsets are committed, at most once a second. So Redis is as old as the offsets, or newer; what is
redelivered was booked already, and changes nothing. What is to be told is saved only once Kafka has it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from andon.kafka.source import Place
from andon.redis_client import Patience
from andon.stage import Record, Source
from andon.topics import LEDGER
from andon_alerting.ledger.board import Board
from andon_alerting.ledger.opened import Opened
from andon_alerting.ledger.reading import station_of
from andon_alerting.ledger.station import Station

SAVE_S = 1.0
"""Between two savings, at least..."""
SAVING = 20.0
"""...and so many times what the last one took: so saving takes a twentieth of the time, however many stations."""


class Memory(Protocol):
    """Where the ledger lies. `RedisLedger` is the real one."""

    def open_in(self, partitions: Sequence[int]) -> list[str]:
        """The stations of these partitions where anything is open."""

    def load(self, names: Sequence[str], began: int | None = None) -> dict[str, Station]:
        """Those that are known to the ledger that began then."""

    def save(self, stations: Sequence[Station], began: int, looked: Mapping[int, int]) -> bool:
        """Keeps what changed. False: what was known before is lost."""

    def begin(self, at: int) -> None:
        """The ledger is kept from then on."""


class Keeping:
    """A source of the ledger's topics that keeps a board in step with Redis. `opened` knows what people were told."""

    def __init__(
        self,
        source: Source,
        assignment: Callable[[], list[Place]],
        memory: Memory,
        board: Board,
        opened: Opened,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._source = source
        self._assignment = assignment
        self._memory = memory
        self._board = board
        self._opened = opened
        self._patience = patience
        self._clock = clock
        self._wall_ms = wall_ms
        self._due = clock()
        self._booking = False
        self._moved = True

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def moved(self, places: list[Place]) -> None:
        """Partitions came or went: their stations are read anew."""
        self._board.drop(places)
        self._moved = True

    def poll(self) -> Sequence[Record]:
        """The records, with their stations on the board; and those of partitions that came, where anything is open."""
        self._booking = False
        self._save_when_due()
        batch = self._source.poll()
        heard = {name: each.partition for each in batch if (name := station_of(each))}
        names = heard.keys() - self._board.stations.keys()
        if self._moved:
            self._moved = False
            names |= set(self._patience(lambda: self._memory.open_in(self._partitions()))) - self._board.stations.keys()
        if names:
            self._load(sorted(names), heard)
        self._booking = bool(batch or self._board.findings)
        return batch

    def commit(self) -> None:
        """The turn is over. Redis, then the offsets, when it is time."""
        self._booking = False
        self._save_when_due()

    def hold(self, records: Sequence[Record]) -> None:
        """As the source."""
        self._source.hold(records)

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """Saves and commits what is done, unless a turn broke off in the middle: that is booked again."""
        try:
            if not self._booking and not self._board.findings:
                self._save()
        finally:
            self._source.close()

    def _load(self, names: Sequence[str], heard: Mapping[str, int]) -> None:
        """`heard` says in which partition a station is now: topics may have been widened since."""
        found = self._patience(lambda: self._memory.load(names, self._board.began))
        ours = set(self._partitions())
        self._opened.refresh()
        for station in found.values():
            station.partition = heard.get(station.name, station.partition)
            if station.partition in ours:
                station.told = station.told or self._opened.told(station.name, self._wall_ms())
                self._board.stations[station.name] = station

    def _save_when_due(self) -> None:
        if self._clock() >= self._due and not self._board.findings:
            self._save()

    def _save(self) -> None:
        started = self._clock()
        board = self._board
        changed = [board.stations[name] for name in board.changed if name in board.stations]
        looked = dict.fromkeys(self._partitions(), self._wall_ms())
        if not self._patience(lambda: self._memory.save(changed, board.began, looked)):
            self._patience(lambda: self._save_all(looked))
        for station in changed:
            station.changed, station.dirty = set(), False
        board.changed.clear()
        self._source.commit()
        self._due = self._clock() + max(SAVE_S, SAVING * (self._clock() - started))

    def _save_all(self, looked: Mapping[int, int]) -> None:
        """Redis was emptied: what is on the board is written again."""
        stations = list(self._board.stations.values())
        for station in stations:
            station.changed = set(station.accounts)
        self._memory.begin(self._board.began)
        self._memory.save(stations, self._board.began, looked)

    def _partitions(self) -> list[int]:
        return sorted({partition for topic, partition in self._assignment() if topic == LEDGER})
