"""Scores of the last hours, read back: what the trainer would know had it been here all the time."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime

from andon.kafka.offsets import committed_offsets, offsets_since
from andon.kafka.source import Place
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.stage import Record

MOST = 200_000  # records a partition: some seconds


def look_back(
    kafka: KafkaSettings, group: str, places: Mapping[Place, int | None], since: datetime
) -> Iterator[Record]:
    """The records of `places` since then, at most MOST of each, up to the offset given, or where `group` has committed.

    Raises Broken when Kafka does not answer.
    """
    stops = {place: stop for place, stop in places.items() if stop is not None}
    unknown = [place for place in places if place not in stops]
    stops |= committed_offsets(kafka, group, unknown) if unknown else {}
    starts = offsets_since(kafka, sorted(stops), since) if stops else {}
    for topic in sorted({topic for topic, _ in stops}):
        ends = {part: stop for (of, part), stop in stops.items() if of == topic}
        begins = {part: max(starts[topic, part], stop - MOST) for part, stop in ends.items()}
        begins = {part: begin for part, begin in begins.items() if begin < ends[part]}
        if begins:
            with closing(TopicReader(kafka, topic, starts=begins, stops=ends)) as reader:
                yield from reader.read_to_end()
