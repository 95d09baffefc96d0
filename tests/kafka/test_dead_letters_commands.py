"""`andon dead-letters` over real Kafka: read without their bytes, sent again to the very partition they came from."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from andon.ids import foreign_frame_id
from andon.kafka import KafkaDeadLetters
from andon.kafka.admin import create_topics
from andon.kafka.at import RecordsAt
from andon.kafka.clients import producer
from andon.letters import Letter
from andon.letters.post import KafkaPost
from andon.reasons import Reason
from andon.records import read_frame
from andon.settings import DeadLetterLimit, KafkaSettings
from andon.stage import Record, Rejected
from andon.topics import ALL, Topic

pytestmark = pytest.mark.servers

PARTITIONS = 4
STAMP_MS = 1_772_433_000_000
IMAGE = b"\xff\xd8\xff\xe0" + bytes(100_000)


@pytest.fixture
def station() -> str:
    return f"weld-{uuid4().hex[:8]}"


@pytest.fixture
def topic(kafka: KafkaSettings) -> str:
    name = f"camera.frames.l{uuid4().hex[:8]}"
    create_topics(kafka, [*ALL, Topic(name, "station", "test", None)], PARTITIONS, 1)
    return name


@pytest.fixture
def post(kafka: KafkaSettings, topic: str) -> Iterator[KafkaPost]:
    with closing(KafkaPost(kafka)) as opened:
        yield opened


def refuse(kafka: KafkaSettings, topic: str, station: str, partition: int, images: Sequence[bytes]) -> None:
    """Foreign frames in a partition that their key would not choose, written days ago, and their dead letters."""
    client = producer(kafka)
    for number, image in enumerate(images):
        client.produce(topic, image, station, partition, timestamp=STAMP_MS + number)
        assert client.flush(20) == 0
    with closing(RecordsAt(kafka)) as at, closing(KafkaDeadLetters(kafka, DeadLetterLimit(), "test", "1")) as letters:
        records = [at(topic, partition, offset) for offset in range(len(images))]
        refused = [Rejected(each, Reason.MISSING_DATA, "test") for each in records if each is not None]
        letters.send(refused, lambda: None)


def of_station(post: KafkaPost, station: str) -> list[Letter]:
    since = datetime.now(UTC) - timedelta(minutes=10)
    return [each for each in post.letters(since) if each.station == station]


def andon(kafka: KafkaSettings, *words: str) -> tuple[int, Any, str]:
    """Its exit status, what it printed as JSON, and what it said."""
    env = os.environ | {"ANDON_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    done = subprocess.run(
        [sys.executable, "-m", "andon", "dead-letters", *words], capture_output=True, text=True, env=env, timeout=60
    )
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith(("[", "{")) else None, done.stderr


def test_letters_are_listed_sent_again_where_they_came_from_and_wait_no_more(
    kafka: KafkaSettings, topic: str, station: str, post: KafkaPost
):
    refuse(kafka, topic, station, 3, [IMAGE] * 20)
    found = of_station(post, station)
    assert [each.origin.offset for each in found if each.origin] == list(range(20))
    assert {(each.size, each.reason) for each in found} == {(len(IMAGE), "missing_data")}
    status, outcomes, said = andon(kafka, "replay", "--station", station, "--yes", "--rate", "0", "--json")
    assert (status, len(outcomes)) == (0, 20), said
    with closing(RecordsAt(kafka)) as at:
        again = [at(topic, 3, offset) for offset in range(20, 40)]
    frames = [read_frame(each) for each in again if isinstance(each, Record)]
    assert [each.frame_id for each in frames] == [foreign_frame_id(topic, 3, offset) for offset in range(20)]
    assert [each.captured_at.timestamp() for each in frames] == [(STAMP_MS + number) / 1000 for number in range(20)]
    assert {each.value for each in again if each} == {IMAGE}
    assert [each["replayed_to"]["offset"] for each in outcomes] == list(range(20, 40))
    assert andon(kafka, "list", "--letters", "--station", station, "--json")[1] == []
    assert len(andon(kafka, "list", "--letters", "--station", station, "--all", "--json")[1]) == 20


def test_what_its_broker_will_not_have_is_told_and_what_travels_beside_it_is_sent(kafka: KafkaSettings, station: str):
    topic = f"camera.frames.l{uuid4().hex[:8]}"
    tight = Topic(topic, "station", "test", None, max_message_bytes=len(IMAGE) + 120)  # no room for two more headers
    create_topics(kafka, [*ALL, tight], PARTITIONS, 1)
    refuse(kafka, topic, station, 2, [b"small", IMAGE, b"small"])
    status, outcomes, said = andon(kafka, "replay", "--station", station, "--yes", "--json")
    assert status == 1
    assert "Kafka will not have it" in said
    sent = [each["came_from"]["offset"] for each in outcomes if each["replayed_to"]]
    assert sorted(sent) == [0, 2]
    assert [each["bytes"] for each in andon(kafka, "list", "--letters", "--station", station, "--json")[1]] == [
        len(IMAGE)
    ]


def test_one_is_shown_and_discarded_and_a_second_hand_is_told_who_was_first(
    kafka: KafkaSettings, topic: str, station: str, post: KafkaPost
):
    refuse(kafka, topic, station, 1, [IMAGE])
    (letter,) = of_station(post, station)
    status, shown, _ = andon(kafka, "show", letter.name, "--json")
    assert (status, shown["station"], shown["alike"], shown["replay"]) == (0, station, 1, "as_it_came")
    assert andon(kafka, "discard", letter.name, "--yes", "--why", "no matter", "--by", "mira")[0] == 0
    status, _, said = andon(kafka, "replay", letter.name, "--yes")
    assert status == 2
    assert "mira discarded it" in said


def test_a_letter_that_is_not_there_is_told_in_a_sentence(kafka: KafkaSettings, topic: str):
    status, _, said = andon(kafka, "show", "0/999999999")
    assert status == 2
    assert "there is none such" in said
