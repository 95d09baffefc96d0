"""Every rule of Prometheus fires from its real cause, on a line of real processes, and none fires where all is well.

Real Kafka, Redis, Alertmanager and Prometheus; what is broken is broken as it would be: processes are killed, starved
or stopped, a camera freezes, bytes are poison, records are deleted, the line file is spoilt. Durations of the rules are
`TIMES` shorter, nothing else of them is changed. One rule needs a GPU, and is left out here.
"""

import json
import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from andon.charts import Learned, Sample, learn
from andon.kafka.clients import admin
from andon.records import Answer, Baseline, Score, Told, Verdict, read_event, write_event
from andon.stage import Message
from andon.testing.hostile import jpeg
from andon.topics import BASELINES, FRAMES, INCIDENTS, PREPARED, SCORES, VERDICTS
from andon_demo.servers.hurried import Hurried
from andon_demo.servers.ports import HOST, free_ports
from andon_demo.servers.prometheus import Target, notify, scrape
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial
from andon_ingest.capture import Capture, Shot, frames

pytestmark = [pytest.mark.servers, pytest.mark.nightly, pytest.mark.timeout(1800)]

TIMES = 20
NEEDS_A_GPU = {"AndonGpuMemoryShort"}
LINE = """
line: drill
burst: never
defaults:
  budget: 2 per 1000
  heartbeat: {heartbeat}
  policy:
    silent after: never
"""
SLOW_JOB = """
  - job_name: slow
    scrape_interval: 5s
    scrape_timeout: 5s
    static_configs:
      - targets: ['{}']
"""
ENV = {
    "ANDON_HEARTBEAT__LATE_AFTER_S": "2",
    "ANDON_HEARTBEAT__MISSING_AFTER_S": "2",
    "ANDON_DEAD_LETTERS__MAX_RATIO": "1",
    "ANDON_DEAD_LETTERS__MAX_RUN": "100000",
    "ANDON_ALERTMANAGER__RESEND_S": "3",
    "ANDON_EVIDENCE__LOOK_EVERY_S": "2",
    "ANDON_LEDGER__SETTLE_S": "3",
    "ANDON_LEDGER__REPORT_S": "1",
}


class Feeder:
    """Cameras of a foreign producer: bare images with a key. `cameras` says what each station sends, and how often."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._over = threading.Event()
        self._drawn = 0
        self.cameras: dict[str, tuple[float, Callable[[int], bytes]]] = {}
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        due: dict[str, float] = {}
        while not self._over.wait(0.02):
            now = time.monotonic()
            for station, (rate, picture) in list(self.cameras.items()):
                messages = []
                while due.setdefault(station, now) <= now:
                    due[station] += 1 / rate
                    self._drawn += 1
                    messages.append(Message(FRAMES, station.encode(), picture(self._drawn)))
                if messages:
                    self._trial.write(*messages)

    def __enter__(self) -> "Feeder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def part(level: int, spread: float = 2.0) -> Callable[[int], bytes]:
    """Pictures of about this brightness, each another."""
    rng = np.random.default_rng(level)

    def draw(number: int) -> bytes:
        made = np.full((16, 16), round(rng.normal(level, spread)), np.uint8)
        made[number % 16, number // 16 % 16] += 1
        return jpeg(made)

    return draw


class Watched:
    """What fires, by when it first did, in seconds since the watch began."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._began = time.monotonic()
        self.first: dict[str, tuple[float, dict[str, str], str]] = {}

    def look(self) -> set[str]:
        """The names of those that fire now."""
        found = httpx.get(f"{self._url}/api/v1/alerts", timeout=20).json()["data"]["alerts"]
        firing = [each for each in found if each["state"] == "firing"]
        for each in firing:
            labels = each["labels"]
            name = labels["alertname"] + (f"/{labels['window']}" if "window" in labels else "")
            said = each["annotations"]["description"]
            self.first.setdefault(name, (time.monotonic() - self._began, labels, said))
        return {each["labels"]["alertname"] for each in firing}

    def all_names(self) -> set[str]:
        """Every alert that the rules know."""
        groups = httpx.get(f"{self._url}/api/v1/rules", timeout=20).json()["data"]["groups"]
        return {rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"}

    def broken(self) -> list[str]:
        """Rules that could not be evaluated."""
        groups = httpx.get(f"{self._url}/api/v1/rules", timeout=20).json()["data"]["groups"]
        return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]

    def wait(self, *names: str, within_s: float) -> None:
        """Until these have fired at some time; who has not is found at the end."""
        deadline = time.monotonic() + within_s
        while not set(names) <= self.names and time.monotonic() < deadline:
            self.look()
            time.sleep(0.5)
        for name in sorted(set(names) - self.names):
            sys.stderr.write(f"{time.monotonic() - self._began:6.0f} s  {name} did not fire within {within_s} s\n")

    @property
    def names(self) -> set[str]:
        return set(self.first) | {name.partition("/")[0] for name in self.first}

    def table(self) -> str:
        rows = sorted(self.first.items(), key=lambda each: each[1][0])
        return "\n".join(f"{seconds:6.0f} s  {name:32} {said}" for name, (seconds, _, said) in rows)


@contextmanager
def starved(pid: int, stopped_s: float, runs_s: float) -> Iterator[None]:
    """A process that hardly gets a processor: it runs for a moment between stops."""
    over = threading.Event()

    def starve() -> None:
        while not over.is_set():
            os.kill(pid, signal.SIGSTOP)
            over.wait(stopped_s)
            os.kill(pid, signal.SIGCONT)
            over.wait(runs_s)

    thread = threading.Thread(target=starve)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def restless(trial: Trial, group: str, topic: str) -> Iterator[None]:
    """A member of a group that comes and goes."""
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            member = Consumer({"bootstrap.servers": trial.kafka.bootstrap_servers, "group.id": group, "log_level": 0})
            member.subscribe([topic])
            until = time.monotonic() + 4
            while time.monotonic() < until and not over.is_set():
                member.poll(0.2)
            member.close()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def baseline(station: str, digest: str, level: int) -> Message:
    """How bright the station's pictures are when all is well, as if it had learned it."""
    rng = np.random.default_rng(1)
    sample = Sample(rng.normal(level / 255, 2 / 255, (3000, 1)), ("luminance",), np.zeros(3000, np.bool_))
    learned = learn(sample, run_length=1e7)
    assert isinstance(learned, Learned)
    at = datetime.now(UTC)
    made = Baseline(
        station=station,
        bundle=digest,
        since=at - timedelta(hours=8),
        until=at,
        frames=3000,
        period_s=0.2,
        run_length=1e7,
        tickets=1,
        watched=learned.watched,
    )
    return Message(BASELINES, made.key.encode(), write_event(made))


def capture_without(station: str, missing: int, count: int) -> list[Message]:
    """A capture of our own, of which one frame got a number and was never delivered."""
    capture = Capture(int(time.time() * 1000), "drill", lambda: f"00-{'a' * 32}-{'b' * 16}-01")
    draw = part(60)
    taken = [capture.take(Shot(station, draw(seq), datetime.now(UTC))) for seq in range(count)]
    del taken[missing]
    return [each for each in frames(taken, datetime.now(UTC)) if isinstance(each, Message)]


def overruled(trial: Trial, station: str) -> list[Message]:
    """A person says that every frame of the station that was called anomalous is good."""
    made = []
    for record in trial.read(SCORES):
        score = read_event(Score, record.value)
        if score.station == station and score.verdict is Verdict.ANOMALOUS:
            answer = Answer(
                frame_id=score.frame_id,
                station=station,
                answer=Told.FALSE_CALL,
                at=datetime.now(UTC),
                by="rosa",
                verdict=score.verdict,
                captured_at=score.captured_at,
                frame=score.frame,
            )
            made.append(Message(VERDICTS, station.encode(), write_event(answer)))
    return made


def forget_frames(trial: Trial) -> None:
    """What Kafka does when the frames' retention is over."""
    client = admin(trial.kafka)
    ends = [TopicPartition(FRAMES, part, end) for part, end in trial.ends(FRAMES).items()]
    for deleted in client.delete_records(ends).values():
        deleted.result(30)


def keep_for(trial: Trial, topic: str, seconds: int) -> None:
    """Another retention for a topic."""
    client = admin(trial.kafka)
    entry = ConfigEntry("retention.ms", str(seconds * 1000), incremental_operation=AlterConfigOpType.SET)
    wanted = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for done in client.incremental_alter_configs([wanted]).values():
        done.result(30)


def opened_at(trial: Trial, station: str) -> bool:
    """Whether an incident has opened there."""
    return any(json.loads(record.value)["station"] == station for record in trial.read(INCIDENTS))


@pytest.fixture
def watched(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """The whole line with ingest, and Prometheus in a hurry beside it."""
    line = tmp_path / "line.yaml"
    line.write_text(LINE.format(heartbeat="every 10 s"))
    (port,) = free_ports(1, random.SystemRandom())
    given = {"ANDON_LINE": str(line), "ANDON_CONSOLE__PORT": str(port), "ANDON_EVIDENCE__URL": str(tmp_path / "kept")}
    for name, value in (ENV | given).items():
        monkeypatch.setenv(name, value)
    names = ["preprocess", "scoring", "drift", "alerting", "heartbeat", "evidence", "console", "ledger-watch"]
    with Servers([Hurried(times=TIMES)]) as servers:
        folder = servers.prometheus.folder
        slowly = Target(f"{HOST}:{trial.service('console').port}", "console")
        config = (folder / "prometheus.yml").read_text()
        (folder / "prometheus.yml").write_text(config.rstrip() + SLOW_JOB.format(slowly.address))
        servers.prometheus.process.signal(signal.SIGHUP)
        trial.start(*names)
        others = [each for each in names if each != "console"]
        targets = [Target(f"{HOST}:{trial.service(each).port}", each) for each in others]
        ingest = trial.ingest("folder", *drawn(tmp_path), "--rate", "5", "--loop")
        scrape(folder, [*targets, Target(f"{HOST}:{ingest.port}", "ingest")])
        notify(folder, trial.servers.alertmanager.address)
        watched = Watched(servers.prometheus.url)
        yield watched
        sys.stderr.write(watched.table() + "\n")


def drawn(folder: Path) -> list[str]:
    """Good parts of two stations, for ingest."""
    arguments = []
    for station in ("press-1", "press-2"):
        (folder / station).mkdir()
        draw = part(60)
        for number in range(200):
            (folder / station / f"{number:03d}.jpg").write_bytes(draw(number))
        arguments += ["--from", f"{station}={folder / station}"]
    return arguments


def test_every_rule_fires_from_its_real_cause_and_none_while_all_is_well(
    trial: Trial, watched: Watched, pages: Any, bundle: Callable[..., Any], tmp_path: Path
) -> None:
    line = tmp_path / "line.yaml"
    alerting, scoring = trial.service("alerting").process, trial.service("scoring").process
    good, bad = part(60), part(200)
    for station in ("press-1", "press-2"):
        trial.assign(bundle(), station)
    with Feeder(trial) as feeder:
        feeder.cameras = dict.fromkeys(("quiet-1", "bad-1", "bad-2", "calls-1", "frozen-1", "wear-1"), (5, good))
        feeder.cameras["wear-1"] = (5, part(100))
        trial.write(baseline("wear-1", bundle().digest, 100))

        # All is well, for a time that stands for a quarter of an hour.
        until = time.monotonic() + 45
        while time.monotonic() < until:
            assert watched.look() <= {"AndonWatchdog"}, watched.table()
            time.sleep(1)
        assert watched.look() == {"AndonWatchdog"}
        assert watched.broken() == []

        # While alerting is at work
        feeder.cameras.pop("quiet-1")
        line.write_text("defaults:\n  budgt: 3\n")
        watched.wait("AndonLineFileInvalid", within_s=30)
        line.write_text(LINE.format(heartbeat="never"))
        feeder.cameras["poison-1"] = (20, lambda _: b"no picture")
        watched.wait("AndonDeadLettersGrowing", "AndonDeadLetterLimitNear", within_s=90)
        feeder.cameras.pop("poison-1")

        feeder.cameras["calls-1"] = (5, lambda number: bad(number) if number % 7 == 0 else good(number))
        with restless(trial, "andon.drift", SCORES):
            pages.answer = lambda _ids: (500, None)
            feeder.cameras["bad-1"] = (5, bad)
            watched.wait("AndonPagesFailing", within_s=60)
            trial.servers.alertmanager.stop()
            watched.wait("AndonNobodyIsPaged", within_s=60)
            trial.servers.alertmanager.start()
            pages.answer = lambda _ids: (204, None)
            watched.wait("AndonRebalanceStorm", within_s=90)
        trial.servers.redis.kill()
        trial.servers.redis.start()
        watched.wait("AndonStateRebuilt", within_s=60)

        trial.service("evidence").process.stop()
        feeder.cameras["bad-2"] = (5, bad)
        trial.until(lambda: opened_at(trial, "bad-2"), "an incident of bad parts")
        forget_frames(trial)
        trial.service("evidence").process.start()
        watched.wait("AndonEvidenceNotKept", within_s=60)

        # Alerting is away
        alerting.kill()
        trial.write(*overruled(trial, "calls-1"))
        trial.write(*capture_without("gap-1", missing=7, count=20))
        trial.assign(bundle(claimed=50.0), "press-2")
        same = jpeg(np.full((16, 16), 77, np.uint8))
        feeder.cameras |= {"frozen-1": (5, lambda _: same), "wear-1": (5, part(200))}
        watched.wait("AndonServiceDown", "AndonBundleCannotServe", "AndonImageFault", within_s=60)
        watched.wait("AndonLedgerOutOfBalance", "AndonDrift", "AndonDriftWithRejects", within_s=90)
        watched.wait("AndonFalseCallBudgetBroken", within_s=120)
        watched.wait("AndonStationSilent", within_s=330)
        with starved(trial.service("console").process.pid, 3.5, 0.05):
            watched.wait("AndonScrapeSlow", within_s=180)
        watched.wait("AndonHeartbeatNotRunning", within_s=500)

        # So is scoring, and preprocess has more to do than it can
        scoring.kill()
        line.write_text(LINE.format(heartbeat="every 10 s"))
        keep_for(trial, PREPARED, 600)
        large = jpeg(np.full((2400, 2400), 60, np.uint8))
        feeder.cameras["flood-1"] = (150, lambda _: large)
        with starved(trial.service("preprocess").process.pid, 0.3, 0.03):
            watched.wait("AndonFramesNotJudgedInTime/2m", "AndonFramesNotJudgedInTime/1h", within_s=90)
            watched.wait("AndonInspectorBroken", "AndonRetentionHeadroomShort", within_s=120)
            watched.wait("AndonLagGrowing", within_s=200)
        feeder.cameras.pop("flood-1")
        watched.wait("AndonFramesNotJudgedInTime/6h", "AndonFramesLateForDays", within_s=300)
    assert watched.broken() == []
    assert watched.all_names() - watched.names == NEEDS_A_GPU
    windows = {name for name in watched.first if name.startswith("AndonFramesNotJudgedInTime")}
    assert windows == {f"AndonFramesNotJudgedInTime/{each}" for each in ("2m", "1h", "6h")}
    assert not re.search("NaN|<no value>", watched.table())
