"""Readings on real Kafka: from a table, a pipe and pushed over HTTP, beside their station's frames; found by drift."""

import http.client
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.records import DriftCause, Finding, Reading, read_event, read_reading
from andon.stage import Message, Record
from andon.topics import BASELINES, DRIFT, SCORES, SIGNALS
from andon_demo.line import andon_command
from andon_demo.servers.ports import free_ports
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
AT = "2026-11-22T14:02:0{}Z"


@pytest.fixture
def trial(servers: Servers, tmp_path: Path) -> Iterator[Trial]:
    soon = {"ANDON_DRIFT__LEARN_FRAMES": "1200", "ANDON_DRIFT__LEARN_HOURS": "0.3"}
    group = {"ANDON_KAFKA__GROUP_PREFIX": f"t{time.time_ns()}", "ANDON_PUSH__TOKEN": "swordfish"}
    with Trial(servers, tmp_path, soon | group, random.SystemRandom()) as trial:
        yield trial


def signals(trial: Trial, *words: str, lines: str = "") -> str:
    """`andon signals`; what it says as JSON."""
    command = [andon_command(), "signals", *words, "--json"]
    env = {**os.environ, **trial.env}
    done = subprocess.run(command, env=env, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def push(port: int, station: str, body: object) -> int:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer swordfish"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", f"/signals/{station}", json.dumps(body), headers)
        return connection.getresponse().status


def test_a_table_a_pipe_and_a_push_arrive_beside_the_frames_of_their_station(trial: Trial, tmp_path: Path) -> None:
    station, port = f"weld-{time.time_ns()}", free_ports(1, random.SystemRandom())[0]
    ingest = trial.ingest("http", "--port", str(port))
    table = tmp_path / "plc.csv"
    table.write_text(f"time;Temp [K]\n{AT.format(1)};341\n{AT.format(2)};342\n")
    assert json.loads(signals(trial, str(table), "-s", station))["readings"] == 2
    reading = {"at": AT.format(3), "values": {"temp": 343}}
    assert json.loads(signals(trial, "-", "-s", station, lines=json.dumps(reading) + "\n"))["readings"] == 1
    ingest.process.wait_ready(ingest.ready, within_s=60)
    assert push(port, station, [reading | {"at": AT.format(4)}, reading | {"at": AT.format(5)}]) == 202

    def of(topic: str) -> list[Record]:
        return [record for record in trial.read(topic) if record.key == station.encode()]

    found: list[Reading] = [read_reading(record) for record in of(SIGNALS)]
    assert [f"{each.at:%S}" for each in found] == ["01", "02", "03", "04", "05"]
    assert [each.values["temp"] for each in found] == [341, 342, 343, 343, 343]
    trial.write(Message(SCORES, station.encode(), b"any"))
    assert {each.partition for each in of(SIGNALS)} == {each.partition for each in of(SCORES)}


def test_a_sensor_that_moves_is_found_by_drift_with_its_name_and_unit(trial: Trial, tmp_path: Path) -> None:
    station, draw = f"press-{time.time_ns()}", random.Random(1)

    start = datetime.now(UTC) - timedelta(hours=2)

    def send(begin: int, end: int, warmer: float) -> None:
        table = tmp_path / f"{begin}.csv"
        rows = [f"{start + timedelta(seconds=n)};{340 + warmer + draw.gauss(0, 0.5)}" for n in range(begin, end)]
        table.write_text("\n".join(["time;Spindle Temperature [K]", *rows]))
        signals(trial, str(table), "-s", station, "--source", "plc")

    def found() -> list[Finding]:
        findings = [read_event(Finding, record.value) for record in trial.read(DRIFT)]
        return [each for each in findings if each.station == station]

    def known() -> bool:
        return any((record.key or b"").startswith(station.encode()) for record in trial.read(BASELINES))

    def found_after_more() -> list[Finding]:  # what comes before drift has heard of its own reference is not watched
        begin = next(later)
        send(begin, begin + 300, 6)
        return found()

    later = iter(range(1400, 6000, 300))
    send(0, 1300, 0)
    trial.start("drift")
    trial.until(known, "what is usual to be known")
    trial.until(found_after_more, "the finding", pause_s=1.0)
    (finding,) = found()
    assert finding.drift is not None
    assert finding.drift.named is DriftCause.SENSOR
    assert (finding.drift.moved[0].name, finding.drift.moved[0].unit) == ("spindle_temperature", "K")
    assert "spindle temperature rose " in finding.sentence
