"""The console's frames over real Kafka: fetched by their coordinates, searched by their scores, gone when they are."""

import base64
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import cv2
import numpy as np
import pytest
from confluent_kafka import TopicPartition

from andon.evidence import DOSSIER, Dossier, KeptFrame
from andon.folder import Folder
from andon.ids import frame_id, sha256_hex
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin, producer
from andon.manifest import GoldenFrame
from andon.preparation import Box, Preparation
from andon.records import (
    Cause,
    Evidence,
    Frame,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Severity,
    Verdict,
    frame_headers,
    write_event,
)
from andon.settings import KafkaSettings, StoreSettings
from andon.stage import Record
from andon.store import BlobStore, BundleStore
from andon.testing.hostile import jpeg, photo, png
from andon.testing.models import tiny_bundle
from andon.topics import BY_NAME, MAX_RECORD_BYTES, SCORES, Topic
from andon_console.frames.bundles import Bundles
from andon_console.frames.curve import columns
from andon_console.frames.frames import Frames, Gone
from andon_console.frames.gallery import Gallery, Size
from andon_console.frames.log import KafkaScoreLog
from andon_console.frames.opened import open_frames
from andon_console.frames.search import Order, Wanted, search
from andon_console.live.answers import Answers
from andon_console.live.incidents import Incidents
from andon_console.settings import ConsoleSettings, EvidenceStore
from andon_console.shots import Shot

pytestmark = pytest.mark.servers

EPOCH = 1_772_000_000_000
PARTITIONS = 4  # as the other tests of this Kafka make its topics
WIDE, HIGH = 320, 240


@dataclass
class Line:
    """A station and a frame topic of its own; what the line would write, written by hand."""

    kafka: KafkaSettings
    folder: Path
    station: str = field(default_factory=lambda: f"weld-{uuid4().hex[:8]}")
    scores: str = SCORES

    def __post_init__(self) -> None:
        self.topic = f"camera.frames.{self.station}"
        create_topics(self.kafka, [Topic(self.topic, "station", "test", None, None, MAX_RECORD_BYTES)], 2, 1)
        create_topics(self.kafka, [BY_NAME[SCORES]], PARTITIONS, 1)
        self.producer = producer(self.kafka)
        self.began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
        golden = png(photo(16, 16))
        frame = GoldenFrame(
            name="golden/good-00.png", sha256=sha256_hex(golden), tensor_sha256=sha256_hex(golden),
            verdict=Verdict.OK, score=1.0,
        )  # fmt: skip
        crop = Preparation(width=8, height=8, channels=1, crop=Box(x=160, y=0, width=160, height=240))
        bundle = tiny_bundle([frame], {frame.name: golden}, preparation=crop)
        self.bundle = BundleStore(str(self.folder / "bundles")).put(bundle)

    def settings(self) -> ConsoleSettings:
        store = StoreSettings(bundles=str(self.folder / "bundles"), frames=str(self.folder / "blobs"))
        evidence = EvidenceStore(url=str(self.folder / "evidence"))
        return ConsoleSettings(kafka=self.kafka, store=store, evidence=evidence)

    def produce(self, topic: str, value: bytes, headers: Any = (), seq: int = 0) -> FramePlace:
        at: list[FramePlace] = []

        def placed(_error: object, message: Any) -> None:
            at.append(FramePlace(topic=topic, partition=message.partition(), offset=message.offset()))

        stamp = round((self.began + timedelta(seconds=seq)).timestamp() * 1000)
        self.producer.produce(topic, value, self.station, headers=list(headers), on_delivery=placed, timestamp=stamp)
        assert self.producer.flush(30) == 0
        return at[0]

    def capture(self, seq: int, ratio: float = 0.5, *, large: bool = False) -> Shot:
        """A frame and its score."""
        image, own = self.image(seq), frame_id(self.station, EPOCH, seq)
        at = self.began + timedelta(seconds=seq)
        ref = BlobStore(str(self.folder / "blobs")).put(sha256_hex(image), image) if large else None
        frame = Frame(self.station, EPOCH, seq, own, at, "image/jpeg", sha256_hex(image), dataref=ref)
        place = self.produce(self.topic, b"" if ref else image, frame_headers(frame), seq)
        verdict = Verdict.ANOMALOUS if ratio > 1 else Verdict.OK
        score = Score(
            frame_id=own, station=self.station, epoch=EPOCH, seq=seq, captured_at=at, scored_at=at, verdict=verdict,
            score=ratio, threshold=1.0, width=WIDE, height=HIGH, frame=place, dataref=ref, bundle=self.bundle,
            heat_map=hot() if ratio > 1 else None, part=f"P-{seq}",
        )  # fmt: skip
        return Shot.of_score(score, self.produce(self.scores, write_event(score), seq=seq))

    def image(self, seq: int) -> bytes:
        return jpeg(photo(WIDE, HIGH, seed=seq))

    def expire(self, shot: Shot) -> None:
        """Kafka deletes the frame, and what lies before it."""
        assert shot.frame is not None
        behind = TopicPartition(shot.frame.topic, shot.frame.partition, shot.frame.offset + 1)
        client = admin(self.kafka)
        (deleted,) = client.delete_records([behind]).values()
        deleted.result(30)


def hot() -> str:
    return base64.b64encode(png(np.full((8, 8), 255, np.uint8))).decode()


@pytest.fixture
def line(kafka: KafkaSettings, tmp_path: Path) -> Iterator[Line]:
    """Its topic goes again: whoever reads every frame topic of this Kafka would find the frames of these tests."""
    line = Line(kafka, tmp_path)
    yield line
    client = admin(kafka)
    (deleted,) = client.delete_topics([line.topic]).values()
    deleted.result(30)


@pytest.fixture
def incidents() -> Incidents:
    return Incidents()


@pytest.fixture
def shown(line: Line, incidents: Incidents) -> Iterator[tuple[Frames, Gallery, Bundles]]:
    with ExitStack() as closing:
        yield open_frames(line.settings(), incidents, Answers().of, lambda: False, closing)


def test_frames_are_fetched_by_their_coordinates_for_as_long_as_kafka_or_evidence_holds_them(
    line: Line, shown: tuple[Frames, Gallery, Bundles], incidents: Incidents
) -> None:
    frames, gallery, _ = shown
    shots = [line.capture(seq, 2.0 if seq == 3 else 0.5, large=seq == 4) for seq in range(6)]
    assert [frames.image(each) for each in shots] == [line.image(seq) for seq in range(6)]

    thumb = gallery.picture(shots[0], Size.THUMB)
    assert isinstance(thumb, bytes)
    assert decoded(thumb).shape == (180, 240, 3)

    score = frames.score(shots[3].scored, shots[3].frame_id)
    assert score is not None
    assert score.seq == 3
    assert shots[3].scored is not None
    heat = gallery.heat(shots[3].scored, shots[3].frame_id)
    assert isinstance(heat, bytes)
    opacity = decoded(heat)[..., 3]
    assert opacity.shape == (HIGH, WIDE)
    assert (opacity[:, :150].max(), opacity[100, 240] > 200) == (0, True), "it lies in the crop of its bundle"

    keep(line, shots[3], incidents)
    line.expire(shots[3])
    gone = frames.image(shots[0])
    assert isinstance(gone, Gone)
    assert gone.why == f"expired: Kafka keeps since {line.began + timedelta(seconds=4):%Y-%m-%d %H:%M} UTC"
    assert [frames.image(shots[seq]) for seq in (3, 4, 5)] == [line.image(seq) for seq in (3, 4, 5)]


def test_a_topic_that_is_newer_than_the_connection_is_read_too(
    line: Line, shown: tuple[Frames, Gallery, Bundles], tmp_path: Path
) -> None:
    frames = shown[0]
    assert frames.image(line.capture(0)) == line.image(0)
    (tmp_path / "other").mkdir()
    other = Line(line.kafka, tmp_path / "other")
    assert frames.image(other.capture(1)) == line.image(1)


def test_scores_are_found_by_time_and_a_curve_loses_no_call(line: Line) -> None:
    # in `scores` lie younger ones of other tests, and times must not go back in a topic that is searched by time
    line.scores = f"scores.{line.station}"
    create_topics(line.kafka, [replace(BY_NAME[SCORES], name=line.scores)], PARTITIONS, 1)
    shots = [line.capture(seq, 2.0 if seq in (7, 31) else 0.5) for seq in range(40)]
    log, begin = KafkaScoreLog(line.kafka, line.scores), line.began
    stretch = log.stretch(begin + timedelta(seconds=5), begin + timedelta(seconds=35))
    assert len(stretch.starts) == PARTITIONS

    calls = search(log, stretch, Wanted(line.station, calls=True))
    assert [place for _, place in calls.scores] == [shots[31].scored, shots[7].scored]
    assert calls.rest.records == 0
    earlier = search(log, stretch, Wanted(line.station))
    assert [score.seq for score, _ in earlier.scores] == list(range(34, 10, -1))
    part = search(log, stretch, Wanted(line.station, Order.LATER, part="P-20"))
    assert [score.seq for score, _ in part.scores] == [20]
    assert search(log, stretch, Wanted(line.station, part="P-2")).scores == ()

    at = round(begin.timestamp() * 1000)
    curve = columns(log.read(stretch), line.station, at, at + 24 * 3_600_000)
    assert [(each[3], each[5]) for each in curve] == [(2, 30)]


def test_a_kafka_that_is_away_is_said_so_within_seconds(line: Line, incidents: Incidents) -> None:
    shot = line.capture(0)
    settings = line.settings()
    away = settings.model_copy(update={"kafka": KafkaSettings(bootstrap_servers="127.0.0.1:1")})
    with ExitStack() as closing:
        frames, _, _ = open_frames(away, incidents, Answers().of, lambda: False, closing)
        before = time.monotonic()
        with pytest.raises(Exception, match="cannot reach Kafka"):
            frames.image(shot)
        assert time.monotonic() - before < 10


def keep(line: Line, shot: Shot, incidents: Incidents) -> None:
    """What `andon evidence` keeps of an incident that shows a frame, and the console reads of it."""
    assert shot.frame is not None
    assert shot.captured_at is not None
    evidence = Evidence(frame_id=shot.frame_id, frame=shot.frame, captured_at=shot.captured_at)
    event = IncidentEvent(
        event_id=uuid4(), incident_id=UUID(int=shot.frame_id.int ^ 1), kind=IncidentKind.OPENED, station=line.station,
        cause=Cause.DEFECT_SURGE, severity=Severity.CRITICAL, reason="surge", at=shot.captured_at,
        opened_at=shot.captured_at, evidence=(evidence,),
    )  # fmt: skip
    image, store = line.image(3), Folder(str(line.folder / "evidence"))
    kept = KeptFrame(frame_id=shot.frame_id, name=f"{shot.frame_id}.jpg", size=len(image), sha256=sha256_hex(image))
    store.write(f"{event.incident_id}/{kept.name}", image)
    store.write(f"{event.incident_id}/{DOSSIER}", write_event(Dossier(sentence="", turn=event, frames=(kept,))))
    incidents.take([Record("incidents", 0, 0, line.station.encode(), write_event(event))])


def decoded(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
