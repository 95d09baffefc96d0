"""What is known of stations, in Redis: a hash a station, a string of bytes for what a place has collected, and a text
that says how a station stands."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from andon.drift_state import drift_key
from andon.redis_client import Client
from andon_drift.remember import Saving
from andon_drift.watch.collecting import Change, Drop, Halve, Write
from andon_drift.watch.place import PlaceId

KEEP_S = 30 * 86_400
"""What is remembered of a station that sends nothing."""
OLD_S = 3600
"""A series from which another was made is kept for so long: a crash in between goes back to it."""

PART = 100
"""Stations in one round trip: a megabyte, so that each is answered well within the time that one may take."""


class RedisMemory:
    """Reads and writes PART stations in one round trip. `redis` answers text, `raw` bytes."""

    def __init__(self, redis: Client, raw: Client, key_prefix: str) -> None:
        self._redis = redis
        self._raw = raw
        self._key_prefix = key_prefix

    def load(self, stations: Sequence[str]) -> dict[str, dict[str, str]]:
        """The fields of those that are known."""
        found: dict[str, dict[str, str]] = {}
        for some in parts(stations):
            pipe = self._redis.pipeline(transaction=False)
            for station in some:
                pipe.hgetall(self._state(station))
            found |= {station: row for station, row in zip(some, pipe.execute(), strict=True) if row}
        return found

    def save(self, saving: Saving) -> None:
        """Series first, so that no state ever speaks of what is not there."""
        raw = self._raw.pipeline(transaction=False)
        for (station, place), changes in saving.series.items():
            self._change(raw, station, place, changes)
        raw.execute()
        for some in parts(list({**saving.cards, **saving.shown})):
            pipe = self._redis.pipeline(transaction=False)
            for station in some:
                if station in saving.cards:
                    self._keep(pipe, self._state(station), saving.cards[station])
                if station in saving.shown:
                    pipe.set(drift_key(self._key_prefix, station), saving.shown[station], ex=KEEP_S)
            pipe.execute()

    def series(self, station: str, place: PlaceId, stride: int) -> bytes:
        """What was collected at a place; empty where nothing is."""
        return bytes(self._raw.get(self._series(station, place, stride)) or b"")

    def _keep(self, pipe: Any, key: str, fields: Mapping[str, str | None]) -> None:
        kept = {name: text for name, text in fields.items() if text is not None}
        gone = fields.keys() - kept.keys()
        pipe.hset(key, mapping=kept)
        if gone:
            pipe.hdel(key, *gone)
        pipe.expire(key, KEEP_S)

    def _change(self, pipe: Any, station: str, place: PlaceId, changes: Sequence[Change]) -> None:
        for change in changes:
            key = self._series(station, place, change.stride)
            match change:
                case Write(_, index, data):
                    pipe.setrange(key, index * len(data), data)
                    pipe.expire(key, KEEP_S)
                case Halve(stride, blocks, size):
                    pipe.execute()
                    kept = every_second(bytes(self._raw.get(key) or b""), blocks, size)
                    pipe.set(self._series(station, place, 2 * stride), kept, ex=KEEP_S)
                    pipe.expire(key, OLD_S)
                case Drop():
                    pipe.delete(key)

    def _state(self, station: str) -> str:
        return f"{self._key_prefix}drift:state:{station}"

    def _series(self, station: str, place: PlaceId, stride: int) -> str:
        product, bundle = place
        return f"{self._key_prefix}drift:series:{station}:{stride}:{bundle}:{product or ''}"


def parts(stations: Sequence[str]) -> Iterator[Sequence[str]]:
    """PART of them at a time."""
    return (stations[first : first + PART] for first in range(0, len(stations), PART))


def every_second(series: bytes, blocks: int, size: int) -> bytes:
    """The first, third, fifth ... of `blocks` blocks of `size` bytes."""
    return b"".join(series[index * size : (index + 1) * size] for index in range(0, blocks, 2))
