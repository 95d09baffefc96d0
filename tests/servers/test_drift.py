"""`andon drift` on real Kafka and Redis: killed, Redis emptied under it, and nothing said twice or forgotten."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.bundle import Bundle, make_bundle
from andon.health import ImageHealth
from andon.ids import frame_id
from andon.manifest import Distribution, DriftReference
from andon.records import Finding, FramePlace, Score, Verdict, read_event, write_event
from andon.redis_client import connect
from andon.settings import RedisSettings
from andon.stage import Message
from andon.testing.models import proven_bundle
from andon.topics import DRIFT, SCORES
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
    with Trial(servers, tmp_path, {"ANDON_KAFKA__GROUP_PREFIX": prefix}, random.SystemRandom()) as trial:
        trial.kafka = trial.kafka.model_copy(update={"group_prefix": prefix})
        yield trial


def scores(station: str, bundle: str, letters: str, first: int = 0) -> list[Message]:
    """d(ark) or not, one a second."""
    return [_score(station, bundle, seq, letter == "d") for seq, letter in enumerate(letters, first)]


def _score(station: str, bundle: str, seq: int, dark: bool) -> Message:
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
        health=ImageHealth(**(GOOD | {"luminance": 0.1 if dark else 0.4})),
    )
    return Message(SCORES, station.encode(), write_event(given))


def story(trial: Trial, stations: Sequence[str]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {station: [] for station in stations}
    for record in trial.read(DRIFT):
        finding = read_event(Finding, record.value)
        if finding.station in found:
            found[finding.station].append(finding)
    return found


def test_killed_and_with_redis_emptied_each_finding_begins_once_and_ends_once(trial: Trial) -> None:
    stations = [f"drift-{number}" for number in range(6)]
    digest = trial.bundles.put(bundle_of_good_frames())

    def send(letters: str, first: int) -> None:
        trial.write(*(each for station in stations for each in scores(station, digest, letters, first)))

    def all_say(kinds: list[str]) -> bool:
        return all([each.kind.value for each in said] == kinds for said in story(trial, stations).values())

    drift = trial.service("drift")
    trial.start("drift")
    send("o", 0)
    trial.until(lambda: "reference_read" in drift.process.log.read_text(), "the reference to be read")
    send("ooooodddd", 1)
    trial.until(lambda: not trial.behind("drift", SCORES), "drift to have seen all")
    drift.process.kill()
    trial.start("drift")
    send("dddddd", 10)  # the reference is read anew meanwhile: what is not judged counts neither way
    trial.until(lambda: not trial.behind("drift", SCORES), "drift to have seen all")
    send("dddddddd", 16)
    trial.until(lambda: all_say(["began"]), "every station to be found dark")
    with closing(connect(RedisSettings(url=trial.servers.redis.url))) as redis:
        redis.flushall()
    send("d" * 12, 24)
    send("o" * 10, 36)
    trial.until(lambda: all_say(["began", "ended"]), "every finding to end")
    for began, ended in story(trial, stations).values():
        assert began.finding_id == ended.finding_id
        assert began.cause == "station_dark"
    assert trial.line.services["drift"].gauge("andon_image_luminance") == pytest.approx(6 * 0.4)
