"""What alerting counts, on real Redis: the console reads it by quarter hour, station and product."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from andon.rates import Rates, last_day, quarter_of
from andon.rates.tallies import AT_ONCE, read_tallies
from andon.redis_client import Client, connect
from andon.settings import RedisSettings
from andon.topics import SCORES
from andon_alerting.counting import Counted
from andon_alerting.counts import RedisCounts
from andon_alerting.outbox import Keys
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers

pytestmark = pytest.mark.servers
NOW = datetime(2026, 7, 1, 0, 40, tzinfo=UTC)
DAY = last_day(NOW)


@pytest.fixture(scope="module")
def redis() -> Iterator[Client]:
    with Servers([Redis()]) as started:
        yield connect(RedisSettings(url=started.redis.url))


@pytest.fixture
def keys() -> Keys:
    return Keys(f"t-{uuid4().hex[:8]}:")


def count(redis: Client, keys: Keys, *tallies: tuple[str, str | None, datetime, int, int]) -> None:
    """As alerting does, in one turn."""
    counts, place = RedisCounts(redis, keys), (SCORES, 0)
    counts.begin({place: 0})
    begin = counts.places([place])[place]
    counted = Counted(begin, begin + 1)
    for station, product, at, scored, called in tallies:
        bucket = station, product, quarter_of(at)
        counted.scored[bucket] += scored
        counted.calls[bucket] += called
    assert counts.add(place, counted)


def test_what_alerting_counted_is_read_by_quarter_hour(redis: Client, keys: Keys) -> None:
    yesterday = NOW - timedelta(hours=23)
    count(redis, keys, ("weld-07", "hinge: left", NOW, 10, 2), ("weld-07", None, yesterday, 5, 0))
    count(redis, keys, ("weld-07", "hinge: left", NOW, 1, 1), ("weld-08", None, NOW, 7, 7))
    assert read_tallies(redis, keys.prefix, ["weld-07", "weld-08", "nobody"], DAY.since, DAY.until) == {
        ("weld-07", "hinge: left", quarter_of(NOW)): (11, 3),
        ("weld-07", None, quarter_of(yesterday)): (5, 0),
        ("weld-08", None, quarter_of(NOW)): (7, 7),
    }


def test_only_the_quarter_hours_that_are_asked_for_are_read(redis: Client, keys: Keys) -> None:
    edges = DAY.since - timedelta(minutes=15), DAY.since, DAY.until - timedelta(minutes=15), DAY.until
    count(redis, keys, *(("weld-07", None, each, 10**place, 0) for place, each in enumerate(edges)))
    found = read_tallies(redis, keys.prefix, ["weld-07"], DAY.since, DAY.until)
    assert sum(scored for scored, _ in found.values()) == 110


def test_stations_are_read_some_hundred_in_a_round_trip(redis: Client, keys: Keys) -> None:
    stations = [f"weld-{each}" for each in range(AT_ONCE + 3)]
    count(redis, keys, *((each, None, NOW, 1, 0) for each in stations))
    rates = Rates()
    rates.tally(read_tallies(redis, keys.prefix, stations, DAY.since, DAY.until), NOW)
    assert rates.stations() == sorted(stations)


def test_a_day_that_is_no_longer_read_goes_by_itself(redis: Client, keys: Keys) -> None:
    count(redis, keys, ("weld-07", None, NOW, 1, 0))
    assert 0 < redis.ttl(keys.tally("weld-07", NOW)) <= 3 * 86_400
