"""Kafka is lost with all that it held: from the bundle store and a saved list of assignments the line runs again."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count

import pytest
from confluent_kafka.admin import AdminClient
from rolled_line import fleet_of

from andon.records import Score, read_event
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.stage import Message
from andon.topics import ALL, FRAMES, INCIDENTS, SCORES
from andon_demo.line import andon_command
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(300)]

SERVICES = ("preprocess", "scoring", "alerting", "drift")


def andon(trial: Trial, *words: str) -> str:
    """What the command prints, run as docs/operating.md gives it."""
    env = os.environ | trial.env
    done = subprocess.run([andon_command(), *words], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lose_kafka(trial: Trial) -> None:
    """Every topic and every group is gone, as on a new cluster."""
    client = AdminClient({"bootstrap.servers": trial.servers.kafka.bootstrap})
    for gone in client.delete_topics([each.name for each in ALL], operation_timeout=30).values():
        gone.result(30)
    groups = [each.group_id for each in client.list_consumer_groups().result(10).valid]
    for gone in client.delete_consumer_groups(groups).values():
        gone.result(30)


def defects(trial: Trial, picture: Callable[[int], bytes], numbers: Iterator[int]) -> None:
    """Twenty bad parts of somebody else's camera: their places in Kafka are what they are known by."""
    trial.write(*[Message(FRAMES, b"press-1", picture(200 - next(numbers) % 3)) for _ in range(20)])


def test_a_lost_kafka_is_begun_anew_from_the_bundles_and_the_saved_assignments(
    trial: Trial, flat: Callable[[int], bytes]
) -> None:
    numbers = count()
    with fleet_of(trial) as fleet:
        fleet.start(*SERVICES)
        defects(trial, flat, numbers)
        trial.until(lambda: trial.count(INCIDENTS) > 0, "an incident")
        saved = json.loads(andon(trial, "assignments", "--json"))
        for name in SERVICES:
            fleet.end(name, fleet.running[name][0])

        lose_kafka(trial)
        with closing(connect(RedisSettings(url=trial.servers.redis.url))) as redis:
            redis.flushdb()
        trial.until(lambda: "created" in andon(trial, "topics", "create", "--partitions", "4"), "topics to be made")
        for each in saved:
            andon(trial, "assign", each["station"], each["bundle"], "--wait", "0", "--why", "restored")

        fleet.start(*SERVICES)
        defects(trial, flat, numbers)
        trial.until(lambda: trial.count(INCIDENTS) > 0, "the new line to open an incident")
        scores = [read_event(Score, record.value) for record in trial.read(SCORES)]
        assert {each.bundle for each in scores} == {saved[0]["bundle"]}
        fleet.check()
