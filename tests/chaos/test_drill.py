"""`andon drill` on a real line: what goes wrong at a copy is named right, and the station knows nothing of it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from confluent_kafka import TopicPartition

from andon.kafka.clients import consumer, consumer_config
from andon.records import Assignment, IncidentEvent, IncidentKind, Notice, Score, read_event, write_event
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.stage import Message
from andon.topics import INCIDENTS, MODELS, NOTICES, SCORES
from andon_alerting.outbox import Keys
from andon_alerting.states import RedisStates, write_state
from andon_demo.line import andon_command, last_json, run_to_end
from andon_demo.servers.alertmanager import Alertmanager
from andon_demo.servers.kafka import Kafka
from andon_demo.servers.ports import free_ports
from andon_demo.servers.redis import Redis
from andon_demo.servers.supervise import Servers
from andon_demo.stations import DECIDED
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
STATION, COPY = "press-1", "drill.press-1"
SILENT_AFTER_S = 3.0
FIT_WITHIN_S = 240.0


@dataclass
class Scene:
    """A line that inspects drawn parts, with its camera running; `listen` is where its Alertmanager tells of drills."""

    trial: Trial
    listen: str
    digest: str

    def drill(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """`andon drill STATION ...`: its status, and what it tells."""
        status, (told,) = self.run(STATION, *arguments)
        return status, told

    def run(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        """`andon drill ...`: its status, and what it tells of each station."""
        command = self.command(*arguments)
        done = subprocess.run(command, capture_output=True, text=True, env=self.env, timeout=200, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def command(self, *arguments: str) -> list[str]:
        return [andon_command(), "drill", "--json", *arguments]

    def assign(self, station: str) -> None:
        """The bundle serves there, too."""
        given = Assignment(station=station, bundle=self.digest, by="test", at=datetime.now(UTC))
        self.trial.write(Message(MODELS, given.key, write_event(given)))
        proof = f"proven:{station}/*".encode()
        self.trial.until(lambda: proof in [each.key for each in self.trial.read(MODELS)], "the bundle to be proven")

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, **self.trial.env}

    def incidents(self, station: str) -> list[IncidentEvent]:
        found = [read_event(IncidentEvent, record.value) for record in self.trial.read(INCIDENTS)]
        return [each for each in found if each.station == station]

    def open_at(self, station: str) -> list[str]:
        open_now: dict[str, str] = {}
        for each in self.incidents(station):
            if each.kind is IncidentKind.OPENED:
                open_now[str(each.incident_id)] = each.cause
            if each.kind is IncidentKind.RESOLVED:
                open_now.pop(str(each.incident_id), None)
        return list(open_now.values())

    def notices(self) -> list[Notice]:
        """What came of the drills until now, as people are told."""
        told = [read_event(Notice, record.value) for record in self.trial.read(NOTICES)]
        return [each for each in told if each.station == STATION and each.kind.startswith("drill_")]

    def left_in_models(self) -> set[bytes]:
        """The keys of the copy that compaction will keep: those whose last record is no tombstone."""
        kafka, last = self.trial.kafka, dict[bytes, bytes | None]()
        with closing(consumer(consumer_config(kafka, "looker"))) as looker:
            parts = self.trial.ends(MODELS)
            looker.assign([TopicPartition(MODELS, part, 0) for part in parts])
            seen = 0
            while seen < sum(parts.values()):
                message = looker.poll(5)
                assert message is not None
                assert message.error() is None
                last[message.key() or b""], seen = message.value(), seen + 1
        return {key for key, value in last.items() if value is not None and COPY.encode() in key}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with line_of(tmp_path_factory.mktemp("drill")) as scene:
        yield scene


@contextmanager
def line_of(folder: Path, **policy: float) -> Iterator[Scene]:
    """A line with such a policy."""
    draw = random.SystemRandom()
    (port,) = free_ports(1, draw)
    wanted = {"silent_after_s": SILENT_AFTER_S, **policy}
    env = {"ANDON_MODELS__THREADS": "1"} | {f"ANDON_POLICY__{name.upper()}": str(n) for name, n in wanted.items()}
    kinds = [Kafka(), Redis(), Alertmanager(drills=f"http://127.0.0.1:{port}/")]
    with Servers(kinds) as servers, Trial(servers, folder, env, draw) as trial:
        parts = drawn(trial)
        digest = fitted(trial, parts)
        trial.start()
        scene = Scene(trial, f"127.0.0.1:{port}", digest)
        scene.assign(STATION)
        trial.ingest("folder", str(parts), "--station", STATION, "--only", "test/good/*", "--rate", "4", "--loop")
        trial.until(lambda: trial.count(SCORES) >= 30, "the camera's frames to be scored")
        yield scene


def drawn(trial: Trial) -> Path:
    arguments = ["ingest", "draw", str(trial.folder / "parts"), "--prefix", "press", "--good", "80", "--defective", "1"]
    run_to_end("draw", arguments, trial.folder / "logs", trial.env, 60)
    return trial.folder / "parts" / STATION


def fitted(trial: Trial, parts: Path) -> str:
    store, out = trial.env["ANDON_STORE__BUNDLES"], str(trial.folder / "press-1.andon")
    options = ["--out", out, "--store", store, "--budget", "2 per 1000", "--json", *DECIDED]
    process = run_to_end("fit", ["fit", str(parts), *options], trial.folder / "logs", trial.env, FIT_WITHIN_S)
    told = last_json(process.log, "digest")
    assert told is not None
    return str(told["digest"])


def test_a_defect_dimmed_light_and_silence_are_named_right_and_the_station_is_not_touched(scene: Scene) -> None:
    report = scene.trial.folder / "drill.xml"
    arguments = ["--only", "defect,dim,silence", "--rate", "12", "--listen", scene.listen, "--junit", str(report)]
    status, told = scene.drill(*arguments)
    named = {each["fault"]: (each["result"], each["named"]) for each in told["drills"]}
    assert named == {
        "dim": ("right", "station_dark"),
        "defect": ("right", "defect_surge"),
        "silence": ("right", "station_silent"),
    }
    assert (status, told["right"]) == (0, True)
    for each in told["drills"]:
        assert each["sink"] == "alertmanager"
        assert 0 < each["opened_s"] <= each["paged_s"] <= each["notified_s"] + 0.05
        assert each["resolved_s"] > each["opened_s"]
    assert [case.find("failure") for case in ElementTree.parse(report).iter("testcase")] == [None] * 3  # noqa: S314

    assert scene.left_in_models() == set()
    assert {each.drill for each in scene.incidents(COPY)} == {True}
    time.sleep(SILENT_AFTER_S + 3)  # by now a copy that did not say goodbye would be called silent
    assert scene.open_at(COPY) == []
    assert scene.incidents(STATION) == []
    (notice,) = scene.notices()
    assert (notice.kind, "3 of 3 drills were named right" in notice.sentence) == ("drill_passed", True)


def test_a_drill_that_is_ended_in_the_middle_leaves_nothing_behind(scene: Scene) -> None:
    before = len(scene.incidents(COPY))
    drilling = subprocess.Popen(
        scene.command(STATION, "--only", "defect", "--repeat", "50", "--rate", "8"),
        env=scene.env,
        stderr=subprocess.PIPE,
    )
    scene.trial.until(lambda: len(scene.incidents(COPY)) > before, "the first incident")
    drilling.send_signal(signal.SIGTERM)
    assert drilling.wait(60) != 0
    assert drilling.stderr is not None
    assert b"Traceback" not in drilling.stderr.read()
    drilling.stderr.close()
    scene.trial.until(lambda: scene.open_at(COPY) == [], "the copy's incidents to be over", 5)
    assert scene.left_in_models() == set()
    last = [score for each in scene.trial.read(SCORES) if (score := read_event(Score, each.value)).station == COPY][-1]
    assert last.subject == "drill over"


def test_of_all_stations_each_is_drilled_in_turn_and_a_page_that_comes_too_late_is_told_to_people(scene: Scene) -> None:
    scene.assign("press-0")
    status, (idle, told) = scene.run("--all", "--only", "defect", "--rate", "8", "--within", "0.1")
    assert (idle["station"], idle["skipped"], "--images FOLDER" in idle["problem"]) == ("press-0", True, True)
    assert (status, told["station"], [each["result"] for each in told["drills"]]) == (1, STATION, ["too_late"])
    assert scene.notices()[-1].kind == "drill_failed"


@pytest.mark.nightly
def test_a_line_that_names_nothing_fails_the_drill(scene: Scene) -> None:
    scene.trial.service("drift").process.stop(grace_s=20)
    try:
        status, told = scene.drill("--only", "frozen", "--rate", "20", "--within", "2")
    finally:
        scene.trial.start("drift")
    assert (status, [each["result"] for each in told["drills"]]) == (1, ["nothing"])


def test_a_station_that_no_bundle_serves_cannot_be_drilled(scene: Scene) -> None:
    command = [sys.executable, "-m", "andon", "drill", "press-9"]
    done = subprocess.run(command, capture_output=True, text=True, env=scene.env, timeout=60, check=False)
    assert done.returncode == 1
    assert "no proven bundle serves it" in done.stderr


def test_the_stations_state_names_no_frame_of_a_drill(scene: Scene) -> None:
    scores = [read_event(Score, each.value) for each in scene.trial.read(SCORES)]
    drilled = {str(each.frame_id) for each in scores if each.station == COPY}
    with closing(connect(RedisSettings(url=scene.trial.servers.redis.url))) as redis:
        states = {
            name: RedisStates(redis, Keys("andon:"), {}).load({name: 0}, ()).cards[name] for name in (STATION, COPY)
        }
    named = {name: json.dumps(write_state(card.state)) for name, card in states.items()}
    assert [each for each in drilled if each in named[COPY]], "the last frame stands in the state of its own station"
    assert [each for each in drilled if each in named[STATION]] == []


@pytest.mark.nightly
def test_six_of_six_are_named_right(scene: Scene) -> None:
    status, told = scene.drill("--listen", scene.listen)
    assert [(each["fault"], each["result"]) for each in told["drills"]] == [
        (fault, "right") for fault in ("blur", "dim", "shift", "frozen", "defect", "silence")
    ]
    assert status == 0


@pytest.mark.nightly
def test_with_a_policy_of_one_of_one_a_page_is_told_within_two_seconds(tmp_path: Path) -> None:
    with line_of(tmp_path, k=1, n=1) as scene:
        status, told = scene.drill("--only", "defect", "--repeat", "40", "--rate", "5", "--listen", scene.listen)
    assert (status, len(told["drills"])) == (0, 40)
    assert told["seconds"]["defect"]["paged_s"]["p99"] <= 2.0
    assert told["seconds"]["defect"]["notified_s"]["p99"] <= 2.0
