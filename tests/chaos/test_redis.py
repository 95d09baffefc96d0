"""Redis is flushed, or away: scoring goes on, and what Redis holds is what Kafka says."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import pytest

from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.topics import SCORES
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

FRAME_COUNT = 800
REBUILDS = "andon_state_rebuilds_total"


def test_a_flushed_redis_is_rebuilt_from_kafka_and_pages_nobody_twice(
    trial: Trial,
    pages: Any,
    parts: Callable[..., list[str]],
    recompute: Callable[[], Any],
    in_redis: Callable[[Sequence[str]], Any],
) -> None:
    trial.start()
    trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "20")
    trial.until(lambda: pages.told, "the first page")
    rebuilt = trial.service("alerting").gauge(REBUILDS) or 0
    with closing(connect(RedisSettings(url=trial.servers.redis.url))) as redis:
        redis.flushall()
    flushed_at = trial.count(SCORES)
    trial.until(lambda: trial.count(SCORES) > flushed_at + 20, "scores to go on")
    trial.until(lambda: (trial.service("alerting").gauge(REBUILDS) or 0) > rebuilt, "the state to be rebuilt")
    assert trial.settled(FRAME_COUNT).faults() == {}

    expected = recompute()
    assert in_redis(list(expected.states)) == expected.states
    trial.until(lambda: expected.pages <= pages.told.keys(), "every page to be told")
    assert pages.told.keys() == expected.pages
    trial.line.check()


def test_alerting_waits_for_redis_while_scoring_goes_on(
    trial: Trial,
    pages: Any,
    parts: Callable[..., list[str]],
    recompute: Callable[[], Any],
    in_redis: Callable[[Sequence[str]], Any],
) -> None:
    trial.start()
    trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "20")
    trial.until(lambda: pages.told, "the first page")
    trial.servers.redis.stop()
    stopped_at = trial.count(SCORES)
    time.sleep(10)
    assert trial.count(SCORES) > stopped_at + 100
    trial.servers.redis.start()  # empty: it keeps nothing on disk
    assert trial.settled(FRAME_COUNT).faults() == {}

    expected = recompute()
    assert in_redis(list(expected.states)) == expected.states
    trial.until(lambda: expected.pages <= pages.told.keys(), "every page to be told")
    assert pages.told.keys() == expected.pages
    trial.line.check()
