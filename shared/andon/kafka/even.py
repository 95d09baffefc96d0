"""Topics that are read together, by partition: a station must lie in the same partition of each."""

from collections.abc import Sequence

from andon.errors import Mistake
from andon.kafka.reach import reach
from andon.settings import KafkaSettings


def check_together(kafka: KafkaSettings, topics: Sequence[str]) -> None:
    """For a group that reads `topics` as one: raises Mistake, with what to do, where one is missing, or where a
    station's records would reach different processes of it. Raises Broken when Kafka cannot be reached."""
    if kafka.assignment_strategy != "range":
        raise Mistake(
            f"ANDON_KAFKA__ASSIGNMENT_STRATEGY is {kafka.assignment_strategy}: it would give a station's records in "
            f"{' and '.join(topics)} to different processes; use range"
        )
    known = reach(kafka).topics
    for topic in topics:
        if topic not in known:
            raise Mistake(f"topic {topic} does not exist; create it with: andon topics create")
    check_even(kafka, topics)


def check_even(kafka: KafkaSettings, topics: Sequence[str]) -> None:
    """Raises Mistake, with the command that mends it, where some of `topics` have fewer partitions than others; those
    that do not exist yet are left out. Raises Broken when Kafka cannot be reached."""
    known = reach(kafka).topics
    counts = {topic: len(known[topic].partitions) for topic in topics if topic in known}
    most = max(counts.values(), default=0)
    fewer = [topic for topic, count in counts.items() if count < most]
    if fewer:
        told = ", ".join(f"{topic} has {count} partitions" for topic, count in counts.items())
        alter = "kafka-topics.sh --bootstrap-server {} --alter --topic {} --partitions {}"
        server = kafka.bootstrap_servers.partition(",")[0]
        raise Mistake(
            f"{told}: they are read by partition, together, and must have the same; "
            f"give them that: {'; '.join(alter.format(server, topic, most) for topic in fewer)}"
        )
