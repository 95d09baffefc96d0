"""The ledger over real Kafka: a frame that is taken away on purpose, at each hop, is found there."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
import httpx
import numpy as np
import pytest
from confluent_kafka import TopicPartition
from prometheus_client import CollectorRegistry

from andon.errors import Mistake
from andon.images.limits import ImageLimits
from andon.kafka import KafkaDeadLetters, KafkaSink, KafkaSource, TopicReader
from andon.kafka.admin import create_topics
from andon.kafka.clients import admin, consumer, consumer_config
from andon.kafka.even import check_together
from andon.kafka.source import Subscription
from andon.metrics import Metrics
from andon.observe import observed
from andon.passing import of_headers, of_record
from andon.preparation import Preparation
from andon.records import Finding, FindingKind, Unscorable, read_event
from andon.redis_client import connect
from andon.reporting import Reporting
from andon.settings import DeadLetterLimit, KafkaSettings, RedisSettings
from andon.stage import Handler, Message, Record, Result, Sink, Stage
from andon.topics import DRIFT, FRAMES, LEDGER, MAX_RECORD_BYTES, PREPARED, Topic
from andon_alerting.ledger.beginning import began
from andon_alerting.ledger.groups import KafkaGroups
from andon_alerting.ledger.memory import RedisLedger
from andon_alerting.ledger.reading import READS
from andon_alerting.ledger.rows import station_row
from andon_ingest.capture import Capture, Shot, frames
from andon_preprocess.prepare import Preparing
from andon_scoring.score import Scoring

pytestmark = pytest.mark.servers

SETTLE_S = 2.0
WITHIN_S = 10.0
"""From the last frame of a capture until its loss is told: settling, two looks, what Kafka needs, a busy machine."""
Fault = Callable[[str, int], bool]


def picture(seq: int) -> bytes:
    return bytes(cv2.imencode(".png", np.full((8, 8), seq, np.uint8))[1])


def never(_station: str, _seq: int) -> bool:
    return False


class Shots:
    """A camera whose images are handed to it."""

    ended = False

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.shots: list[Shot] = []

    def poll(self) -> Sequence[Record]:
        shots, self.shots = self.shots, []
        return [self._capture.take(each) for each in shots]

    def commit(self) -> None: ...

    def hold(self, records: Sequence[Record]) -> None: ...

    def idle(self) -> None: ...

    def close(self) -> None: ...


def forgetting(handle: Handler, forgets: Fault) -> Handler:
    """A handler that has a fault: it says nothing of some frames, as if it were done with them."""

    def handled(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        return handle([each for each in records if not forgets(*named(of_record(each)))], now)

    return handled


@dataclass
class LyingSink:
    """A sink that says it has delivered what it lost."""

    sink: Sink
    loses: Fault

    def send(self, messages: Sequence[Message], idle: Callable[[], None]) -> None:
        self.sink.send([each for each in messages if not self.loses(*named(of_headers(each.headers)))], idle)

    def close(self) -> None:
        self.sink.close()


def named(found: Any) -> tuple[str, int]:
    return (found[0].station, found[1]) if found else ("", -1)


@dataclass
class Line:
    """Ingest, preprocess and scoring of its own, as the services wire them, with what they tell the ledger; and the
    watch, a process. `loses` are their faults, by hop."""

    kafka: KafkaSettings
    redis: RedisSettings
    folder: Path
    loses: dict[str, Fault] = field(default_factory=dict)
    reports: list[Reporting] = field(default_factory=list)

    def __post_init__(self) -> None:
        name = uuid4().hex[:8]
        self.topic = f"{FRAMES}.{name}"
        create_topics(self.kafka, [Topic(self.topic, "station", "test", 3_600_000, None, MAX_RECORD_BYTES)], 1, 1)
        self.kafka = self.kafka.model_copy(update={"group_prefix": f"test-{name}"})
        self.redis = self.redis.model_copy(update={"key_prefix": f"test-{name}:"})
        self.move_to_end("scoring", PREPARED)
        capture = Capture(int(time.time() * 1000), "test", lambda: f"00-{'a' * 32}-{'b' * 16}-01")
        self.camera = Shots(capture)
        self.ingest = self.stage("ingest", self.camera, self._captured, KafkaSink(self.kafka))
        self.open("preprocess")
        self.open("scoring")
        self.ledger = RedisLedger(connect(self.redis), self.redis.key_prefix)

    def _captured(self, records: Sequence[Record], now: datetime) -> Iterable[Result]:
        """The true handler writes to camera.frames, which all tests share."""
        kept = [each for each in records if not self.fault("ingest")(*named(of_record(each)))]
        return [replace(each, topic=self.topic) if isinstance(each, Message) else each for each in frames(kept, now)]

    def fault(self, hop: str) -> Fault:
        """The fault that this hop has by then."""
        return partial(self._loses, hop)

    def _loses(self, hop: str, station: str, seq: int) -> bool:
        return self.loses.get(hop, never)(station, seq)

    def stage(self, name: str, source: Any, handle: Handler, sink: Sink) -> Stage:
        letters = KafkaDeadLetters(self.kafka, DeadLetterLimit(max_ratio=1.0), name, "0")
        stage = Stage(name, source, handle, sink, letters)
        report = Reporting(stage, lambda: None, 0.2)
        self.reports.append(report)
        return observed(stage, Metrics(CollectorRegistry()), [report.passing])

    def open(self, name: str) -> None:
        if name == "preprocess":
            made = Preparing(lambda _: Preparation(width=8, height=8, channels=1), ImageLimits())
            handle = forgetting(made, self.fault("preprocess"))
            self.preprocess = self.stage(name, self._source(name, self.topic), handle, KafkaSink(self.kafka))
        else:
            scored = Scoring(lambda _: Unscorable.NO_BUNDLE)
            handle = forgetting(scored, self.fault("scoring"))
            sink = LyingSink(KafkaSink(self.kafka), self.fault("scores"))
            self.scoring = self.stage(name, self._source(name, PREPARED), handle, sink)

    def _source(self, name: str, topic: str) -> KafkaSource:
        return KafkaSource(self.kafka, Subscription((topic,), f"{self.kafka.group_prefix}.{name}"), poll_s=0.05)

    def move_to_end(self, group: str, topic: str) -> None:
        """What somebody does who resets the offsets of a group that does not run."""
        self.commit(group, topic, None)

    def commit(self, group: str, topic: str, offset: int | None) -> None:
        client = consumer(consumer_config(self.kafka, f"{self.kafka.group_prefix}.{group}"))
        try:
            found = client.list_topics(topic, timeout=10).topics[topic].partitions
            parts = [TopicPartition(topic, part) for part in found]
            for part in parts:
                end = client.get_watermark_offsets(part, timeout=10)[1]
                part.offset = end if offset is None else offset
            client.commit(offsets=parts, asynchronous=False)
        finally:
            client.close()

    def rewind(self, group: str) -> None:
        """What somebody does who wants to have everything read again."""
        self.commit(group, self.topic, 0)

    def delete_all(self) -> None:
        """What Kafka does when its retention is over."""
        client = admin(self.kafka)
        (deleted,) = client.delete_records([TopicPartition(self.topic, 0, self.end())]).values()
        deleted.result(20)

    def end(self) -> int:
        client = consumer(consumer_config(self.kafka, "test-looker"))
        try:
            return int(client.get_watermark_offsets(TopicPartition(self.topic, 0), timeout=10)[1])
        finally:
            client.close()

    def capture(self, *stations: str, count: int = 1, image: bytes | None = None) -> None:
        for seq in range(count):
            now = datetime.now(UTC)
            self.camera.shots += [Shot(each, image or picture(seq), now) for each in stations]
        self.ingest.step(lambda: datetime.now(UTC))

    def foreign(self, station: str) -> int:
        """A bare image from somebody else; its offset."""
        offset = self.end()
        sink = KafkaSink(self.kafka)
        sink.send([Message(self.topic, station.encode(), picture(offset % 200))], lambda: None)
        sink.close()
        return offset

    def run(self, *stages: Stage) -> None:
        """Until nothing is left to do."""
        for stage in stages or (self.preprocess, self.scoring):
            group = f"{self.kafka.group_prefix}.{stage.name}"
            eventually(lambda stage=stage, group=group: [stage.step(lambda: datetime.now(UTC)), self._done(group)][1])
        for report in self.reports:
            report.flush()

    def _done(self, group: str) -> bool:
        topic = PREPARED if group.endswith("scoring") else self.topic
        client = consumer(consumer_config(self.kafka, group))
        try:
            parts = [
                TopicPartition(topic, part) for part in client.list_topics(topic, timeout=10).topics[topic].partitions
            ]
            ends = {part.partition: client.get_watermark_offsets(part, timeout=10)[1] for part in parts}
            return all(max(each.offset, 0) >= ends[each.partition] for each in client.committed(parts, timeout=10))
        finally:
            client.close()

    def missing(self, *stations: str) -> dict[str, list[tuple[int, int, str]]]:
        """What `andon ledger` says is missing."""
        rows = [station_row(each, datetime.now(UTC)) for each in self.ledger.load(stations).values()]
        return {
            row["station"]: [(each["first"], each["last"], each["vanished_in"]) for each in row["gone"]]
            for row in rows
            if row["gone"]
        }

    def row_of(self, station: str) -> dict[str, Any]:
        """The same; nothing where nothing is known yet."""
        return self.row(station) if self.ledger.load([station]) else {}

    def row(self, station: str) -> dict[str, Any]:
        return station_row(self.ledger.load([station])[station], datetime.now(UTC))

    def findings(self, *stations: str) -> list[Finding]:
        with closing(TopicReader(self.kafka, DRIFT)) as reader:
            found = [read_event(Finding, each.value) for each in reader.read_to_end()]
        return [each for each in found if each.station in stations]

    def env(self, **more: str) -> dict[str, str]:
        return os.environ | {
            "ANDON_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "ANDON_KAFKA__GROUP_PREFIX": self.kafka.group_prefix,
            "ANDON_REDIS__URL": self.redis.url,
            "ANDON_REDIS__KEY_PREFIX": self.redis.key_prefix,
            "ANDON_FRAMES": self.topic,
            "ANDON_LEDGER__SETTLE_S": str(SETTLE_S),
            "ANDON_LEDGER__REBUILD_H": "0.001",
            **more,
        }

    @contextmanager
    def watched(self, ends_by: int = signal.SIGTERM, **more: str) -> Iterator[Callable[[], str]]:
        """The watch runs, until this signal ends it; gives what reads its metrics."""
        log = self.folder / f"watch-{uuid4().hex[:6]}.log"
        with log.open("wb") as err:
            command = [sys.executable, "-m", "andon", "ledger-watch"]
            process = subprocess.Popen(command, env=self.env(**more), stderr=err)
        try:
            port = eventually(lambda: re.search(r'"port": (\d+)', log.read_text()))
            assert port, log.read_text()
            eventually(lambda: httpx.get(f"http://127.0.0.1:{port[1]}/readyz").status_code == 200)
            yield lambda: httpx.get(f"http://127.0.0.1:{port[1]}/metrics").text
            process.send_signal(ends_by)
            assert process.wait(30) == (0 if ends_by == signal.SIGTERM else -ends_by), log.read_text()[-2000:]
        finally:
            process.kill()
            process.wait()

    def close(self) -> None:
        for stage in (self.ingest, self.preprocess, self.scoring):
            stage.close()


def eventually(ask: Callable[[], Any], within_s: float = 25.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


@pytest.fixture
def line(kafka: KafkaSettings, servers: Any, tmp_path: Path) -> Iterator[Line]:
    line = Line(kafka, RedisSettings(url=servers.redis.url), tmp_path)
    yield line
    line.close()


def test_a_frame_that_is_taken_away_is_found_at_the_hop_where_it_was(line: Line):
    name = uuid4().hex[:6]
    hops = ("ingest", "camera.frames", "preprocess", "frames.prepared", "scoring", "scores")
    at = {hop: f"{hop.replace('.', '-')}-{name}" for hop in hops}
    clean, last, foreign = (f"{each}-{name}" for each in ("clean", "last", "foreign"))
    line.loses["ingest"] = lambda *frame: frame == (at["ingest"], 5)
    line.loses["preprocess"] = lambda *frame: frame in ((at["preprocess"], 5), (last, 9))
    line.loses["scores"] = lambda *frame: frame == (at["scores"], 5)
    with line.watched() as one, line.watched() as other:  # they share the stations
        everybody = (*at.values(), clean, last)
        line.capture(*everybody, count=5)
        line.foreign(foreign)
        line.run()

        line.scoring.close()
        line.capture(at["frames.prepared"])
        line.run(line.preprocess)
        line.move_to_end("scoring", PREPARED)  # somebody resets its offsets
        line.open("scoring")

        line.preprocess.close()
        line.capture(at["camera.frames"], count=2)
        line.delete_all()  # Kafka keeps its records for too short a time
        line.move_to_end("preprocess", line.topic)
        line.open("preprocess")

        lost = line.foreign(foreign)
        line.loses["scoring"] = lambda *frame: frame in ((at["scoring"], 5), (foreign, lost))
        line.capture(clean, image=b"no image at all")
        line.capture(*(each for each in everybody if each != clean), count=5)
        line.foreign(foreign)
        line.run()
        began = time.monotonic()
        expected = {
            at["ingest"]: [(5, 5, "ingest")],
            at["camera.frames"]: [(5, 6, "camera.frames")],
            at["preprocess"]: [(5, 5, "preprocess")],
            at["frames.prepared"]: [(5, 5, "frames.prepared")],
            at["scoring"]: [(5, 5, "scoring")],
            at["scores"]: [(5, 5, "scores")],
            last: [(9, 9, "preprocess")],
            foreign: [(lost, lost, "scoring")],
        }
        assert eventually(lambda: line.missing(*expected, clean) == expected), line.missing(*expected, clean)
        assert time.monotonic() - began < WITHIN_S
        told = eventually(lambda: len(found := line.findings(*expected)) >= len(expected) and found)
        assert {each.station for each in told} == set(expected)
        assert {each.kind for each in told} == {FindingKind.BEGAN}
        assert f"{at['preprocess']}: 1 frame (5 of the capture that began " in " ".join(each.sentence for each in told)
        assert "vanished in preprocess: read there at " in " ".join(each.sentence for each in told)
        shown = [line for line in (one() + other()).splitlines() if line.startswith("andon_ledger_missing_frames{")]
        assert shown.count(f'andon_ledger_missing_frames{{station="{last}"}} 1.0') == 1
        assert len(shown) == len({line.split()[0] for line in shown})  # nobody shows what another looks after
        row = line.row(clean)
        assert (row["captured"], row["scored"], row["missing"]) == (6, 5, 0)
        assert row["dead_lettered"] == {"not_an_image": 1}
        assert line.findings(clean) == []


def test_a_loss_is_known_however_often_the_watch_is_killed_and_over_once_the_frame_comes(line: Line, servers: Any):
    late, never_sent = f"late-{uuid4().hex[:6]}", f"silent-{uuid4().hex[:6]}"
    line.loses["scoring"] = lambda *frame: frame == (late, 2)
    line.loses["preprocess"] = lambda *frame: frame == (never_sent, 1)
    with line.watched(signal.SIGKILL, ANDON_LEDGER__SETTLE_S="60"):
        line.capture(late, never_sent, count=3)
        line.run()
        assert eventually(lambda: line.row_of(late).get("captured") == 3)
    assert line.findings(late, never_sent) == []
    with line.watched() as metrics:  # the next process goes on: its stations send nothing any more
        assert eventually(lambda: len(line.missing(late, never_sent)) == 2)
        (began,) = eventually(lambda: line.findings(late))
        assert eventually(lambda: f'andon_ledger_scored_frames_total{{station="{late}"}} 2.0' in metrics())
        with closing(connect(line.redis)) as redis:  # Redis loses everything
            redis.delete(*redis.scan_iter(match=f"{line.redis.key_prefix}*"))
        line.loses.clear()
        line.preprocess.close()
        line.capture(late)
        line.rewind("preprocess")  # somebody has all of it read again
        line.open("preprocess")
        line.run()
        ends = eventually(lambda: [each for each in line.findings(late) if each.kind is FindingKind.ENDED])
        assert [each.finding_id for each in ends] == [began.finding_id]
        assert "came after all" in ends[0].sentence
        assert eventually(lambda: line.row_of(never_sent).get("scored") == 3)
        assert eventually(lambda: line.row_of(late).get("scored") == 4)
        assert line.missing(late, never_sent) == {}


def test_the_ledger_is_printed_and_its_exit_status_says_whether_anything_is_missing(line: Line):
    station, well = f"press-{uuid4().hex[:6]}", f"well-{uuid4().hex[:6]}"
    line.loses["preprocess"] = lambda *frame: frame == (station, 1)

    def ledger(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "andon", "ledger", *arguments]
        return subprocess.run(command, env=line.env(), capture_output=True, text=True, timeout=60)

    with line.watched():
        line.capture(station, well, count=3)
        line.run()
        assert eventually(lambda: line.missing(station))
        told = ledger("--json")
        whole = json.loads(told.stdout)
        assert (told.returncode, whole["balanced"], whole["watched"]) == (1, False, True)
        (row,) = [each for each in whole["stations"] if each["station"] == station]
        assert (row["captured"], row["scored"], row["missing"]) == (3, 2, 1)
        assert [(each["first"], each["vanished_in"]) for each in row["gone"]] == [(1, "preprocess")]
        good = ledger(well)
        assert good.returncode == 0, good.stderr
        assert re.search(rf"{well} +3 +3 +0 +0 +0 +0 +0", good.stdout)
        assert "nothing is missing (as of " in good.stderr


def test_topics_with_unequal_partitions_are_refused_with_what_to_do(line: Line):
    few = f"t-{uuid4().hex[:8]}"
    create_topics(line.kafka, [Topic(few, "station", "test", 3_600_000)], 2, 1)
    with pytest.raises(Mistake, match=rf"must have the same.*--alter --topic {few} --partitions 4"):
        check_together(line.kafka, (LEDGER, few))
    with pytest.raises(Mistake, match="topic nowhere does not exist; create it with: andon topics create"):
        check_together(line.kafka, (LEDGER, "nowhere"))


def test_two_that_begin_at_once_keep_one_ledger(line: Line):
    """Else what one of them has written is of another ledger to the other, and counts as never seen."""
    first, second = line.ledger, RedisLedger(connect(line.redis), line.redis.key_prefix)
    assert [first.agree(1000, None), second.agree(1025, None)] == [1000, 1000]
    assert second.watched().began == 1000
    assert [second.agree(2000, 1000), first.agree(2025, 1000)] == [2000, 2000]  # Kafka deleted what was not read


def test_a_ledger_that_is_lost_begins_anew_and_reads_what_was_there_before(line: Line):
    group, memory = f"{line.kafka.group_prefix}.ledger", line.ledger
    now = datetime.now(UTC)
    first = began(line.kafka, group, memory, timedelta(hours=1), now)
    assert first == int((now - timedelta(hours=1)).timestamp() * 1000)
    stands = KafkaGroups(line.kafka).committed(group)
    assert stands.keys() >= KafkaGroups(line.kafka).ends(READS).keys()
    assert began(line.kafka, group, memory, timedelta(hours=1), now + timedelta(hours=9)) == first
    with closing(connect(line.redis)) as redis:
        redis.delete(*redis.scan_iter(match=f"{line.redis.key_prefix}*"))
    later = began(line.kafka, group, memory, timedelta(hours=1), now + timedelta(hours=9))
    assert later == first + 9 * 3_600_000
    assert KafkaGroups(line.kafka).committed(group) == stands  # nothing that was not read is passed over
