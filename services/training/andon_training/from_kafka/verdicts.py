"""Which frames the line itself called anomalous: they are likely bad parts, and no example of good ones."""

from collections.abc import Collection, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID

from andon.errors import Invalid
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.records import Score, Verdict, read_event
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import SCORES

CLOCKS_DIFFER = timedelta(minutes=5)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC) + CLOCKS_DIFFER


def called_anomalous(kafka: KafkaSettings, station: str, frames: Collection[UUID], since: datetime) -> set[UUID]:
    """Those of `frames`, written since then, whose last verdict is anomalous. Raises Broken when Kafka does not answer.

    None where the line has no topic of scores.
    """
    topic = reach(kafka).topics.get(SCORES)
    if topic is None:
        return set()
    places = [(SCORES, part) for part in topic.partitions]
    starts = offsets_since(kafka, places, max(since, EARLIEST) - CLOCKS_DIFFER)
    with closing(TopicReader(kafka, SCORES, starts={part: at for (_, part), at in starts.items()})) as reader:
        return anomalous_among(frames, station, reader.read_to_end())


def anomalous_among(frames: Collection[UUID], station: str, scores: Iterable[Record]) -> set[UUID]:
    """Those of `frames` whose last score says anomalous. What is no score is passed over."""
    key, verdicts = station.encode(), dict.fromkeys(frames, Verdict.UNSCORABLE)
    for record in scores:
        if record.key != key:
            continue
        try:
            score = read_event(Score, record.value)
        except Invalid:
            continue
        if score.frame_id in verdicts:
            verdicts[score.frame_id] = score.verdict
    return {frame for frame, verdict in verdicts.items() if verdict is Verdict.ANOMALOUS}
