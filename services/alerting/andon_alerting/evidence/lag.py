"""Looking at Kafka: where groups stand in the topics they read, and how long Kafka keeps those."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]

from andon.errors import Broken
from andon.kafka.clients import admin
from andon.kafka.source import Place
from andon.kafka.standing import SPEC, committed_of, offsets_of
from andon.records import FramePlace
from andon.settings import KafkaSettings
from andon.topics import chosen
from andon_alerting.evidence.retention import Headroom, Keeps, Look, Lows, Pair, headroom

ANSWER_S = 5.0
WrittenAt = Callable[[dict[Place, int | None]], dict[Place, datetime]]
Places = Mapping[Place, int]
Stands = dict[Place, int | None]  # None: it has never been there


class KafkaLag:
    """How much time every group has. `reads` names each group, without its prefix, and the topic or pattern it reads.

    A group that has never committed anything of a topic is none of its readers, and left out.
    """

    def __init__(self, kafka: KafkaSettings, reads: Iterable[tuple[str, str]], written_at: WrittenAt) -> None:
        self._admin: Any = admin(kafka)
        self._prefix = kafka.group_prefix
        self._reads = list(reads)
        self._written_at = written_at
        self._lows: defaultdict[Place, Lows] = defaultdict(Lows)

    def __call__(self, now: datetime, unread: Mapping[str, Sequence[FramePlace]]) -> list[Headroom]:
        """One for each pair. `unread`: records that a group needs though they lie before what it has committed, or in
        topics it does not follow. Raises Broken when Kafka does not answer."""
        try:
            return self._look(now, unread)
        except (KafkaException, TimeoutError) as failure:
            said = (
                failure.args[0].str() if isinstance(failure, KafkaException) else f"no answer within {ANSWER_S:.0f} s"
            )
            raise Broken(f"looking at how long Kafka keeps what waits: {said}") from None

    def _look(self, now: datetime, unread: Mapping[str, Sequence[FramePlace]]) -> list[Headroom]:
        topics = self._topics()
        pairs = {pair: parts for pair, parts in self._pairs(topics).items() if parts}
        for group, frames in unread.items():
            for topic in {each.topic for each in frames} & topics.keys():
                pairs[f"{self._prefix}.{group}", topic] = earliest(frames, topic)
        places = sorted({place for parts in pairs.values() for place in parts})
        lows, highs = (offsets_of(self._admin, places, spec, ANSWER_S) for spec in (SPEC.earliest(), SPEC.latest()))
        for place in places:
            self._lows[place].saw(now, lows[place])
        keeps = self._keeps({topic for _, topic in pairs})
        return [
            headroom(pair, keeps[pair[1]], self._looks(now, parts, lows, highs))
            for pair, parts in sorted(pairs.items())
        ]

    def _topics(self) -> dict[str, list[int]]:
        found = self._admin.list_topics(timeout=ANSWER_S).topics
        return {name: sorted(each.partitions) for name, each in found.items()}

    def _pairs(self, topics: Mapping[str, Sequence[int]]) -> dict[Pair, Stands]:
        found: dict[Pair, Stands] = {}
        for name, wanted in self._reads:
            group = f"{self._prefix}.{name}"
            committed = committed_of(self._admin, group, ANSWER_S)
            for topic in sorted(each for each in topics if chosen(wanted, each)):
                parts = {(topic, part): committed.get((topic, part)) for part in topics[topic]}
                if parts.keys() & committed.keys():
                    found[group, topic] = parts
        return found

    def _keeps(self, topics: Iterable[str]) -> dict[str, Keeps]:
        wanted = [ConfigResource(ResourceType.TOPIC, each) for each in topics]
        if not wanted:
            return {}
        asked = self._admin.describe_configs(wanted, request_timeout=ANSWER_S)
        return {each.name: keeps(answer.result(ANSWER_S)) for each, answer in asked.items()}

    def _looks(self, now: datetime, parts: Stands, lows: Places, highs: Places) -> list[tuple[Look, Lows]]:
        stands = {each: stands_at(at, lows[each]) for each, at in parts.items()}
        waiting: dict[Place, int | None] = {
            each: max(lows[each], at) for each, at in stands.items() if max(lows[each], at) < highs[each]
        }
        written = self._written_at(waiting) if waiting else {}
        return [
            (Look(now, lows[each], highs[each], at, written.get(each)), self._lows[each]) for each, at in stands.items()
        ]


def earliest(frames: Sequence[FramePlace], topic: str) -> Stands:
    """The first of `frames` in each partition of `topic`."""
    latest_first = sorted((each for each in frames if each.topic == topic), key=lambda each: -each.offset)
    return {(each.topic, each.partition): each.offset for each in latest_first}


def stands_at(committed: int | None, low: int) -> int:
    """Where a group stands: where it has never been, it begins with the first record that there is."""
    return low if committed is None else committed


def keeps(config: Mapping[str, Any]) -> Keeps:
    """How a topic with this configuration is kept."""
    if "delete" not in config["cleanup.policy"].value:
        return Keeps(None)
    ms = int(config["retention.ms"].value)
    return Keeps(None if ms < 0 else ms / 1000, int(config["retention.bytes"].value) >= 0)
