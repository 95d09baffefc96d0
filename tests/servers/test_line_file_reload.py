"""The line file changes under a running alerting: what it says holds from the next score on, without a restart."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.ids import frame_id
from andon.records import FramePlace, IncidentEvent, IncidentKind, Score, Verdict, read_event, write_event
from andon.stage import Message
from andon.topics import INCIDENTS, SCORES
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
STATION = "line-file-1"
PATIENT, STRICT = "3 of 5 frames", "1 of 1 frames"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "line.yaml"


@pytest.fixture
def trial(servers: Servers, tmp_path: Path, file: Path) -> Iterator[Trial]:
    prefix = f"t{time.time_ns()}"
    env = {"ANDON_KAFKA__GROUP_PREFIX": prefix, "ANDON_REDIS__KEY_PREFIX": f"{prefix}:", "ANDON_LINE": str(file)}
    with Trial(servers, tmp_path, env, random.SystemRandom()) as trial:
        trial.kafka = trial.kafka.model_copy(update={"group_prefix": prefix})
        yield trial


def say(file: Path, sentence: str) -> None:
    """As an editor does it: a new file in the place of the old one."""
    fresh = file.with_suffix(".new")
    policy = f"{{open: {sentence}, open at once: never, silent after: never}}"
    fresh.write_text(f"line: body\nstations: {{line-file-*: {{policy: {policy}}}}}")
    fresh.replace(file)


def anomalous(seq: int) -> Message:
    at = datetime.now(UTC)
    given = Score(
        frame_id=frame_id(STATION, 1, seq),
        station=STATION,
        epoch=1,
        seq=seq,
        captured_at=at,
        scored_at=at,
        verdict=Verdict.ANOMALOUS,
        score=2.0,
        threshold=1.0,
        bundle="0" * 64,
        width=640,
        height=480,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
        sha256=f"{seq:064x}",
    )
    return Message(SCORES, STATION.encode(), write_event(given))


def opened(trial: Trial) -> list[IncidentEvent]:
    events = (read_event(IncidentEvent, record.value) for record in trial.read(INCIDENTS))
    return [each for each in events if each.station == STATION and each.kind is IncidentKind.OPENED]


def test_a_changed_line_file_decides_over_the_next_score_and_a_wrong_one_over_none(trial: Trial, file: Path) -> None:
    say(file, PATIENT)
    trial.start("alerting")
    alerting = trial.service("alerting")
    trial.write(anomalous(0))
    trial.until(lambda: not trial.behind("alerting", SCORES), "the first score to be decided on")
    assert alerting.gauge("andon_line_file_valid") == 1
    say(file, "5 of 3 frames")
    trial.until(lambda: alerting.gauge("andon_line_file_valid") == 0, "the wrong file to be refused")
    trial.write(anomalous(1))
    trial.until(lambda: not trial.behind("alerting", SCORES), "the second score to be decided on")
    assert opened(trial) == []
    say(file, STRICT)
    trial.until(lambda: alerting.gauge("andon_line_file_valid") == 1, "the file to be taken in again")
    trial.write(anomalous(2))
    trial.until(lambda: len(opened(trial)) > 0, "an incident")
    assert alerting.process.running
    (incident,) = opened(trial)
    assert frame_id(STATION, 1, 2) in {each.frame_id for each in incident.evidence}
    assert incident.line == "body"
