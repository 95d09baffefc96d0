"""A training's frames, over real Kafka: those of a stretch of time, collected once, and kept for a run that goes on."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest

from andon.errors import Mistake
from andon.ids import frame_id, sha256_hex
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin, producer
from andon.records import Frame, frame_headers
from andon.settings import KafkaSettings
from andon.topics import MAX_RECORD_BYTES, Topic
from andon_training.from_kafka.between import Between, collected
from andon_training.progress import silent

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC).replace(microsecond=0)
FRAMES = 60  # one a minute, the last a minute ago
Capture = Callable[..., None]


def part(seed: int) -> bytes:
    dusty = np.random.default_rng(seed).normal(120, 6, (48, 48)).clip(0, 255).astype(np.uint8)
    return cv2.imencode(".png", dusty)[1].tobytes()


def minutes_ago(minutes: int) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.fixture
def station(kafka: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A station that sent a frame a minute, sequence number 0 an hour ago, and a neighbour in the same topic."""
    name = uuid4().hex[:8]
    topic = Topic(f"camera.frames.t-{name}", "station", "test", 86_400_000, max_message_bytes=MAX_RECORD_BYTES)
    create_topics(kafka, [topic], 3, 1)
    camera = producer(kafka)
    for minute in range(FRAMES):
        for station in (f"weld-{name}", f"press-{name}"):
            image, at = part(minute), minutes_ago(FRAMES - minute)
            frame = Frame(station, 1, minute, frame_id(station, 1, minute), at, "image/png", sha256_hex(image))
            stamp, headers = int(at.timestamp() * 1000), list(frame_headers(frame))
            camera.produce(topic.name, image, station.encode(), minute % 3, timestamp=stamp, headers=headers)
    assert camera.flush(30) == 0
    monkeypatch.setenv("ANDON_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("ANDON_STORE__FRAMES", str(tmp_path / "store"))
    yield f"weld-{name}"
    client = admin(kafka)
    for future in client.delete_topics([topic.name]).values():
        future.result(30)


def between(station: str, since: datetime | None, until: datetime | None, most: int = 300) -> Between:
    said = [None if at is None else at.isoformat() for at in (since, until)]
    return Between.asked(station, *said, most, keep_all=False)


def test_only_frames_of_that_time_and_station_are_taken_in_the_order_of_time(station: str, tmp_path: Path) -> None:
    found = collected(between(station, minutes_ago(40), minutes_ago(10)), tmp_path, silent)
    assert [each.read_bytes() for each in found] == [part(seq) for seq in range(20, 50)]


def test_of_more_frames_than_were_asked_for_the_newest_are_taken(station: str, tmp_path: Path) -> None:
    found = collected(between(station, minutes_ago(40), minutes_ago(10), most=20), tmp_path, silent)
    assert [each.read_bytes() for each in found] == [part(seq) for seq in range(30, 50)]


def test_a_training_that_goes_on_finds_the_same_frames_though_others_have_come(
    station: str, tmp_path: Path, kafka: KafkaSettings
) -> None:
    asked = between(station, minutes_ago(40), None)
    before = [(each.name, each.read_bytes()) for each in collected(asked, tmp_path, silent)]
    camera = producer(kafka)
    late = Frame(station, 1, FRAMES, frame_id(station, 1, FRAMES), NOW, "image/png", sha256_hex(part(99)))
    camera.produce(f"camera.frames.t-{station[5:]}", part(99), station.encode(), 0, headers=list(frame_headers(late)))
    assert camera.flush(30) == 0
    assert [(each.name, each.read_bytes()) for each in collected(asked, tmp_path, silent)] == before


def test_without_times_it_is_the_newest_that_kafka_holds(station: str, tmp_path: Path) -> None:
    found = collected(between(station, None, None, most=25), tmp_path, silent)
    assert [each.read_bytes() for each in found] == [part(seq) for seq in range(FRAMES - 25, FRAMES)]


def test_a_time_in_which_it_sent_nothing_is_told(station: str, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=station):
        collected(between(station, minutes_ago(600), minutes_ago(120)), tmp_path, silent)
