"""The broker goes away and comes back: the line waits, and loses nothing."""

import time
from collections.abc import Callable

import pytest

from andon.topics import FRAMES, SCORES
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

FRAME_COUNT = 800
AWAY_S = 20.0


@pytest.mark.nightly
def test_the_line_outlives_twenty_seconds_without_a_broker(trial: Trial, parts: Callable[..., list[str]]) -> None:
    trial.start()
    ingest = trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "20")
    trial.until(lambda: trial.count(SCORES) > 100, "scores to flow")
    trial.servers.kafka.stop()
    time.sleep(AWAY_S)
    assert ingest.process.running
    trial.servers.kafka.start()
    trial.until(lambda: not ingest.process.running, "ingest to end", 120)
    assert ingest.process.returncode == 0, ingest.process.tail()
    ledger = trial.settled(FRAME_COUNT)

    assert ledger.faults() == {}
    assert len(ledger.scores) == FRAME_COUNT == trial.count(FRAMES)  # an idempotent producer repeats nothing
    trial.line.check()  # nobody needed a restart


def test_a_broker_killed_and_started_again_has_every_acknowledged_frame(
    trial: Trial, parts: Callable[..., list[str]]
) -> None:
    trial.start()
    ingest = trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "40")
    trial.until(lambda: trial.count(SCORES) > 100, "scores to flow")
    trial.servers.kafka.kill()
    trial.servers.kafka.start()
    trial.until(lambda: not ingest.process.running, "ingest to end", 120)
    assert ingest.process.returncode == 0, ingest.process.tail()
    assert trial.settled(FRAME_COUNT).faults() == {}
    trial.line.check()
