"""`andon trace` over real Kafka: found among many, read backwards, by partition, and by where it lies."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import pytest

from andon.commands.trace.archive import KafkaArchive
from andon.comparing.key import key_partition
from andon.health import ImageHealth
from andon.ids import frame_id
from andon.kafka import KafkaSink
from andon.kafka.admin import create_topics
from andon.records import (
    Frame,
    FramePlace,
    PreparedFrame,
    Score,
    Verdict,
    frame_headers,
    identity_headers,
    prepared_headers,
    write_event,
)
from andon.settings import KafkaSettings
from andon.stage import Message
from andon.topics import FRAMES, PREPARED, SCORES, Topic

pytestmark = pytest.mark.servers
PARTITIONS = 4
HEALTH = ImageHealth(
    luminance=0.5, contrast=0, clipped_low=0, clipped_high=0, sharpness=0, noise=0, red_green=1, blue_green=1
)


@pytest.fixture
def topic(kafka: KafkaSettings) -> str:
    """A frame topic of this test's own."""
    name = f"camera.frames.trace-{uuid4().hex[:8]}"
    create_topics(kafka, [Topic(name, "station", "test", 3_600_000, max_message_bytes=1_000_000)], PARTITIONS, 1)
    return name


def write(kafka: KafkaSettings, *messages: Message) -> None:
    with closing(KafkaSink(kafka)) as sink:
        sink.send(messages, lambda: None)


def frame_of(station: str, seq: int, epoch: int, **place: Any) -> Frame:
    at = datetime.now(UTC) - timedelta(milliseconds=50)
    trace = f"00-{uuid4().hex}-00f067aa0ba902b7-01"
    return Frame(station, epoch, seq, frame_id(station, epoch, seq), at, traceparent=trace, **place)


def scored(frame: Frame) -> Message:
    score = Score(
        frame_id=frame.frame_id,
        station=frame.station,
        epoch=frame.epoch,
        seq=frame.seq,
        captured_at=frame.captured_at,
        scored_at=datetime.now(UTC),
        verdict=Verdict.OK,
        score=0.1,
        threshold=1.0,
        bundle="b" * 64,
        width=1,
        height=1,
        frame=FramePlace(topic=frame.topic, partition=frame.partition, offset=frame.offset),
    )
    return Message(SCORES, frame.station.encode(), write_event(score), identity_headers(frame))


def trace(kafka: KafkaSettings, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"ANDON_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "COLUMNS": "200"}
    command = [sys.executable, "-m", "andon", "trace", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def test_a_frame_is_followed_through_the_real_topics(kafka: KafkaSettings, topic: str):
    station, epoch = f"trace-{uuid4().hex[:8]}", int(time.time() * 1000) - 60_000
    where = key_partition(station.encode(), PARTITIONS)
    frames = [frame_of(station, seq, epoch, topic=topic, partition=where, offset=seq) for seq in range(30)]
    write(kafka, *(Message(topic, station.encode(), b"image", frame_headers(each)) for each in frames))
    prepared = [PreparedFrame(each, (1, 1, 1), "p", 1, 1, (0, 0, 1, 1), HEALTH) for each in frames]
    write(kafka, *(Message(PREPARED, station.encode(), b"\0", prepared_headers(each)) for each in prepared))
    write(kafka, *map(scored, frames[:29]))  # the last one vanishes after frames.prepared

    told = json.loads(trace(kafka, str(frames[12].frame_id), "--json").stdout)
    assert [each["hop"] for each in told["hops"]] == [
        "captured",
        f"in {topic}",
        f"in {PREPARED}",
        "taken up by scoring",
        f"in {SCORES}",
    ]
    assert told["hops"][1]["place"] == f"{topic}/{where}/12"
    assert told["missing"] == []

    vanished = trace(kafka, f"{topic}/{where}/29")
    assert vanished.returncode == 0, vanished.stderr
    assert f"the last hop that has it is 'in {PREPARED}'. " not in vanished.stdout  # of a moment ago: it may yet come
    assert f"the last hop that has it is 'in {PREPARED}'; it may still be on its way" in vanished.stdout
    assert f"andon ledger {station}" in vanished.stdout

    nothing = trace(kafka, f"{station}/{epoch}/77")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert f"scores, the partition of {station}, since" in nothing.stderr


@pytest.fixture
def archive(kafka: KafkaSettings) -> Iterator[KafkaArchive]:
    with closing(KafkaArchive(kafka, lambda records, _topic, _of: iter(records))) as made:
        yield made


def test_what_is_newest_is_read_first_and_everything_once(kafka: KafkaSettings, topic: str, archive: KafkaArchive):
    write(kafka, *(Message(topic, f"s{n % 7}".encode(), str(n).encode()) for n in range(5000)))
    found = [int(each.value) for each in archive.newest_first(topic, None, None)]
    assert sorted(found) == list(range(5000))
    newest = [int(each.value) for each in islice(archive.newest_first(topic, None, None), 1000)]
    assert min(newest) > 0


def test_a_station_is_looked_for_in_its_own_partition_alone(kafka: KafkaSettings, topic: str, archive: KafkaArchive):
    write(kafka, *(Message(topic, f"s{n}".encode(), b"x") for n in range(40)))
    for station in ("s3", "s17"):
        found = list(archive.newest_first(topic, None, station))
        assert station.encode() in {each.key for each in found}
        assert {each.partition for each in found} == {key_partition(station.encode(), PARTITIONS)}
        assert len(found) < 40


def test_what_is_older_than_asked_is_not_read(kafka: KafkaSettings, topic: str, archive: KafkaArchive):
    write(kafka, *(Message(topic, b"s", b"old") for _ in range(5)))
    time.sleep(0.05)
    middle = datetime.now(UTC)
    time.sleep(0.05)
    write(kafka, *(Message(topic, b"s", b"new") for _ in range(3)))
    assert [each.value for each in archive.since(topic, middle, "s")] == [b"new"] * 3
    assert [each.value for each in archive.newest_first(topic, middle, None)] == [b"new"] * 3
    assert [each.value for each in archive.since(topic, None, "s")] == [b"old"] * 5 + [b"new"] * 3


def test_a_place_that_is_not_there_is_nothing(kafka: KafkaSettings, topic: str, archive: KafkaArchive):
    write(kafka, Message(topic, b"s", b"x"))
    part = key_partition(b"s", PARTITIONS)
    assert archive.at(FramePlace(topic=topic, partition=part, offset=0)) is not None
    for place in ((topic, part, 1), (topic, 99, 0), ("camera.frames.nowhere", 0, 0)):
        assert archive.at(FramePlace(topic=place[0], partition=place[1], offset=place[2])) is None
    assert list(archive.newest_first("camera.frames.nowhere", None, None)) == []
    assert FRAMES in archive.topics()
