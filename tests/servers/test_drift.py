"""`andon drift` on real Kafka and Redis: killed, Redis emptied under it, partitions moved, and nothing said twice or
forgotten."""

import random
import re
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.bundle import Bundle, make_bundle
from andon.charts import Learned, Sample, learn
from andon.drift_state import drift_key, read_station_drift
from andon.health import ImageHealth
from andon.ids import frame_id
from andon.manifest import Distribution, DriftReference
from andon.records import Baseline, Finding, FramePlace, Score, Verdict, read_event, write_event
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.stage import Message
from andon.testing.models import proven_bundle
from andon.topics import BASELINES, DRIFT, SCORES
from andon_demo.line import ServiceProcess
from andon_demo.servers.ports import free_ports
from andon_demo.servers.supervise import Servers
from andon_demo.trial import Trial

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
GOOD = dict.fromkeys(ImageHealth.model_fields, 0.0) | {"luminance": 0.4, "sharpness": 5.0}


def flat(value: float) -> Distribution:
    return Distribution(quantiles=(value, value), mean=value, sd=0, n=100)


def bundle_of_good_frames() -> Bundle:
    made = proven_bundle()
    sample = made.calibration_sample
    assert sample is not None
    return make_bundle(
        made.manifest,
        model=made.model,
        reference=DriftReference(health={name: flat(value) for name, value in GOOD.items()}, score=flat(0.1)),
        sample=sample,
        golden={frame.name: made.golden_image(frame) for frame in made.manifest.golden},
    )


@pytest.fixture
def trial(servers: Servers, tmp_path: Path) -> Iterator[Trial]:
    prefix = f"t{time.time_ns()}"
    env = {
        "ANDON_KAFKA__GROUP_PREFIX": prefix,
        "ANDON_REDIS__KEY_PREFIX": f"{prefix}:",
        "ANDON_DRIFT__LEARN_FRAMES": "1500",
        "ANDON_DRIFT__LEARN_HOURS": "0.5",
    }
    with Trial(servers, tmp_path, env, random.SystemRandom()) as trial:
        trial.kafka = trial.kafka.model_copy(update={"group_prefix": prefix})
        yield trial


def scores(station: str, bundle: str, letters: str, first: int = 0) -> list[Message]:
    """d(ark) or not, one a second."""
    return [_score(station, bundle, seq, letter == "d") for seq, letter in enumerate(letters, first)]


def _score(station: str, bundle: str, seq: int, dark: bool, light: float = 0.4) -> Message:
    at = datetime.now(UTC) + timedelta(seconds=seq)
    given = Score(
        frame_id=frame_id(station, 1, seq),
        station=station,
        epoch=1,
        seq=seq,
        captured_at=at,
        scored_at=at,
        verdict=Verdict.OK,
        bundle=bundle,
        width=640,
        height=480,
        frame=FramePlace(topic="camera.frames", partition=0, offset=seq),
        sha256=f"{seq:064x}",
        health=ImageHealth(**(GOOD | {"luminance": 0.1 if dark else light})),
    )
    return Message(SCORES, station.encode(), write_event(given))


WAVER = 0.004


def watched(station: str, bundle: str) -> Message:
    """The station's brightness has been learned."""
    rng = np.random.default_rng(1)
    sample = Sample(rng.normal(0.4, WAVER, (3000, 1)), ("luminance",), np.zeros(3000, np.bool_))
    learned = learn(sample, run_length=1e7)
    assert isinstance(learned, Learned)
    at = datetime.now(UTC)
    made = Baseline(
        station=station,
        bundle=bundle,
        since=at - timedelta(hours=8),
        until=at,
        frames=3000,
        period_s=1,
        run_length=1e7,
        tickets=1,
        watched=learned.watched,
    )
    return Message(BASELINES, made.key.encode(), write_event(made))


def waver(station: str, bundle: str, count: int, first: int, light: float = 0.4) -> list[Message]:
    """Frames whose brightness wavers about `light`."""
    rng = np.random.default_rng(first)
    return [
        _score(station, bundle, seq, dark=False, light=rng.normal(light, WAVER)) for seq in range(first, first + count)
    ]


def shown(service: ServiceProcess, name: str) -> set[str]:
    """The stations of ours that a process shows a metric of; topics still hold those of other tests."""
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/metrics", timeout=5) as page:
        found: list[str] = re.findall(rf'^{name}{{.*?station="(wear-[^"]+)"', page.read().decode(), re.MULTILINE)
    return set(found)


def story(trial: Trial, stations: Sequence[str]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {station: [] for station in stations}
    for record in trial.read(DRIFT):
        finding = read_event(Finding, record.value)
        if finding.station in found:
            found[finding.station].append(finding)
    return found


def test_killed_and_with_redis_emptied_each_finding_begins_once_and_ends_once(trial: Trial) -> None:
    """Four stations go dark, two wear out; the process is killed in the middle, and Redis is emptied."""
    dark, worn = [f"dark-{number}" for number in range(4)], ["worn-1", "worn-2"]
    digest = trial.bundles.put(bundle_of_good_frames())
    trial.write(*(watched(station, digest) for station in worn))

    def send(letters: str, first: int) -> None:
        trial.write(*(each for station in dark for each in scores(station, digest, letters, first)))

    def wear(count: int, first: int, light: float) -> None:
        trial.write(*(each for station in worn for each in waver(station, digest, count, first, light)))

    def all_say(stations: Sequence[str], kinds: list[str]) -> bool:
        return all([each.kind.value for each in said] == kinds for said in story(trial, stations).values())

    drift = trial.service("drift")
    trial.start("drift")
    send("o", 0)
    trial.until(lambda: "reference_read" in drift.process.log.read_text(), "the reference to be read")
    send("ooooodddd", 1)
    wear(100, 0, 0.4)
    wear(200, 100, 0.37)
    trial.until(lambda: all_say(worn, ["began"]), "the worn stations to be found")
    trial.until(lambda: not trial.behind("drift", SCORES), "drift to have seen all")
    drift.process.kill()
    with closing(connect(RedisSettings(url=trial.servers.redis.url))) as redis:
        redis.flushall()
    trial.start("drift")
    send("dddddd", 10)  # the reference is read anew meanwhile: what is not judged counts neither way
    wear(200, 300, 0.37)
    trial.until(lambda: not trial.behind("drift", SCORES), "drift to have seen all")
    send("d" * 20, 16)
    trial.until(lambda: all_say(dark, ["began"]), "every station to be found dark")
    assert all_say(worn, ["began"]), "what is open is not told again"
    send("o" * 10, 36)
    wear(1500, 500, 0.4)
    trial.until(lambda: all_say([*dark, *worn], ["began", "ended"]), "every finding to end")
    for station, (began, ended) in story(trial, [*dark, *worn]).items():
        assert began.finding_id == ended.finding_id
        assert began.cause == ("station_dark" if station in dark else "drift")
    wanted = pytest.approx(len([*dark, *worn]) * 0.4, abs=0.1)
    trial.until(lambda: drift.gauge("andon_image_luminance") == wanted, "the last pictures to be shown")


def test_a_newcomer_is_learned_through_a_restart_and_then_watched(trial: Trial) -> None:
    """A fifth of the frames is collected by a process that is stopped; the series lies in Redis, thinned on the way."""
    station, digest = "newcomer", trial.bundles.put(bundle_of_good_frames())

    def learned() -> list[Baseline]:
        words = [read_event(Baseline, record.value) for record in trial.read(BASELINES) if b'"watched"' in record.value]
        return [each for each in words if each.station == station]

    drift = trial.service("drift")
    trial.start("drift")
    trial.write(*waver(station, digest, 1, 0))
    trial.until(lambda: "reference_read" in drift.process.log.read_text(), "the reference to be read")
    trial.write(*waver(station, digest, 700, 1))
    trial.until(lambda: not trial.behind("drift", SCORES), "drift to have seen all")
    drift.process.stop(grace_s=25)
    trial.start("drift")
    trial.write(*waver(station, digest, 2500, 701))
    trial.until(learned, "the station to be learned")
    (baseline,) = learned()
    assert baseline.every == 2
    assert baseline.watched["luminance"].mean == pytest.approx(0.4, abs=0.001)
    assert baseline.frames > 2900, "what was collected before the restart is a part of it"
    with closing(connect(RedisSettings(url=trial.servers.redis.url))) as redis:
        trial.until(lambda: drift.gauge("andon_drift_reference_frames"), "its reference to count")
        trial.write(*waver(station, digest, 600, 4001, 0.37))
        trial.until(
            lambda: [each.kind for each in story(trial, [station])[station]] == ["began"], "the drift to be found"
        )
        key = drift_key(trial.env["ANDON_REDIS__KEY_PREFIX"], station)
        trial.until(lambda: _state(redis.get(key)) == "active", "people to be shown that it is watched")
        kept = trial.env["ANDON_REDIS__KEY_PREFIX"] + f"drift:series:{station}:*"
        trial.until(lambda: len(list(redis.scan_iter(kept))) <= 1, "what was collected to be dropped")


def _state(text: str | None) -> str:
    shown = read_station_drift(text)
    return shown.places[0].state if shown else ""


def test_when_partitions_move_so_do_the_series_and_every_drift_is_told_once(trial: Trial) -> None:
    """Two processes share the stations while they wear out; then one leaves."""
    stations = [f"wear-{number}" for number in range(8)]
    digest = trial.bundles.put(bundle_of_good_frames())
    trial.write(*(watched(station, digest) for station in stations))
    first = trial.service("drift")
    second = ServiceProcess(
        "drift-2", ["drift"], trial.folder / "logs", trial.env, free_ports(1, random.SystemRandom())[0]
    )
    sent = 0

    def send(count: int, light: float = 0.4) -> None:
        nonlocal sent
        trial.write(*(each for station in stations for each in waver(station, digest, count, sent, light)))
        sent += count

    def shared() -> bool:
        """Each station is shown by one of them, and only one; by both together all are."""
        send(20)
        names = "andon_drift_statistic", "andon_drift_state", "andon_image_luminance"
        pages = [[shown(each, name) for name in names] for each in (first, second)]
        return all(
            not one & other and one | other == set(stations) and one and other
            for one, other in zip(*pages, strict=True)
        )

    def all_say(kinds: list[str]) -> bool:
        told = story(trial, stations).values()
        return all(
            [(each.drift.named, each.kind) for each in said if each.drift] == [("exposure", kind) for kind in kinds]
            for said in told
        )

    trial.start("drift")
    send(20)
    trial.until(lambda: "reference_read" in first.process.log.read_text(), "the reference to be read")
    trial.until(
        lambda: send(20) or shown(first, "andon_drift_statistic") == set(stations),
        "one process to show all",
        pause_s=0.5,
    )
    second.process.start()
    try:
        second.process.wait_ready(second.ready, within_s=60)
        trial.until(shared, "two processes to share the stations", pause_s=0.5)
        send(300, light=0.37)
        trial.until(lambda: all_say(["began"]), "every station to be found darker")
    finally:
        second.process.stop(grace_s=25)
    send(100, light=0.37)
    trial.until(lambda: shown(first, "andon_drift_statistic") == set(stations), "the one that is left to show all")
    send(1600)
    trial.until(lambda: all_say(["began", "ended"]), "every drift to end")
