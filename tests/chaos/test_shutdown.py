"""SIGTERM under load: every service ends well and in time, and its successor repeats nothing at all."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.records import IncidentEvent, read_event
from andon.topics import FRAMES, INCIDENTS, PREPARED, SCORES
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

FRAME_COUNT = 1200
SHUTDOWN_S = 25.0


def test_a_stopped_service_exits_0_in_time_and_its_successor_reprocesses_nothing(
    trial: Trial, parts: Callable[..., list[str]], tmp_path: Path
) -> None:
    trial.start()
    ingest = trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "30", "--state", str(tmp_path / "ingest.state"))
    processes = {"ingest": ingest.process} | {name: each.process for name, each in trial.line.services.items()}
    for name, topic in {"alerting": SCORES, "scoring": SCORES, "preprocess": PREPARED, "ingest": FRAMES}.items():
        reached = trial.count(topic) + 60
        trial.until(lambda: trial.count(topic) > reached, f"60 more records in {topic}")  # noqa: B023
        assert processes[name].running
        began = time.monotonic()
        processes[name].signal(signal.SIGTERM)
        assert processes[name].wait(SHUTDOWN_S + 5) == 0, processes[name].tail()
        assert time.monotonic() - began < SHUTDOWN_S
        processes[name].start()
    trial.until(lambda: not ingest.process.running, "ingest to end", 120)
    ledger = trial.settled(FRAME_COUNT)

    assert ledger.faults() == {}
    assert [trial.count(topic) for topic in (FRAMES, PREPARED, SCORES)] == [FRAME_COUNT] * 3
    events = [read_event(IncidentEvent, record.value).event_id for record in trial.read(INCIDENTS)]
    assert events
    assert len(events) == len(set(events))
