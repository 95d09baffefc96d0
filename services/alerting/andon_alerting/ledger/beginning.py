"""Where the ledger begins: where it left off, or, when it has lost what it knew, so many hours ago."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from confluent_kafka import KafkaException, TopicPartition

from andon.errors import Broken
from andon.kafka.clients import consumer, consumer_config
from andon.kafka.offsets import offsets_since
from andon.kafka.source import Place
from andon.settings import KafkaSettings
from andon_alerting.ledger.groups import KafkaGroups
from andon_alerting.ledger.memory import Watched
from andon_alerting.ledger.reading import READS


class Memory(Protocol):
    """Where the ledger lies."""

    def watched(self) -> Watched:
        """Who watches, and since when."""

    def agree(self, at: int, known: int | None) -> int:
        """It is kept from then on (Unix time in milliseconds), unless another has said otherwise since it was `known`;
        answers what holds."""


def began(kafka: KafkaSettings, group: str, memory: Memory, horizon: timedelta, now: datetime) -> int:
    """When the ledger began to be kept, Unix time in milliseconds. Where Redis does not know, or Kafka has deleted what
    was not read, it begins anew `horizon` before `now`, and the group is sent back there. Raises Broken."""
    groups = KafkaGroups(kafka)
    known, stands = memory.watched().began, groups.committed(group)
    lows = groups.earliest(READS)
    behind = [place for place, low in lows.items() if stands.get(place, low) < low]
    if known is not None and not behind:
        return known
    start = now - horizon
    starts = offsets_since(kafka, list(lows), start)
    wanted = {each: max(lows[each], min(at, stands.get(each, at))) for each, at in starts.items()}
    if not _sent_back(kafka, group, wanted):
        return _of_others(memory)
    since = now if cut_short(lows, starts) else start
    agreed = memory.agree(int(since.timestamp() * 1000), known)
    structlog.get_logger().info("ledger_begins", since=since.isoformat(), deleted_unread=len(behind))
    return agreed


def cut_short(lows: Mapping[Place, int], starts: Mapping[Place, int]) -> bool:
    """Whether Kafka has deleted records that may be from after the beginning: then it can only begin now."""
    return any(0 < low >= starts[place] for place, low in lows.items())


def _of_others(memory: Memory) -> int:
    """Others run, and know in memory what Redis has lost: they write it down again within seconds."""
    known = memory.watched().began
    if known is None:
        raise Broken("Redis has lost the ledger, and others of the group have not written it down again yet")
    return known


def _sent_back(kafka: KafkaSettings, group: str, starts: dict[Place, int]) -> bool:
    """Whether the group goes on there: others of it that run refuse it."""
    client = consumer(consumer_config(kafka, group))
    try:
        client.commit(offsets=[TopicPartition(*each, at) for each, at in starts.items()], asynchronous=False)
    except KafkaException as refused:
        structlog.get_logger().warning("not_sent_back", group=group, error=refused.args[0].str())
        return False
    finally:
        client.close()
    return True
