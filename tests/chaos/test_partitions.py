"""More partitions while parts come: docs/operating.md says what then happens to a station."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewPartitions
from rolled_line import Cameras, fleet_of

from andon.kafka.clients import admin
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.topics import ALL, DEAD_LETTERS, FRAMES, SCORES
from andon_demo.trial import PARTITIONS, Trial

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(600)]

STATIONS = tuple(f"press-{number}" for number in range(12))
SERVICES = ("preprocess", "scoring", "drift", "alerting", "evidence", "ledger-watch", "ledger-watch")


def moved(trial: Trial) -> int:
    """How many scores lie in partitions that were not there at first; 0 while one of them has no leader yet."""
    try:
        return sum(end for part, end in trial.ends(SCORES).items() if part >= PARTITIONS)
    except KafkaException:
        return 0


def widen(trial: Trial, partitions: int) -> None:
    """Every topic that is keyed by station, the last of the flow first."""
    client = admin(trial.kafka)
    for topic in [each.name for each in ALL if each.spread][::-1]:
        client.create_partitions([NewPartitions(topic, partitions)])[topic].result(30)


@pytest.mark.parametrize("alertings", [1, 2])
def test_a_line_whose_topics_are_widened_goes_on_and_loses_nothing_and_nobody_is_called_twice(
    trial: Trial, pages: Any, books: Any, flat: Callable[[int], bytes], alertings: int
) -> None:
    """Every part is bad, so that an incident is open at every station while its records move. Where one process has all
    partitions, Redis is lost then, too."""
    trial.env |= {"ANDON_LEDGER__SETTLE_S": "30", "ANDON_EVIDENCE__URL": str(trial.folder / "evidence")}
    with fleet_of(trial) as fleet:
        fleet.start("ingest", *SERVICES, *["alerting"] * (alertings - 1))
        with Cameras(fleet.doors, lambda part: (200 - part % 5, flat(200 - part % 5)), 3).pushing(STATIONS) as cameras:
            trial.until(lambda: len(pages.told) == len(STATIONS), "every station to be told of")
            widen(trial, 8)
            trial.until(lambda: moved(trial) > 100, "scores in the new partitions")
            if alertings == 1:
                with closing(connect(RedisSettings(url=trial.servers.redis.url))) as redis:
                    redis.flushall()
            reached = moved(trial)
            trial.until(lambda: moved(trial) > reached + 300, "scores to go on", 120)
        ledger = trial.settled(trial.count(FRAMES))
        fleet.check()

        assert cameras.failed == []
        assert ledger.faults().keys() <= {"out_of_order"}  # frames of the old partition may be overtaken
        assert trial.count(DEAD_LETTERS) == 0
        assert books.told() == []
        assert len(pages.told) == len(STATIONS)
        assert pages.repeats == 0
