"""Good frames straight from the line, over real Kafka: the right ones, the newest, in order, or a sentence why not."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest

from andon.bundle import read_bundle
from andon.errors import Mistake
from andon.ids import frame_id, sha256_hex
from andon.kafka import KafkaSink
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin, producer
from andon.records import Frame, FramePlace, Score, Verdict, frame_headers, write_event
from andon.settings import KafkaSettings
from andon.stage import Message
from andon.store import BlobStore
from andon.topics import BY_NAME, MAX_RECORD_BYTES, SCORES, Topic
from andon_training.from_kafka import collect
from andon_training.source import Source

pytestmark = pytest.mark.servers

EPOCH = 1_772_000_000_000
AT = datetime.fromtimestamp(EPOCH / 1000, UTC)
PARTITIONS = 3
SCORES_PARTITIONS = 4  # as the other tests of this Kafka make the topic: it stays when this one is over


def part(seed: int) -> bytes:
    """A drawn good part, never twice in quite the same place."""
    random = np.random.default_rng(seed)
    image = np.full((80, 80), 100, np.uint8)
    cv2.circle(image, tuple(random.integers(38, 43, 2).tolist()), 20, 180, -1, cv2.LINE_AA)
    dusty = np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", dusty)[1].tobytes()


def own(station: str, seq: int, image: bytes, **given: str) -> Frame:
    sha256 = given.pop("sha256", sha256_hex(image))
    at = AT + timedelta(seconds=seq)
    return Frame(station, EPOCH, seq, frame_id(station, EPOCH, seq), at, "image/jpeg", sha256, **given)  # type: ignore[arg-type]


class Line:
    """Frame topics of its own, each with three partitions, and a camera that writes wherever it is told."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.id = uuid4().hex[:8]
        self.kafka = kafka.model_copy(update={"group_prefix": f"g-{self.id}"})
        self.station, self.other = f"weld-{self.id}", f"press-{self.id}"
        self.topic, self.foreign = f"camera.frames.t-{self.id}", f"camera.frames.line2-{self.id}"
        self.topics: list[str] = []
        self.make(self.topic)
        self.make(self.foreign)
        self._producer = producer(self.kafka)

    def make(self, name: str) -> None:
        topic = Topic(name, "station", "test", 3_600_000, max_message_bytes=MAX_RECORD_BYTES)
        create_topics(self.kafka, [topic], PARTITIONS, 1)
        self.topics.append(name)

    def write(self, frame: Frame, image: bytes, partition: int = 0) -> None:
        headers = list(frame_headers(frame))
        self._producer.produce(self.topic, image, frame.station.encode(), partition, headers=headers)

    def capture(self, station: str, seqs: range, partition: int = 0) -> None:
        for seq in seqs:
            image = part(seq)
            self.write(own(station, seq, image), image, partition)
        self.flush()

    def bare(self, station: str, seeds: range, partition: int = 0, topic: str | None = None) -> None:
        """Images that somebody else wrote: a key, and nothing more."""
        for seed in seeds:
            self._producer.produce(topic or self.foreign, part(seed), station.encode(), partition)
        self.flush()

    def flush(self) -> None:
        assert self._producer.flush(30) == 0

    def close(self) -> None:
        client = admin(self.kafka)  # held until it has answered
        for future in client.delete_topics(self.topics).values():
            future.result(30)


@pytest.fixture
def line(kafka: KafkaSettings) -> Iterator[Line]:
    line = Line(kafka)
    yield line
    line.close()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(str(tmp_path / "store"))


def images(sources: list[Source]) -> list[bytes]:
    return [source.read_bytes() for source in sources]


def test_only_the_stations_frames_come_the_newest_in_order(line: Line, store: BlobStore, tmp_path: Path) -> None:
    line.capture(line.station, range(0, 30), partition=0)
    line.capture(line.other, range(100, 130), partition=0)
    line.capture(line.station, range(30, 40), partition=2)
    line.capture(line.other, range(130, 160), partition=1)
    line.bare(line.station, range(40, 50), partition=1)
    line.bare(line.other, range(160, 170), partition=1)
    found = collect(line.kafka, store, line.station, most=35, wait_s=0, spool=tmp_path)
    # Bare images have the record's time, which is now; our own say when they were captured.
    assert images(found) == [part(seed) for seed in range(15, 50)]
    assert [source.name for source in found[::34]] == [f"{line.topic}[0]@15", f"{line.foreign}[1]@9"]
    assert len(list((tmp_path / line.station).glob("*.jpg"))) == 35


def test_a_long_topic_is_read_from_its_end_alone(line: Line, store: BlobStore, tmp_path: Path) -> None:
    line.bare(line.station, range(600), topic=line.topic)
    steps: list[int] = []
    found = collect(
        line.kafka,
        store,
        line.station,
        most=20,
        wait_s=0,
        spool=tmp_path,
        progress=lambda _, done, of: steps.append(done),
    )
    assert images(found) == [part(seed) for seed in range(580, 600)]
    assert len(steps) < 60


def test_a_run_over_the_spool_of_an_interrupted_one_gives_the_same(
    line: Line, store: BlobStore, tmp_path: Path
) -> None:
    line.capture(line.station, range(25))
    image = part(99)
    dataref = store.put(sha256_hex(image), image)
    line.write(own(line.station, 25, image, dataref=dataref), b"")
    line.write(own(line.station, 26, part(26), sha256=sha256_hex(b"other")), part(26))
    line.flush()
    first = collect(line.kafka, store, line.station, most=27, wait_s=0, spool=tmp_path)
    Path(dataref).unlink()  # what is in the spool is not fetched again
    again = collect(line.kafka, store, line.station, most=27, wait_s=0, spool=tmp_path)
    assert again == first
    assert images(again[:26]) == [*(part(seq) for seq in range(25)), image]
    with pytest.raises(Exception, match="checksum_mismatch"):
        again[26].read_bytes()


def test_missing_frames_are_waited_for_on_topics_old_and_new(line: Line, store: BlobStore, tmp_path: Path) -> None:
    line.capture(line.station, range(12))
    late, told = f"camera.frames.late-{line.id}", list[str]()

    def produce_later() -> None:
        time.sleep(2)
        line.capture(line.station, range(12, 18), partition=2)
        line.make(late)
        line.bare(line.station, range(18, 24), topic=late)

    camera = threading.Thread(target=produce_later)
    camera.start()
    found = collect(line.kafka, store, line.station, most=24, wait_s=60, spool=tmp_path, tell=told.append)
    camera.join()
    assert images(found) == [part(seed) for seed in range(24)]
    assert told == [f"12 of 24 frames of {line.station} are on Kafka; waiting up to 60 s"]


def test_too_few_frames_name_the_other_stations_and_leave_no_trace_in_kafka(
    line: Line, store: BlobStore, tmp_path: Path
) -> None:
    line.capture(line.station, range(12))
    line.capture(line.other, range(30), partition=1)
    before = time.monotonic()
    with pytest.raises(Mistake, match=rf"too few frames on Kafka after waiting 2 s: 12; .*{line.other}"):
        collect(line.kafka, store, line.station, most=24, wait_s=2, spool=tmp_path)
    assert time.monotonic() - before < 20
    client = admin(line.kafka)
    groups = client.list_consumer_groups().result(20).valid
    assert [group.group_id for group in groups if group.group_id.startswith(line.kafka.group_prefix)] == []


def test_frames_that_the_line_called_anomalous_are_left_out_unless_all_are_asked_for(
    line: Line, store: BlobStore, tmp_path: Path
) -> None:
    create_topics(line.kafka, [BY_NAME[SCORES]], SCORES_PARTITIONS, 1)
    line.capture(line.station, range(30))
    verdicts = {seq: Verdict.ANOMALOUS if seq in (3, 20) else Verdict.OK for seq in range(30)}
    sink = KafkaSink(line.kafka, compression="zstd")
    sink.send([score(line, seq, verdict) for seq, verdict in verdicts.items()], lambda: None)
    sink.close()
    told: list[str] = []
    good = collect(line.kafka, store, line.station, most=30, wait_s=0, spool=tmp_path, tell=told.append)
    assert images(good) == [part(seq) for seq in range(30) if seq not in (3, 20)]
    assert told == ["2 of 30 frames are left out: the line called them anomalous; --keep-all uses them"]
    assert len(list((tmp_path / line.station).iterdir())) == 28
    assert len(collect(line.kafka, store, line.station, most=30, wait_s=0, spool=tmp_path, keep_all=True)) == 30


def score(line: Line, seq: int, verdict: Verdict) -> Message:
    given = Score(
        frame_id=frame_id(line.station, EPOCH, seq),
        station=line.station,
        epoch=EPOCH,
        seq=seq,
        captured_at=AT,
        scored_at=AT,
        verdict=verdict,
        width=80,
        height=80,
        frame=FramePlace(topic=line.topic, partition=0, offset=seq),
    )
    return Message(SCORES, line.station.encode(), write_event(given))


def andon_fit(line: Line, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"ANDON_KAFKA__BOOTSTRAP_SERVERS": line.kafka.bootstrap_servers}
    command = [sys.executable, "-m", "andon", "fit", *args]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=200)


def test_the_command_makes_a_bundle_of_a_station(line: Line, tmp_path: Path) -> None:
    line.capture(line.station, range(40))
    line.write(own(line.station, 40, b"no image"), b"no image")
    line.flush()
    how = ["--frames", "41", "--wait", "0", "--size", "64", "--budget", "5 per 100", "--json"]
    done = andon_fit(line, tmp_path, "--from-kafka", line.station, *how)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    bundle = read_bundle(tmp_path / f"{line.station}.andon")
    assert (record["digest"], bundle.manifest.training.frames_offered) == (bundle.digest, 41)
    (unreadable,) = record["unreadable"]
    assert unreadable.startswith(f"{line.topic}[0]@40: not_an_image")


def test_the_command_says_why_there_is_no_bundle(line: Line, tmp_path: Path) -> None:
    line.capture(line.other, range(3))
    done = andon_fit(line, tmp_path, "--from-kafka", line.station, "--wait", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().startswith(f"error: station {line.station}: too few frames on Kafka: 0; ")
    assert line.other in done.stderr
