"""What was counted, in Redis: a hash a station and day of frames scored and called (`andon.rates.tallies`), one of the
frames that were called anomalous, and one that says how far each partition was counted. They go by themselves after
three days.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from pydantic import TypeAdapter

from andon.kafka.source import Place
from andon.rates.tallies import read_tallies, tally_field, tally_text
from andon.records import Told
from andon.redis_client import Client, Script
from andon_alerting.counting import Counted
from andon_alerting.false_calls import Called, Looked, Overruled, hour_of
from andon_alerting.outbox import Keys, run_script

KEEP_S = 3 * 86_400
MOST_CALLED = 2000  # of a station and day: about 0.6 MB; people answer on far fewer

ADD = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
local keep, most = ARGV[4], tonumber(ARGV[5])
for key = 2, #KEYS do
  local how, name, value = ARGV[3 * key], ARGV[3 * key + 1], ARGV[3 * key + 2]
  if how == 'tally' then
    local scored, called = string.match(value, '(%d+) (%d+)')
    local before, so_far = string.match(redis.call('HGET', KEYS[key], name) or '0 0', '(%d+) (%d+)')
    redis.call('HSET', KEYS[key], name, string.format('%d %d', before + scored, so_far + called))
  elseif redis.call('HLEN', KEYS[key]) < most then
    redis.call('HSET', KEYS[key], name, value)
  end
  redis.call('EXPIRE', KEYS[key], keep)
end
return 1
"""
"""Adds counts and moves the place they were counted up to, both or nothing."""


class RedisCounts:
    """See `counting.Counts`."""

    def __init__(self, redis: Client, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._add = Script(ADD)

    def places(self, places: Iterable[Place]) -> dict[Place, int]:
        """One look."""
        wanted = sorted(places)
        rows = self._redis.hmget(self._keys.counted, [_field(each) for each in wanted])
        return {place: int(row) for place, row in zip(wanted, rows, strict=True) if row is not None}

    def begin(self, starts: Mapping[Place, int]) -> None:
        """The first word counts."""
        for place, offset in starts.items():
            self._redis.hsetnx(self._keys.counted, _field(place), offset)

    def add(self, place: Place, counted: Counted) -> bool:
        """One script."""
        keys = [self._keys.counted]
        said: list[str | float] = [_field(place), str(counted.begin), str(counted.end), KEEP_S, MOST_CALLED]
        for bucket, count in counted.scored.items():
            station, product, quarter = bucket
            keys.append(self._keys.tally(station, quarter))
            said += ["tally", tally_field(product, quarter), tally_text(count, counted.calls.get(bucket, 0))]
        for (station, frame), called in counted.called.items():
            keys.append(self._keys.called(station, _day(called.evidence.captured_at)))
            said += ["called", frame.hex, _text(called)]
        return bool(run_script(self._redis, self._add, keys, said))

    def look(self, known: Overruled, since: datetime, now: datetime) -> Looked:
        """Two round trips."""
        since, until = hour_of(since), hour_of(now) + timedelta(hours=1)
        tallies = read_tallies(self._redis, self._keys.prefix, [known.station], since, until)
        scored: dict[tuple[str | None, datetime], int] = defaultdict(int)
        for (_, product, quarter), (count, _) in tallies.items():
            scored[product, hour_of(quarter)] += count
        return Looked(scored, self._called(known, _days(since, now)))

    def _called(self, known: Overruled, days: Iterable[str]) -> dict[UUID, Called]:
        frames = [each.frame for each in known.said if each.answer is Told.FALSE_CALL]
        pipe = self._redis.pipeline(transaction=False)
        for day in days:
            pipe.hmget(self._keys.called(known.station, day), [each.hex for each in frames] or ["-"])
        rows = pipe.execute()
        return {frame: _read(text) for row in rows for frame, text in zip(frames, row, strict=False) if text}


def _field(place: Place) -> str:
    return f"{place[0]}/{place[1]}"


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d}"


def _days(since: datetime, now: datetime) -> list[str]:
    return [_day(since + timedelta(days=each)) for each in range((now.date() - since.date()).days + 1)]


@cache
def _adapter() -> TypeAdapter[Called]:
    return TypeAdapter(Called)


def _text(called: Called) -> str:
    return _adapter().dump_json(called, exclude_none=True, exclude_defaults=True).decode()


def _read(text: str) -> Called:
    return _adapter().validate_json(text)


@cache
def _known() -> TypeAdapter[Overruled]:
    return TypeAdapter(Overruled)


def write_known(known: Overruled) -> str:
    """The JSON that Redis keeps of what people said at a station."""
    return _known().dump_json(known, exclude_none=True).decode()


def read_known(text: str) -> Overruled:
    """What is known, from `text`."""
    return _known().validate_json(text)
