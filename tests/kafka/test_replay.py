"""Time travel over real Kafka: judged again, explained and compared, without moving an offset of the line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest
from confluent_kafka import TopicPartition

from andon.bundle import Bundle
from andon.dead_letters import dead_letter
from andon.errors import Mistake
from andon.ids import frame_id, sha256_hex
from andon.images.prepare import prepare
from andon.inference import Model, open_bundle
from andon.kafka import KafkaSink
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin, consumer, consumer_config, producer
from andon.kafka.offsets import committed_offsets
from andon.reasons import Reason
from andon.records import Answer, Assignment, Frame, FramePlace, Score, Told, Verdict, frame_headers, write_event
from andon.settings import KafkaSettings
from andon.stage import Message, Record, Rejected
from andon.store import BlobStore, BundleStore
from andon.testing.models import proven_bundle
from andon.topics import (
    BY_NAME,
    DEAD_LETTERS,
    MAX_RECORD_BYTES,
    MODELS,
    SCORES,
    SHADOW_SCORES,
    VERDICTS,
    Topic,
)
from andon.where import heat_map_png, regions
from andon_training.progress import Progress, silent
from andon_training.replay.candidate import candidate
from andon_training.replay.rescore import Asked, Rescoring, rescore
from andon_training.replay.rescore_words import said, warnings
from andon_training.replay.span import Span
from andon_training.replay.work import WorkFile, whose

pytestmark = pytest.mark.servers

EPOCH = 1_772_000_000_000
PARTITIONS = 4  # as the other tests of this Kafka make its topics
SHARED = (SCORES, SHADOW_SCORES, VERDICTS, DEAD_LETTERS)


def picture(level: int) -> bytes:
    """A grey part with a spot of that brightness: what the tiny model scores it by."""
    image = np.full((32, 32), 20, np.uint8)
    image[8:16, 8:16] = level
    return cv2.imencode(".png", image)[1].tobytes()


@dataclass
class Factory:
    """A frame topic of its own, a station, a store; what the line would write, written by hand."""

    kafka: KafkaSettings
    folder: Path
    station: str = field(default_factory=lambda: f"weld-{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.topic = f"camera.frames.{self.station}"
        frames = Topic(self.topic, "station", "test", 3_600_000, max_message_bytes=MAX_RECORD_BYTES)
        create_topics(self.kafka, [frames], PARTITIONS, 1)
        create_topics(self.kafka, [BY_NAME[name] for name in SHARED], PARTITIONS, 1)
        create_topics(self.kafka, [BY_NAME[MODELS]], 1, 1)
        self.bundles, self.blobs = BundleStore(str(self.folder / "bundles")), BlobStore(str(self.folder / "frames"))
        self.frames: dict[int, Frame] = {}

    def bundle(self, threshold: float) -> tuple[Bundle, Model]:
        made = proven_bundle(threshold=threshold)
        self.bundles.put(made)
        return made, open_bundle(made)

    def capture(self, levels: list[int], spoilt: tuple[int, ...] = ()) -> None:
        """One frame a level; `spoilt` ones are no images."""
        client = producer(self.kafka)
        places: dict[int, tuple[int, int]] = {}
        for seq, level in enumerate(levels):
            image = b"no image" if seq in spoilt else picture(level)
            frame = Frame(
                self.station, EPOCH, seq, frame_id(self.station, EPOCH, seq), datetime.now(UTC), "image/png",
                sha256_hex(image),
            )  # fmt: skip
            self.frames[seq] = frame

            def placed(_error: object, message: object, seq: int = seq) -> None:
                places[seq] = (message.partition(), message.offset())  # type: ignore[attr-defined]

            headers = list(frame_headers(frame))
            client.produce(self.topic, image, self.station.encode(), headers=headers, on_delivery=placed)
        assert client.flush(30) == 0
        self.places = {seq: FramePlace(topic=self.topic, partition=p, offset=o) for seq, (p, o) in places.items()}
        self.levels = levels

    def judge(self, by: tuple[Bundle, Model], topic: str = SCORES, only: range | None = None, off: float = 0) -> None:
        """What scoring would write of these frames; `off` falsifies the scores."""
        scores = [self.score(*by, seq, off) for seq in only or range(len(self.levels))]
        self.send([Message(topic, self.station.encode(), write_event(score)) for score in scores])

    def score(self, bundle: Bundle, model: Model, seq: int, off: float = 0) -> Score:
        prepared = prepare(picture(self.levels[seq]), bundle.manifest.preparation)
        outputs, threshold, frame = model.run(prepared.tensor[np.newaxis]), bundle.manifest.threshold, self.frames[seq]
        score = float(outputs.score[0]) + off
        anomalous = score > threshold
        return Score(
            frame_id=frame.frame_id, station=self.station, epoch=EPOCH, seq=seq, captured_at=frame.captured_at,
            scored_at=datetime.now(UTC), verdict=Verdict.ANOMALOUS if anomalous else Verdict.OK, score=score,
            threshold=threshold, bundle=bundle.digest, runtime=model.runtime, width=32, height=32,
            frame=self.places[seq], health=prepared.health,
            regions=regions(outputs.map[0], threshold, prepared.crop) if anomalous else (),
            heat_map=heat_map_png(outputs.map[0], threshold) if anomalous else None,
        )  # fmt: skip

    def assign(self, bundle: Bundle, *shadows: Bundle) -> None:
        """As `andon assign` and `andon shadow` do."""
        digests = tuple(each.digest for each in shadows)
        given = Assignment(station=self.station, bundle=bundle.digest, shadows=digests, at=datetime.now(UTC))
        self.send([Message(MODELS, given.key, write_event(given))])

    def send(self, messages: list[Message]) -> None:
        sink = KafkaSink(self.kafka, compression="zstd")
        sink.send(messages, lambda: None)
        sink.close()

    def answer(self, seq: int, told: Told) -> None:
        given = Answer(frame_id=self.frames[seq].frame_id, station=self.station, answer=told, at=datetime.now(UTC))
        self.send([Message(VERDICTS, self.station.encode(), write_event(given))])

    def refuse(self, seq: int, value: bytes, reason: Reason) -> None:
        """As preprocess does."""
        place, stamp = self.places[seq], int(datetime.now(UTC).timestamp() * 1000)
        headers = tuple(pair for pair in frame_headers(self.frames[seq]) if pair[0] != "ce_sha256")
        record = Record(place.topic, place.partition, place.offset, self.station.encode(), value, headers, stamp)
        self.send([dead_letter(Rejected(record, reason, "as it was"), DEAD_LETTERS, "preprocess", "0.1.0")])

    def forget_before(self, seq: int) -> None:
        """As retention does."""
        place = self.places[seq]
        at = TopicPartition(place.topic, place.partition, place.offset)
        client = admin(self.kafka)
        for future in client.delete_records([at]).values():
            future.result(30)

    def rescored(self, bundle: Bundle, model: Model, progress: Progress = silent, **asked: object) -> Rescoring:
        now = datetime.now(UTC)
        wanted = Asked(self.station, Span(now - timedelta(hours=1), now), **asked)  # type: ignore[arg-type]
        kept = WorkFile(self.folder / "work.jsonl", whose(bundle.digest, model.runtime, "test"))
        with kept:
            return rescore(self.kafka, self.blobs, wanted, candidate(bundle, None, None), model, kept, progress)

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {
            "ANDON_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "ANDON_STORE__BUNDLES": str(self.folder / "bundles"),
            "ANDON_STORE__FRAMES": str(self.folder / "frames"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "andon", *args]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def factory(kafka: KafkaSettings, tmp_path: Path) -> Iterator[Factory]:
    made = Factory(kafka.model_copy(update={"group_prefix": f"g-{uuid4().hex[:8]}"}), tmp_path)
    yield made
    client = admin(made.kafka)
    for future in client.delete_topics([made.topic]).values():
        future.result(30)


def committed(factory: Factory) -> dict[tuple[str, int], int]:
    places = [(factory.topic, part) for part in range(PARTITIONS)]
    return committed_offsets(factory.kafka, f"{factory.kafka.group_prefix}.preprocess", places)


def groups(factory: Factory) -> set[str]:
    client = admin(factory.kafka)
    found = client.list_consumer_groups().result(20).valid
    return {group.group_id for group in found if group.group_id.startswith(factory.kafka.group_prefix)}


def commit(factory: Factory, offset: int) -> None:
    """As preprocess does: the line is so far."""
    group = f"{factory.kafka.group_prefix}.preprocess"
    with closing(consumer(consumer_config(factory.kafka, group))) as client:
        client.commit(offsets=[TopicPartition(factory.topic, 0, offset)], asynchronous=False)


def test_frames_are_judged_again_and_no_offset_of_the_line_moves(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    other, stricter = factory.bundle(90.0)
    factory.capture([20, 100, 100, 200, 30, 250])
    factory.judge((line, model))
    commit(factory, 0)
    before, known = committed(factory), groups(factory)
    found = factory.rescored(other, stricter)
    agreement = found.pairing.agreement()
    assert (agreement.frames, agreement.only_first, agreement.only_second) == (6, 0, 2)
    assert (agreement.both_ok, agreement.both_anomalous) == (2, 2)
    assert (committed(factory), groups(factory)) == (before, known)
    assert before[factory.topic, 0] == 0
    assert next(said(found)) == (
        "2 of 6 frames get the other verdict: 0 that the line called anomalous pass, 2 that it passed are called."
    )
    assert list(warnings(found)) == []


def test_an_interrupted_replay_goes_on_where_it_was(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    factory.capture([20 + each for each in range(100)])
    factory.judge((line, model))

    def stop_after_seventy(step: str, done: int, _of: int) -> None:
        if step == "frames" and done > 70:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        factory.rescored(line, model, stop_after_seventy)
    found = factory.rescored(line, model)
    assert (found.reach.frames, found.reach.scored, found.reach.before) == (100, 100, 32)
    assert found.pairing.agreement().flips == 0
    assert len(found.pairing) == 100


def test_it_is_said_how_much_of_the_time_kafka_no_longer_holds(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    factory.capture([20, 40, 60, 200])
    factory.judge((line, model))
    factory.forget_before(2)
    found = factory.rescored(line, model)
    assert (found.reach.frames, found.reach.gone) == (2, 2)
    told = " ".join(warnings(found))
    assert f"Kafka holds frames of {factory.station} since " in told
    assert "min of the 60 min you asked for are gone" in told
    assert "2 frames that the line scored in this time are gone" in told


def test_frames_without_a_score_are_counted_by_reason(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    factory.capture([20, 40, 60], spoilt=(1,))
    factory.judge((line, model), only=range(1))
    factory.refuse(1, b"no image", Reason.NOT_AN_IMAGE)
    found = factory.rescored(line, model)
    assert (dict(found.reach.problems), dict(found.reach.dead)) == ({"not_an_image": 1}, {"not_an_image": 1})
    assert (found.reach.frames, found.reach.scored, found.reach.unjudged) == (3, 2, 2)


def test_peoples_answers_say_what_changes_among_good_and_bad_parts(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    other, milder = factory.bundle(180.0)
    factory.capture([150, 160, 200, 250, 20])
    factory.judge((line, model))
    for seq, told in ((0, Told.FALSE_CALL), (1, Told.REAL), (2, Told.UNSURE), (3, Told.REAL), (0, Told.FALSE_CALL)):
        factory.answer(seq, told)
    sentences = " ".join(said(factory.rescored(other, milder)))
    assert "People gave a firm answer on 3 of these frames." in sentences
    assert "Of 1 good ones the line called 1, the candidate calls 0 of 1" in sentences
    assert "Of 2 defective ones the line let 0 pass, the candidate lets 1 of 2" in sentences


def test_a_station_without_frames_is_a_mistake_that_names_what_is_there(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    with pytest.raises(Mistake, match=rf"station {factory.station}: Kafka holds no frame of it .*--from"):
        factory.rescored(line, model)


def test_the_command_writes_a_page_with_the_flips(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    other, _ = factory.bundle(90.0)
    factory.capture([20, 100, 200])
    factory.judge((line, model))
    page = factory.folder / "flips.html"
    done = factory.run(
        "rescore", factory.station, "--bundle", other.digest[:8], "--from", "1h", "--html", str(page), "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["compared"], found["flips"], found["only_candidate"]) == (3, 1, 1)
    html = page.read_text()
    assert str(factory.frames[1].frame_id) in html
    assert html.count("data:image/jpeg") == 3 * 3
    assert "<script" not in html


def test_a_verdict_is_rebuilt_bit_for_bit_and_by_the_beginning_of_its_id(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    factory.capture([20, 200])
    factory.judge((line, model))
    whole, beginning = str(factory.frames[1].frame_id), str(factory.frames[0].frame_id)[:12]
    page = factory.folder / "why.html"
    done = factory.run("explain", whole, "--station", factory.station, "--html", str(page), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ending"] == "reproduced_bit_for_bit"
    assert {check["what"]: check["same"] for check in told["checks"]} == dict.fromkeys(
        ("frame", "bundle", "preparation", "score", "verdict", "threshold", "regions", "heat map", "runtime"), "same"
    )
    assert factory.run("explain", beginning).returncode == 0


def test_what_differs_is_said_with_its_likely_cause(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    factory.capture([20])
    factory.judge((line, model), off=7.5)
    done = factory.run("explain", str(factory.frames[0].frame_id), "--station", factory.station)
    assert done.returncode == 1
    assert "differs in score" in done.stderr
    assert "27.5 then, 20 now: -7.5" in done.stderr


def test_what_is_gone_is_said_with_what_that_means(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    factory.capture([20, 30])
    factory.judge((line, model))
    factory.forget_before(1)
    done = factory.run("explain", str(factory.frames[0].frame_id), "--station", factory.station)
    assert done.returncode == 2
    assert "its frame is gone" in done.stderr
    (factory.folder / "bundles" / f"{line.digest}.andon").unlink()
    done = factory.run("explain", str(factory.frames[1].frame_id), "--station", factory.station)
    assert done.returncode == 2
    assert "is not in the store" in done.stderr


def test_a_dead_letter_is_explained_and_tried_again(factory: Factory) -> None:
    factory.capture([20])
    for value, reason, status in ((b"no image", Reason.NOT_AN_IMAGE, 0), (picture(20), Reason.MISSING_DATA, 1)):
        factory.refuse(0, value, reason)
        done = factory.run("explain", str(factory.frames[0].frame_id), "--station", factory.station)
        assert done.returncode == status, done.stderr
        assert f"{reason}: as it was" in done.stderr


def test_a_frame_nobody_spoke_of_is_a_mistake(factory: Factory) -> None:
    done = factory.run("explain", str(uuid4()), "--station", factory.station)
    assert (done.returncode, done.stdout) == (2, "")
    assert "not among the scores, shadow scores or dead letters" in done.stderr


def test_a_shadow_is_compared_on_the_frames_that_both_scored(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    other, stricter = factory.bundle(90.0)
    factory.assign(line, other)
    factory.capture([20, 100, 200, 100, 30])
    factory.judge((line, model))
    factory.judge((other, stricter), SHADOW_SCORES, only=range(4))
    page = factory.folder / "shadow.html"
    done = factory.run("compare", factory.station, "--html", str(page), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["compared"], found["flips"], found["only_shadow"], found["only_active"]) == (4, 2, 2, 0)
    assert found["only_scored_by"] == {"active": 1, "shadow": 0}
    assert found["next"] == f"andon promote {factory.station} {other.digest[:12]}"
    assert page.read_text().count("data:image/jpeg") == 2 * 3


def test_bundles_that_changed_places_are_compared_over_both_times_and_never_with_themselves(factory: Factory) -> None:
    old, model = factory.bundle(128.0)
    new, stricter = factory.bundle(90.0)
    factory.capture([20, 100, 200, 100, 30, 110])
    for topic, by, frames in (
        (SCORES, (old, model), range(3)),
        (SHADOW_SCORES, (new, stricter), range(3)),
        (SCORES, (new, stricter), range(3, 6)),
        (SHADOW_SCORES, (old, model), range(3, 6)),
    ):
        factory.judge(by, topic, only=frames)
    factory.assign(new, old)
    page = factory.folder / "shadow.html"
    done = factory.run("compare", factory.station, "--html", str(page), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["active_now"], found["shadow"], found["shadow_now"]) == (new.digest, old.digest, True)
    assert (found["compared"], found["only_active"], found["only_shadow"], found["exchanged"]) == (6, 3, 0, 3)
    assert found["next"] == f"andon promote {factory.station} {old.digest[:12]}"
    assert page.read_text().count("data:image/jpeg") == 3 * 3

    factory.assign(old)  # as a roll-back: no shadow is left
    done = factory.run("compare", factory.station, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["active_now"], found["shadow"], found["shadow_now"]) == (old.digest, new.digest, False)
    assert (found["compared"], found["only_active"], found["only_shadow"], found["exchanged"]) == (6, 0, 3, 3)
    assert found["next"] == f"andon assign {factory.station} {new.digest[:12]}"


def test_without_shadow_scores_it_is_said_how_to_get_some(factory: Factory) -> None:
    line, model = factory.bundle(128.0)
    factory.capture([20])
    factory.judge((line, model))
    done = factory.run("compare", factory.station)
    assert done.returncode == 2
    assert f"andon shadow {factory.station} BUNDLE" in done.stderr
