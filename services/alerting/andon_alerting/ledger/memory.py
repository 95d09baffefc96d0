"""The ledger in Redis: a hash a station, one of the stations where anything is open, and one that says who watches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from andon.redis_client import Client
from andon_alerting.ledger.kept import read_station, write_station
from andon_alerting.ledger.station import FOREIGN_KEEP_MS, KEEP_MS, Station

PART = 200
"""Stations in one round trip, so that each is answered well within the time that one may take."""
BEGAN = "began"
AGREE = """
local now = redis.call('HGET', KEYS[1], 'began')
if (now or '') ~= ARGV[2] then return now end
redis.call('HSET', KEYS[1], 'began', ARGV[1])
return ARGV[1]
"""
"""Several may begin at once, and must mean the same ledger: who comes second takes what the first one said."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Watched:
    """Who watches: since when the ledger is kept (None: it never was), and when each partition was last looked at.
    Unix time in milliseconds."""

    began: int | None
    looked: Mapping[int, int]

    def at(self, partition: int | None = None) -> int | None:
        """When a partition was last looked at; without one, that which was left alone for longest."""
        return self.looked.get(partition) if partition is not None else min(self.looked.values(), default=None)


class RedisLedger:
    """Reads and writes; doing it twice does nothing more."""

    def __init__(self, redis: Client, key_prefix: str) -> None:
        self._redis = redis
        self._stations = f"{key_prefix}ledger:"
        self._open = f"{key_prefix}ledger-open"
        self._watch = f"{key_prefix}ledger-watch"

    def watched(self) -> Watched:
        """Who watches."""
        found = {name: int(text) for name, text in self._redis.hgetall(self._watch).items()}
        return Watched(found.pop(BEGAN, None), {int(name): at for name, at in found.items()})

    def begin(self, at: int) -> None:
        """The ledger is kept from `at` on (Unix time in milliseconds); what an earlier one knew holds no longer."""
        self._redis.hset(self._watch, BEGAN, at)

    def agree(self, at: int, known: int | None) -> int:
        """It is kept from `at` on, unless another has said otherwise since it was `known`; answers what holds."""
        return int(self._redis.eval(AGREE, 1, self._watch, at, "" if known is None else known))

    def names(self) -> list[str]:
        """All stations that are known."""
        keys = self._redis.scan_iter(match=f"{_plain(self._stations)}*", count=1000)
        return sorted({key.removeprefix(self._stations) for key in keys})

    def open_in(self, partitions: Iterable[int]) -> list[str]:
        """The stations of these partitions where anything is open."""
        ours = {str(each) for each in partitions}
        return [name for name, partition in self._redis.hgetall(self._open).items() if partition in ours]

    def load(self, names: Sequence[str], began: int | None = None) -> dict[str, Station]:
        """Those that are known to the ledger that `began` then (None: whichever)."""
        found: dict[str, Station] = {}
        for some in parts(names):
            pipe = self._redis.pipeline(transaction=False)
            for name in some:
                pipe.hgetall(self._stations + name)
            for name, fields in zip(some, pipe.execute(), strict=True):
                station = read_station(name, fields, began)
                if station is not None:
                    found[name] = station
        return found

    def save(self, stations: Sequence[Station], began: int, looked: Mapping[int, int]) -> bool:
        """Keeps what changed, and when partitions were looked at. False: Redis has lost what it knew before."""
        for some in parts(stations):
            pipe = self._redis.pipeline(transaction=False)
            for station in some:
                self._keep(pipe, station, began)
            pipe.execute()
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(self._watch, BEGAN)
        if looked:
            pipe.hset(self._watch, mapping={str(part): at for part, at in looked.items()})
        knew: str | None = pipe.execute()[0]
        return knew is not None

    def _keep(self, pipe: Client, station: Station, began: int) -> None:
        key, fields = self._stations + station.name, write_station(station, began)
        pipe.hset(key, mapping={name: text for name, text in fields.items() if text is not None})
        gone = [name for name, text in fields.items() if text is None]
        if gone:
            pipe.hdel(key, *gone)
        pipe.pexpire(key, KEEP_MS if station.ours else FOREIGN_KEEP_MS)
        if station.open:
            pipe.hset(self._open, station.name, station.partition)
        else:
            pipe.hdel(self._open, station.name)


def parts(some: Sequence[T]) -> Iterator[Sequence[T]]:
    """PART of them at a time."""
    return (some[first : first + PART] for first in range(0, len(some), PART))


def _plain(text: str) -> str:
    """`text` as a pattern of Redis that only it matches."""
    return "".join(f"\\{each}" if each in "*?[]\\^" else each for each in text)
