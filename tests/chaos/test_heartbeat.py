"""Who judges the inspection, on a real line: scoring gets another bundle, dies, comes back; the heartbeat dies, too."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from andon.records import Cause, Finding, FindingKind, IncidentEvent, IncidentKind, read_event
from andon.topics import DRIFT, INCIDENTS
from andon_demo.line import andon_command
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

STATIONS = [f"weld-{number:02d}" for number in range(6)]
EVERY_S, MISSING_S = 1.0, 2.0


def findings(trial: Trial) -> list[tuple[str, str]]:
    """The turns of the heartbeat's findings, in order."""
    found = [read_event(Finding, record.value) for record in trial.read(DRIFT)]
    return [(each.station, each.kind) for each in found if each.by == "heartbeat"]


def incidents(trial: Trial) -> list[tuple[str, Cause, IncidentKind]]:
    """The turns of the incidents, in order, but for what sinks accepted."""
    found = [read_event(IncidentEvent, record.value) for record in trial.read(INCIDENTS)]
    return [(each.station, each.cause, each.kind) for each in found if each.kind is not IncidentKind.PAGED]


def once(trial: Trial, *arguments: str) -> tuple[int, Any]:
    """`andon heartbeat --once`: its status, and what it tells."""
    command = [andon_command(), "heartbeat", "--once", "--json", *arguments]
    env = {**os.environ, **trial.env}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_dead_scoring_is_one_finding_about_the_line_within_its_time_and_a_swap_is_none(
    trial: Trial, pages: Any, bundle: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_HEARTBEAT__EVERY_S", str(EVERY_S))
    monkeypatch.setenv("ANDON_HEARTBEAT__LATE_AFTER_S", str(MISSING_S))
    monkeypatch.setenv("ANDON_HEARTBEAT__MISSING_AFTER_S", str(MISSING_S))
    for station in STATIONS:
        trial.assign(bundle(), station)
    trial.start("preprocess", "scoring", "alerting")
    status, told = once(trial)
    assert (status, {(each["station"], each["outcome"]) for each in told}) == (0, {(s, "right") for s in STATIONS})

    heartbeat = trial.service("heartbeat")
    trial.start("heartbeat")

    def beats() -> float:
        return heartbeat.gauge("andon_heartbeat_latency_seconds_count") or 0.0

    trial.until(lambda: beats() >= 12, "every station to have been tried")
    for station in STATIONS:
        trial.assign(bundle(threshold=150.0), station)
    seen = beats()
    trial.until(lambda: beats() >= seen + 24, "golden frames of the other bundle")
    assert findings(trial) == []

    trial.service("scoring").process.kill()
    trial.until(lambda: findings(trial), "the line to be called down", 2 * EVERY_S + MISSING_S + 3)
    status, told = once(trial, "--station", STATIONS[0])
    assert (status, [each["outcome"] for each in told]) == (1, ["missing"])
    heartbeat.process.kill()
    trial.start("heartbeat")
    time.sleep(EVERY_S + MISSING_S)  # what it had forgotten it would tell again by now
    assert findings(trial) == [("*", FindingKind.BEGAN)]

    trial.start("scoring")
    trial.until(lambda: len(findings(trial)) > 1, "the line to be back")
    assert findings(trial) == [("*", FindingKind.BEGAN), ("*", FindingKind.ENDED)]
    assert heartbeat.process.running
    trial.until(lambda: len(incidents(trial)) > 1 and len(pages.told) > 1, "people to be told both")
    broken = Cause.INSPECTOR_BROKEN
    assert incidents(trial) == [("*", broken, IncidentKind.OPENED), ("*", broken, IncidentKind.RESOLVED)]
    assert sorted(key.rpartition("/")[2] for key in pages.told) == ["opened", "resolved"]
