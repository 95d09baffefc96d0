"""Reading the newest few records of each partition, bounded in number and time."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, Message, TopicPartition

from andon.errors import Invalid
from andon.kafka.clients import SMALL_FETCH_BYTES, consumer, consumer_config
from andon.kafka.faults import patiently
from andon.kafka.source import Place, _record
from andon.records import read_score
from andon.records.frame import read_frame
from andon.settings import KafkaSettings
from andon.topics import MIB, SCORES, chosen
from andon_alerting.doctor.ask import Ask
from andon_alerting.doctor.facts.kafka import Cluster
from andon_alerting.doctor.facts.records import Newest, SeenFrame, SeenScore

FRAMES_EACH, SCORES_EACH = 4, 50
MOST_PARTITIONS = 64
WITHIN_S = 6.0
MOST_BYTES = 64 * MIB
"""Of frames, which cannot be read without their images."""


def newest(kafka: KafkaSettings, ask: Ask) -> Newest:
    """The newest frames, of which only headers are looked at, and the newest scores."""
    seen = ask(Cluster)
    parts = [
        (name, number) for name, found in sorted(seen.topics.items()) if chosen(seen.frames, name) for number in found
    ]
    scores = [(SCORES, number) for number in seen.topics.get(SCORES, {})]
    frames = [frame for each in read(kafka, parts, FRAMES_EACH) if (frame := _frame(each))]
    made = [score for each in read(kafka, scores, SCORES_EACH) if (score := _score(each))]
    return Newest(datetime.now(UTC), tuple(frames), tuple(made))


def read(kafka: KafkaSettings, places: Sequence[Place], each: int) -> Iterator[Message]:
    """The newest `each` records of the places, as far as they come in time. Belongs to no group, commits nothing."""
    if not places:
        return
    config = consumer_config(kafka, f"{kafka.group_prefix}.reader", fetch_bytes=SMALL_FETCH_BYTES)
    own = {"auto.offset.reset": "earliest", "group.protocol": "classic", "enable.partition.eof": True}
    client = consumer(config | own | {"queued.min.messages": 1, "error_cb": lambda _: None})
    try:
        yield from _read(client, places[:MOST_PARTITIONS], each, time.monotonic() + WITHIN_S)
    finally:
        client.close()


def _read(client: Consumer, places: Sequence[Place], each: int, ends: float) -> Iterator[Message]:
    waiting: dict[Place, int] = {}
    starts = []
    for place in places:
        ends_of = partial(client.get_watermark_offsets, TopicPartition(*place), timeout=2)
        low, high = patiently(ends_of, f"the newest records of {place[0]} cannot be read", WITHIN_S)
        if high > low:
            waiting[place] = high
            starts.append(TopicPartition(*place, max(low, high - each)))
    client.assign(starts)
    size = 0
    while waiting and size < MOST_BYTES and time.monotonic() < ends:
        message = client.poll(0.2)
        if message is None:
            continue
        place, error = (message.topic() or "", message.partition() or 0), message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                waiting.pop(place, None)
            continue
        if (message.offset() or 0) + 1 >= waiting.get(place, 0):
            waiting.pop(place, None)
        size += len(message.value() or b"")
        yield message


def _frame(message: Message) -> SeenFrame | None:
    with suppress(Invalid):
        frame = read_frame(_record(message))
        at, by_broker = _written(message)
        captured_at = None if frame.foreign or frame.replayed else frame.captured_at
        return SeenFrame(frame.station, frame.topic, captured_at, at, by_broker)
    return None


def _score(message: Message) -> SeenScore | None:
    with suppress(Invalid):
        score = read_score(_record(message))
        at, by_broker = _written(message)
        golden = score.golden is not None
        return (
            None
            if score.replayed
            else SeenScore(score.station, score.captured_at, score.scored_at, at, by_broker, golden)
        )
    return None


def _written(message: Message) -> tuple[datetime, bool]:
    kind, stamp = message.timestamp()
    return datetime.fromtimestamp(max(0, stamp) / 1000, UTC), kind == TIMESTAMP_LOG_APPEND_TIME
