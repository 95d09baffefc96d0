"""Evidence over real Kafka: copied before it expires, and a warning before anything expires unread."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from confluent_kafka import TopicPartition

from andon.evidence import Dossier, Lost
from andon.folder import Folder
from andon.ids import frame_id, sha256_hex
from andon.kafka import KafkaSink, TopicReader
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin, consumer, consumer_config, producer
from andon.records import (
    Answer,
    Cause,
    Evidence,
    Finding,
    FindingKind,
    Frame,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Outline,
    Score,
    Severity,
    Told,
    Verdict,
    frame_headers,
    read_event,
    write_event,
)
from andon.reviewed import PLACE, ReviewedFrame, read_reviewed
from andon.settings import KafkaSettings
from andon.stage import Message, Record
from andon.store import BlobStore
from andon.topics import BY_NAME, DRIFT, INCIDENTS, MAX_RECORD_BYTES, SCORES, VERDICTS, Topic
from andon_alerting.evidence.fetch import Gone, RecordsAt

pytestmark = pytest.mark.servers

EPOCH = 1_772_000_000_000
PARTITIONS = 4  # as the other tests of this Kafka make its topics
HEAT = b"\x89PNG\r\n\x1a\n a heat map"


def eventually(ask: Callable[[], Any], within_s: float = 25.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def picture(seq: int) -> bytes:
    return b"\xff\xd8\xff\xe0 picture " + str(seq).encode() * 200


@dataclass
class Line:
    """A frame topic and groups of its own; what the line would write, written by hand."""

    kafka: KafkaSettings
    folder: Path
    station: str = field(default_factory=lambda: f"weld-{uuid4().hex[:8]}")
    retention_ms: int = 3_600_000

    def __post_init__(self) -> None:
        self.topic = f"camera.frames.{self.station}"
        frames = Topic(self.topic, "station", "test", self.retention_ms, max_message_bytes=MAX_RECORD_BYTES)
        create_topics(self.kafka, [frames], 2, 1)
        create_topics(self.kafka, [BY_NAME[each] for each in (INCIDENTS, SCORES, VERDICTS, DRIFT)], PARTITIONS, 1)
        self.kafka = self.kafka.model_copy(update={"group_prefix": f"test-{self.station}"})
        for topic in (INCIDENTS, VERDICTS):
            self.commit("evidence", topic, PARTITIONS)  # what other tests wrote is no concern of ours
        self.blobs = BlobStore(str(self.folder / "frames"))
        self.store = self.folder / "evidence"
        self.shown: dict[int, Evidence] = {}
        self.producer = producer(self.kafka)

    def commit(self, group: str, topic: str, partitions: int, behind: int | None = None) -> None:
        """Stands `group` at the end of a topic, or at an offset."""
        client = consumer(consumer_config(self.kafka, f"{self.kafka.group_prefix}.{group}"))
        try:
            parts = [TopicPartition(topic, each) for each in range(partitions)]
            for part in parts:
                part.offset = client.get_watermark_offsets(part, timeout=10)[1] if behind is None else behind
            client.commit(offsets=parts, asynchronous=False)
        finally:
            client.close()

    def produce(self, topic: str, value: bytes, headers: Any = (), age_s: float = 0) -> FramePlace:
        client, at = self.producer, list[FramePlace]()

        def placed(_error: object, message: Any) -> None:
            at.append(FramePlace(topic=topic, partition=message.partition(), offset=message.offset()))

        stamp = int((time.time() - age_s) * 1000)
        client.produce(topic, value, self.station, headers=list(headers), on_delivery=placed, timestamp=stamp)
        assert client.flush(30) == 0
        return at[0]

    def capture(self, seqs: range, large: tuple[int, ...] = (), age_s: float = 0) -> list[Evidence]:
        """Frames, their scores, and how an incident would show them; `large` ones lie in the store."""
        for seq in seqs:
            image, own = picture(seq), frame_id(self.station, EPOCH, seq)
            ref = self.blobs.put(sha256_hex(image), image) if seq in large else None
            frame = Frame(
                self.station, EPOCH, seq, own, datetime.now(UTC), "image/jpeg", sha256_hex(image), dataref=ref
            )
            place = self.produce(self.topic, b"" if ref else image, frame_headers(frame), age_s)
            score = Score(
                frame_id=own, station=self.station, epoch=EPOCH, seq=seq, captured_at=frame.captured_at,
                scored_at=frame.captured_at, verdict=Verdict.ANOMALOUS, score=2.0, threshold=1.0, width=32, height=32,
                frame=place, heat_map=b64encode(HEAT).decode(), sha256=frame.sha256, dataref=ref,
            )  # fmt: skip
            self.shown[seq] = Evidence(
                frame_id=own, frame=place, scored=self.produce(SCORES, write_event(score)),
                captured_at=frame.captured_at, dataref=ref,
            )  # fmt: skip
        return [self.shown[seq] for seq in seqs]

    def tell(self, kind: IncidentKind, shown: list[Evidence], incident: UUID | None = None, at: int = 0) -> UUID:
        """One turn of an incident."""
        incident = incident or uuid4()
        now = datetime.now(UTC)
        event = IncidentEvent(
            event_id=uuid4(), incident_id=incident, kind=kind, station=self.station, cause=Cause.DEFECT_SURGE,
            severity=Severity.CRITICAL, reason="test", at=now + timedelta(seconds=at), opened_at=now,
            summary=f"{self.station}: {kind}", evidence=tuple(shown),
        )  # fmt: skip
        self.send(INCIDENTS, write_event(event))
        return incident

    def send(self, topic: str, *values: bytes) -> None:
        sink = KafkaSink(self.kafka, compression="zstd")
        sink.send([Message(topic, self.station.encode(), each) for each in values], lambda: None)
        sink.close()

    def answer(self, seq: int, told: Told, s: int = 0, **other: Any) -> Answer:
        """What somebody says of a frame, as the console writes it."""
        said = self.said(seq, told, s, **other)
        self.send(VERDICTS, write_event(said))
        return said

    def said(self, seq: int, told: Told, s: int = 0, **other: Any) -> Answer:
        shown = self.shown[seq]
        return Answer(
            frame_id=shown.frame_id, station=self.station, answer=told, by="mira",
            at=datetime.now(UTC) + timedelta(seconds=s), frame=shown.frame, scored=shown.scored, dataref=shown.dataref,
            **other,
        )  # fmt: skip

    def reviewed(self) -> dict[UUID, ReviewedFrame]:
        """What is kept of it."""
        return {each.answer.frame_id: each for each in read_reviewed(Folder(str(self.store)), self.station)}

    def findings(self) -> list[Finding]:
        """What was said of this line's topic."""
        with closing(TopicReader(self.kafka, DRIFT)) as reader:
            found = [read_event(Finding, each.value) for each in reader.read_to_end()]
        own = {each.finding_id for each in found if self.topic in each.sentence}
        return [each for each in found if each.finding_id in own]

    def dossier(self, incident: UUID) -> Dossier:
        return read_event(Dossier, (self.store / str(incident) / "incident.json").read_bytes())

    def env(self, **more: str) -> dict[str, str]:
        return os.environ | {
            "ANDON_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "ANDON_KAFKA__GROUP_PREFIX": self.kafka.group_prefix,
            "ANDON_EVIDENCE__URL": str(self.store),
            "ANDON_STORE__FRAMES": str(self.folder / "frames"),
            "ANDON_FRAMES": self.topic,
            **more,
        }

    def once(self, **more: str) -> dict[str, Any]:
        """`andon evidence --once --json`."""
        command = [sys.executable, "-m", "andon", "evidence", "--once", "--json"]
        done = subprocess.run(command, env=self.env(**more), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-2000:]
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    @contextmanager
    def running(self, **more: str) -> Iterator[Callable[[], str]]:
        """The service; gives what reads its metrics."""
        log = self.folder / "log"
        with log.open("wb") as err:
            process = subprocess.Popen([sys.executable, "-m", "andon", "evidence"], env=self.env(**more), stderr=err)
        try:
            port = eventually(lambda: re.search(r'"port": (\d+)', log.read_text()))
            assert port, log.read_text()
            self.pid = process.pid
            yield lambda: httpx.get(f"http://127.0.0.1:{port[1]}/metrics").text
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (0, -signal.SIGKILL), log.read_text()[-2000:]
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def line(kafka: KafkaSettings, tmp_path: Path) -> Line:
    return Line(kafka, tmp_path)


def test_what_an_incident_shows_is_kept_byte_for_byte(line: Line):
    incident = line.tell(IncidentKind.OPENED, line.capture(range(3), large=(2,)))
    line.tell(IncidentKind.RESOLVED, line.capture(range(3, 5)), incident, at=5)
    found = line.once()
    assert (found["kept"], found["lost"], found["incidents"]) == (5, {}, 1)
    folder, own = line.store / str(incident), [each.frame_id for each in line.shown.values()]
    assert [(folder / f"{each}.jpg").read_bytes() for each in own] == [picture(seq) for seq in range(5)]
    assert {(folder / f"{each}.heat.png").read_bytes() for each in own} == {HEAT}
    assert [read_event(Score, (folder / f"{each}.score.json").read_bytes()).frame_id for each in own] == own
    dossier = line.dossier(incident)
    assert (dossier.turn.kind, dossier.sentence) == (IncidentKind.RESOLVED, f"{line.station}: opened")
    assert {each.frame_id for each in dossier.frames} == set(own)
    assert found["bytes"] == dossier.size
    assert [each.name for each in folder.iterdir() if each.name.endswith(".part")] == []

    before = {each: each.stat().st_mtime_ns for each in folder.iterdir()}
    assert line.once()["kept"] == 0
    line.tell(IncidentKind.OPENED, [line.shown[0], line.shown[1]], incident, at=-60)  # said again
    assert line.once()["kept"] == 0
    assert {each: each.stat().st_mtime_ns for each in folder.iterdir()} == before


def test_a_frame_that_kafka_no_longer_holds_is_recorded_as_lost(line: Line):
    shown = line.capture(range(6))
    partition = shown[0].frame.partition
    client = admin(line.kafka)
    (deleted,) = client.delete_records([TopicPartition(line.topic, partition, 4)]).values()
    deleted.result(20)
    never = FramePlace(topic=f"camera.frames.{uuid4().hex}", partition=0, offset=3)
    elsewhere = FramePlace(topic=line.topic, partition=partition, offset=5)
    false = [
        Evidence(frame_id=uuid4(), frame=never, captured_at=datetime.now(UTC)),
        Evidence(frame_id=uuid4(), frame=elsewhere, captured_at=datetime.now(UTC)),
    ]
    incident = line.tell(IncidentKind.OPENED, [*shown, *false])
    found = line.once()
    assert (found["kept"], found["lost"]) == (2, {"expired": 4, "no_topic": 1, "other_frame": 1})
    lost = line.dossier(incident).lost
    expired = [each for each in lost if each.why is Lost.EXPIRED]
    assert {each.frame_id for each in expired} == {each.frame_id for each in shown[:4]}
    assert all(each.held_since and abs((each.held_since - datetime.now(UTC)).total_seconds()) < 60 for each in expired)


def test_records_far_apart_are_found_each_in_its_place(line: Line):
    client = producer(line.kafka)
    for number in range(600):
        client.produce(line.topic, str(number).encode() * 50, partition=number % 2)
    assert client.flush(30) == 0
    wanted = [FramePlace(topic=line.topic, partition=p, offset=o) for p in (0, 1) for o in (0, 3, 4, 40, 41, 250, 299)]
    beyond = [FramePlace(topic=line.topic, partition=p, offset=o) for p, o in ((0, 300), (1, -1), (2, 0), (0, 2**70))]
    with closing(RecordsAt(line.kafka)) as records_at:
        for _ in range(5):
            found = dict(records_at([*wanted, *beyond]))
            assert found.keys() == {*wanted, *beyond}
            for each in wanted:
                record = found[each]
                assert isinstance(record, Record)
                assert record.value == str(each.offset * 2 + each.partition).encode() * 50
            assert all(isinstance(found[each], Gone) for each in beyond)


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.nightly)])
def test_killed_at_any_moment_nothing_half_written_is_ever_named_and_all_is_kept(line: Line, kills: int):
    incidents = [line.tell(IncidentKind.OPENED, line.capture(range(first, first + 3))) for first in range(0, 60, 3)]
    chance = Random(3)
    for _ in range(kills):
        with line.running():
            named = whole(line.store)
            eventually(lambda before=named: whole(line.store) > before, within_s=15)
            time.sleep(chance.random() / 10)
            os.kill(line.pid, signal.SIGKILL)
    assert line.once()["incidents"] == len(incidents)
    assert whole(line.store) == 60
    assert {each.name for each in line.store.iterdir()} == {str(each) for each in incidents}


def whole(store: Path) -> int:
    """How many frames are named, each proven to lie there as it was captured."""
    count = 0
    for path in store.glob("*/incident.json"):
        for frame in read_event(Dossier, path.read_bytes()).frames:
            assert sha256_hex((path.parent / frame.name).read_bytes()) == frame.sha256
            count += 1
    return count


def test_what_is_too_much_goes_but_never_what_is_open_or_answered(line: Line):
    def ended(seq: int) -> UUID:
        incident = line.tell(IncidentKind.OPENED, line.capture(range(seq, seq + 1)))
        return line.tell(IncidentKind.RESOLVED, [], incident, at=seq)

    first, second, answered = ended(1), ended(2), ended(3)
    left_open = line.tell(IncidentKind.OPENED, line.capture(range(4, 5)))
    answer = Answer(
        frame_id=line.shown[3].frame_id, station=line.station, answer=Told.REAL, by="mira", at=datetime.now(UTC)
    )
    line.send(VERDICTS, write_event(answer))
    assert line.once()["removed"] == 0
    bound = str(1024**2)
    filler = line.store / str(second)
    dossier = line.dossier(second)
    kept = dossier.frames[0].model_copy(update={"size": 1024**2})  # as if its image were so large
    (filler / "incident.json").write_bytes(write_event(dossier.model_copy(update={"frames": (kept,)})))
    found = line.once(ANDON_EVIDENCE__MAX_BYTES=bound)
    assert (found["removed"], found["incidents"]) == (2, 2)
    assert not (line.store / str(first)).exists()
    assert not filler.exists()
    assert {each.name for each in line.store.iterdir()} == {str(answered), str(left_open), PLACE}


def test_evidence_waits_while_its_store_is_away_and_goes_on_when_it_is_back(line: Line):
    line.store.write_text("in the way")  # a file, where the folder should be
    incident = line.tell(IncidentKind.OPENED, line.capture(range(2)))
    with line.running(ANDON_EVIDENCE__LOOK_EVERY_S="0.3") as metrics:
        log = line.folder / "log"
        assert eventually(lambda: "store_away" in log.read_text())
        assert eventually(lambda: f'topic="{line.topic}"}} 3' in metrics())  # about an hour until what waits is gone
        line.store.unlink()
        assert eventually((line.store / str(incident) / "incident.json").exists)
        assert eventually(lambda: 'andon_evidence_frames_total{outcome="kept"} 2.0' in metrics())
        assert "store_back" in log.read_text()


def test_people_are_told_before_retention_deletes_what_a_stopped_group_has_not_read(
    kafka: KafkaSettings, tmp_path: Path
):
    line = Line(kafka, tmp_path, retention_ms=600_000)
    line.capture(range(3), age_s=500)
    line.commit("preprocess", line.topic, 2, behind=0)
    settings = {"ANDON_EVIDENCE__LOOK_EVERY_S": "0.3", "ANDON_EVIDENCE__HEADROOM_S": "200"}
    with line.running(**settings) as metrics:
        assert eventually(line.findings)
        assert re.search(
            rf'headroom_seconds{{group="{line.kafka.group_prefix}.preprocess",topic="{line.topic}"}} 9', metrics()
        )
    (began,) = line.findings()
    assert (began.kind, began.cause, began.station, began.by) == (
        FindingKind.BEGAN, Cause.EVIDENCE_AT_RISK, "*", "evidence",
    )  # fmt: skip
    assert began.measure is not None
    assert 60 < began.measure.value < 100
    assert f"{line.kafka.group_prefix}.preprocess has not read: 3 wait" in began.sentence
    with line.running(**settings):
        time.sleep(1.5)  # a restart does not tell it again
        assert line.findings() == [began]
        line.commit("preprocess", line.topic, 2)
        assert eventually(lambda: len(line.findings()) == 2)
    assert [each.kind for each in line.findings()] == [FindingKind.BEGAN, FindingKind.ENDED]


def test_what_people_answered_is_kept_until_they_take_it_back_and_exported(line: Line):
    line.capture(range(3), large=(2,))
    outline = Outline(points=((0, 0), (8, 0), (8, 8)))
    real = line.answer(0, Told.REAL, defect="scratch", outlines=(outline,))
    line.answer(1, Told.UNSURE)
    later = line.answer(1, Told.FALSE_CALL, s=1)
    missed = line.answer(2, Told.MISSED)
    found = line.once()
    assert (found["kept"], found["reviewed"]["frames"]) == (0, 3)
    kept = line.reviewed()
    assert {each.answer for each in kept.values()} == {real, later, missed}
    for seq in range(3):
        frame = kept[line.shown[seq].frame_id]
        assert (frame.image(), frame.heat()) == (picture(seq), HEAT)
        assert frame.score() is not None

    out = line.folder / "out"
    command = [sys.executable, "-m", "andon", "reviewed", "export", str(out), "--station", line.station, "--json"]
    done = subprocess.run(command, env=line.env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    images = {each.relative_to(out / line.station).as_posix(): each.read_bytes() for each in out.rglob("*.jpg")}
    split = next(name.split("/")[0] for name in images if "/good/" in name)
    assert images == {
        f"test/scratch/{real.frame_id}.jpg": picture(0),
        f"{split}/good/{later.frame_id}.jpg": picture(1),
        f"test/defect/{missed.frame_id}.jpg": picture(2),
    }

    line.answer(0, Told.WITHDRAWN, s=2)
    assert line.once()["reviewed"]["answers"] == {"withdrawn": 1}
    assert line.reviewed().keys() == {later.frame_id, missed.frame_id}
    assert subprocess.run(command, env=line.env(), capture_output=True, timeout=60).returncode == 0
    assert not (out / line.station / "test" / "scratch").exists()


def test_killed_while_it_keeps_answers_it_loses_none(line: Line):
    line.capture(range(60))
    line.send(VERDICTS, *(write_event(line.said(seq, Told.FALSE_CALL)) for seq in range(60)))
    with line.running():
        assert eventually(lambda: len(line.reviewed()) > 0, within_s=15)
        os.kill(line.pid, signal.SIGKILL)
    assert all(each.image() for each in line.reviewed().values())
    assert line.once()["reviewed"]["frames"] == 60
    assert {each.image() for each in line.reviewed().values()} == {picture(seq) for seq in range(60)}


def test_an_answer_on_a_frame_that_kafka_has_forgotten_takes_it_from_the_incident(line: Line):
    shown = line.capture(range(4))
    line.tell(IncidentKind.OPENED, shown[:2])
    assert line.once()["kept"] == 2
    client = admin(line.kafka)
    (deleted,) = client.delete_records([TopicPartition(line.topic, shown[0].frame.partition, 4)]).values()
    deleted.result(20)
    for seq in (0, 3):
        line.answer(seq, Told.REAL)
    assert line.once()["reviewed"]["answers"] == {"expired": 1, "kept": 1}
    assert [each.image() for each in line.reviewed().values()] == [picture(0)]
