"""The review queue in Redis, so that it outlives a restart: candidates, and up to where scores were read.

    {prefix}review:stations        set of the stations that have candidates
    {prefix}review:frames:STATION  hash, frame id -> candidate, JSON
    {prefix}review:places          hash, "topic/partition" -> the offset to read on from

All consoles write the same; written twice it is the same. A place is written together with everything that was found
before it, so whoever reads on from there has missed nothing. All of it can be found again in Kafka.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from andon.redis_client import Client
from andon_console.review.queue import KEEP, Candidate, Changes, Place

_CANDIDATE = TypeAdapter(Candidate)
_LASTS = KEEP + timedelta(hours=1)
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Keys:
    """What everything is called."""

    prefix: str

    @property
    def stations(self) -> str:
        """Those that have candidates."""
        return f"{self.prefix}review:stations"

    @property
    def places(self) -> str:
        """Where to read on."""
        return f"{self.prefix}review:places"

    def frames(self, station: str) -> str:
        """The candidates of a station."""
        return f"{self.prefix}review:frames:{station}"


class ReviewStore:
    """Everything raises what the client raises where Redis is away."""

    def __init__(self, redis: Client, prefix: str) -> None:
        self._redis = redis
        self._keys = Keys(prefix)

    def load(self) -> tuple[list[Candidate], dict[Place, int]]:
        """What was remembered; the places are empty where nothing was."""
        stations = sorted(self._redis.smembers(self._keys.stations))
        firsts = range(0, len(stations), AT_ONCE)
        found = [each for first in firsts for each in self._of(stations[first : first + AT_ONCE])]
        return found, dict(_placed(self._redis.hgetall(self._keys.places)))

    def save(self, changes: Changes) -> bool:
        """Remembers them, in one step. False: nothing of before was there."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.exists(self._keys.places)
        came, left = by_station(changes)
        for station, rows in came.items():
            pipe.hset(self._keys.frames(station), mapping=rows)
            pipe.sadd(self._keys.stations, station)
            pipe.expire(self._keys.frames(station), _LASTS)
        for station, ids in left.items():
            pipe.hdel(self._keys.frames(station), *ids)
        if changes.places:
            pipe.hset(
                self._keys.places, mapping={f"{topic}/{part}": at for (topic, part), at in changes.places.items()}
            )
        for key in (self._keys.places, self._keys.stations):
            pipe.expire(key, _LASTS)
        return bool(pipe.execute()[0])

    def _of(self, stations: Sequence[str]) -> Iterator[Candidate]:
        pipe = self._redis.pipeline(transaction=False)
        for station in stations:
            pipe.hvals(self._keys.frames(station))
        for rows in pipe.execute():
            for row in rows:
                try:
                    yield _CANDIDATE.validate_json(row)
                except ValidationError:
                    continue  # of another version; Kafka still has the score


def by_station(changes: Changes) -> tuple[dict[str, dict[str, bytes]], dict[str, list[str]]]:
    """What came and what left, as it is written."""
    came: dict[str, dict[str, bytes]] = {}
    left: dict[str, list[str]] = {}
    for each in changes.came:
        came.setdefault(each.shot.station, {})[str(each.frame_id)] = _CANDIDATE.dump_json(each, exclude_defaults=True)
    for station, frame in changes.left:
        left.setdefault(station, []).append(str(frame))
    return came, left


def _placed(rows: Mapping[str, str]) -> Iterator[tuple[Place, int]]:
    for name, at in rows.items():
        topic, _, part = name.rpartition("/")
        yield (topic, int(part)), int(at)
