"""What Kafka still holds of a stretch of time, partition by partition, and what of it is gone."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from confluent_kafka import TopicPartition

from andon.comparing.key import key_partition
from andon.kafka.clients import consumer, consumer_config
from andon.kafka.faults import patiently
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.source import Place
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.stage import Record
from andon_training.replay.span import NEARLY_ALL, Span, lasting, told

SILENCE_S = 300.0  # between two records we may be scoring a batch

Chosen = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Of one partition: the offsets `start` up to `stop` lie in the time asked for; all before `low` are deleted.

    `since` is when the oldest record it holds was written, where some of that time may be deleted; else None.
    """

    place: Place
    low: int
    start: int
    stop: int
    since: datetime | None = None

    @property
    def records(self) -> int:
        """How many offsets it spans."""
        return max(0, self.stop - self.start)


def all_places(kafka: KafkaSettings, chosen: Chosen) -> list[Place]:
    """Every partition of every topic whose name is `chosen`. Raises Broken when Kafka cannot be reached."""
    topics = reach(kafka).topics
    return [(name, part) for name in sorted(topics) if chosen(name) for part in sorted(topics[name].partitions)]


def own_places(places: Sequence[Place], station: str, known: Collection[Place] = ()) -> list[Place]:
    """Those of `places` in which the station's records belong by their key, and those `known` to hold some."""
    counts = {topic: 1 + max(part for name, part in places if name == topic) for topic, _ in places}
    key = station.encode()
    wanted = {(topic, key_partition(key, count)) for topic, count in counts.items()} | set(known)
    return [place for place in places if place in wanted]


def stretches(kafka: KafkaSettings, places: Sequence[Place], span: Span) -> list[Stretch]:
    """What each place holds of `span`. Raises Broken when Kafka does not answer."""
    if not places:
        return []
    starts, stops = (offsets_since(kafka, places, at) for at in (span.start, span.stop))
    client = consumer(consumer_config(kafka, f"{kafka.group_prefix}.reader"))
    try:
        lows = {place: _low(client.get_watermark_offsets, place) for place in places}
    finally:
        client.close()
    cuts = {place: _since(kafka, place, low) for place, low in lows.items() if 0 < low >= starts[place]}
    return [
        Stretch(place, lows[place], max(lows[place], starts[place]), stops[place], cuts.get(place)) for place in places
    ]


def records_in(kafka: KafkaSettings, held: Sequence[Stretch]) -> Iterator[Record]:
    """The records of the stretches, topic by topic. Raises Broken when Kafka stops answering."""
    for topic in sorted({each.place[0] for each in held if each.records}):
        parts = [each for each in held if each.place[0] == topic and each.records]
        starts = {each.place[1]: each.start for each in parts}
        stops = {each.place[1]: each.stop for each in parts}
        with closing(TopicReader(kafka, topic, starts=starts, stops=stops, timeout_s=SILENCE_S)) as reader:
            yield from reader.read_to_end()


def cut(held: Sequence[Stretch], span: Span, what: str) -> str | None:
    """A sentence where records of the span were deleted before they could be read; else None."""
    sinces = [each.since for each in held if each.since is not None and each.since > span.start]
    if not sinces:
        return None
    since = max(sinces)
    gone = min(since, span.stop) - span.start
    if gone < NEARLY_ALL:
        return None
    asked = span.stop - span.start
    if since >= span.stop:
        return f"Kafka holds {what} since {told(since)} only; all {lasting(asked)} of what you asked for are gone"
    return f"Kafka holds {what} since {told(since)}; {lasting(gone)} of the {lasting(asked)} you asked for are gone"


def _low(ask: Callable[..., tuple[int, int]], place: Place) -> int:
    low, _ = patiently(partial(ask, TopicPartition(*place), timeout=10), f"reading {place[0]}")
    return int(low)


def _since(kafka: KafkaSettings, place: Place, low: int) -> datetime:
    """When the oldest record was written; now, where there is none."""
    topic, part = place
    with closing(TopicReader(kafka, topic, starts={part: low}, stops={part: low + 1})) as reader:
        first = next(reader.read_to_end(), None)
    return datetime.fromtimestamp(first.timestamp_ms / 1000, UTC) if first is not None else datetime.now(UTC)
