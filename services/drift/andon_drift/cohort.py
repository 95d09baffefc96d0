"""Scores and readings of a station must reach the same process: their topics have as many partitions."""

from collections.abc import Sequence

from andon.errors import Mistake
from andon.kafka.reach import reach
from andon.settings import KafkaSettings


def check_same_partitions(kafka: KafkaSettings, topics: Sequence[str]) -> None:
    """Raises Mistake, with what to do, where a topic is missing or has another number of partitions than the first."""
    if kafka.assignment_strategy != "range":
        raise Mistake(
            f"ANDON_KAFKA__ASSIGNMENT_STRATEGY is {kafka.assignment_strategy}: it would give a station's readings and "
            "its scores to different drift processes; use range"
        )
    known = reach(kafka).topics
    for topic in topics:
        if topic not in known:
            raise Mistake(f"topic {topic} does not exist; create it with: andon topics create")
    counts = {topic: len(known[topic].partitions) for topic in topics}
    fewest, most = min(counts, key=lambda topic: counts[topic]), max(counts.values())
    if counts[fewest] < most:
        told = " and ".join(f"{topic} has {count} partitions" for topic, count in counts.items())
        raise Mistake(
            f"{told}: a station's readings and its scores would reach different drift processes; give both the same: "
            f"kafka-topics.sh --alter --topic {fewest} --partitions {most}"
        )
