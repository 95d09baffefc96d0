"""kill -9, on a line of real processes: nothing is lost, nothing counts twice, nobody is paged twice."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from andon.records import IncidentEvent, IncidentKind, Score, read_event
from andon.topics import FRAMES, INCIDENTS, LEDGER, PREPARED, SCORES
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

FRAME_COUNT = 2000


def test_two_thousand_frames_survive_the_killing_of_every_service_in_turn(
    trial: Trial,
    books: Any,
    pages: Any,
    parts: Callable[..., list[str]],
    judged_right: Callable[[Sequence[Score]], None],
    recompute: Callable[[], Any],
    in_redis: Callable[[Sequence[str]], Any],
    tmp_path: Path,
) -> None:
    trial.start()
    trial.start("ledger-watch")
    journal = str(tmp_path / "ingest.state")
    ingest = trial.ingest("folder", *parts(FRAME_COUNT), "--rate", "25", "--state", journal)
    processes = {name: each.process for name, each in trial.line.services.items()} | {"ingest": ingest.process}
    processes["ledger-watch"] = trial.service("ledger-watch").process
    flow = {"alerting": SCORES, "scoring": PREPARED, "preprocess": FRAMES, "ledger-watch": LEDGER, "ingest": FRAMES}
    for _ in range(2):
        for name, topic in flow.items():
            reached = trial.count(topic) + (20 if topic == LEDGER else 60)
            trial.until(lambda: trial.count(topic) > reached, f"60 more records in {topic}")  # noqa: B023
            assert processes[name].running
            processes[name].kill()
            processes[name].start()
    trial.until(lambda: not ingest.process.running, "ingest to end", 120)
    assert ingest.process.returncode == 0
    ledger = trial.settled(FRAME_COUNT)

    assert ledger.faults() == {}
    assert len(ledger.scores) == FRAME_COUNT
    books.balance(FRAME_COUNT)
    judged_right([score for scores in ledger.scores.values() for score in scores])

    expected = recompute()
    assert in_redis(list(expected.states)) == expected.states
    assert expected.pages  # defects were among the parts
    trial.until(lambda: expected.pages <= pages.told.keys(), "every page to be told")
    assert pages.told.keys() == expected.pages
    assert pages.repeats <= 2  # calls told again: only when killed, which happened twice, while telling

    events = [read_event(IncidentEvent, record.value) for record in trial.read(INCIDENTS)]
    told = (IncidentKind.OPENED, IncidentKind.RESOLVED)
    turns = {f"{each.incident_id}/{each.kind}" for each in events if each.kind in told}
    assert turns == expected.pages
    # what a killed alerting was about to tell Alertmanager is told when its lease of 30 s is over
    trial.until(lambda: len(firing(trial)) == len(expected.open), "Alertmanager to be told as much")
    assert firing(trial) == sorted(expected.open)


def firing(trial: Trial) -> list[str]:
    """The incidents that Alertmanager holds to be open."""
    alerts = httpx.get(f"{trial.servers.alertmanager.url}/api/v2/alerts").json()
    labels = [alert["labels"] for alert in alerts if alert["labels"]["alertname"] != "AndonWatchdog"]
    return sorted(each["incident"] for each in labels)
