"""What the commands over baselines read and write: `baselines` and `models` in Kafka, what drift shows in Redis."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

from andon.assignments import Assignments
from andon.baselines import Baselines
from andon.commands.shelf import ShelfSettings
from andon.drift_state import StationDrift, drift_key, read_station_drift
from andon.errors import Broken, Invalid
from andon.places import Standing, standings
from andon.records import Deed, Did, write_event
from andon.settings import KafkaSettings, RedisSettings
from andon.stage import Message, Record
from andon.topics import AUDIT, BASELINES, MODELS

REACH_S = 10.0
MOST = 10_000  # stations that are asked for at once


class BaselineSettings(ShelfSettings):
    """What the commands over baselines can be told."""

    redis: RedisSettings = RedisSettings()


class Log(Protocol):
    """`KafkaLog` is the real one."""

    def table(self, topic: str) -> Iterable[Record]:
        """Everything in a topic. Raises Broken where there is no such topic."""

    def write(self, messages: Sequence[Message]) -> None:
        """Returns when Kafka has them. Raises Broken."""


class KafkaLog:
    """The log over Kafka. Raises Broken when it cannot be reached in time."""

    def __init__(self, kafka: KafkaSettings) -> None:
        from andon.kafka.reach import reach

        self._kafka = kafka
        self._topics = reach(kafka, min(REACH_S, kafka.delivery_timeout_s)).topics

    def table(self, topic: str) -> Iterator[Record]:
        """Partition by partition, each in order."""
        from andon.kafka.table import TopicReader

        if topic not in self._topics:
            raise Broken(f"topic {topic} does not exist; create it with: andon topics create")
        with closing(TopicReader(self._kafka, topic)) as reader:
            yield from reader.read_to_end()

    def write(self, messages: Sequence[Message]) -> None:
        """By a producer of its own."""
        from andon.kafka.sink import KafkaSink

        with closing(KafkaSink(self._kafka, compression="zstd")) as sink:
            sink.send(messages, lambda: None)


@dataclass(frozen=True)
class Desk:
    """How every place stands, and where to write. `unknown` says why drift's own words of it could not be read."""

    standings: Sequence[Standing]
    serving: Assignments
    log: Log
    unknown: str = ""

    def write(self, messages: Sequence[Message], deed: Deed) -> None:
        """What was changed, and the deed that tells of it. Raises Broken: nothing, or said twice when repeated."""
        self.log.write([*messages, Message(AUDIT, deed.by.encode(), write_event(deed))])


def open_desk(settings: BaselineSettings) -> Desk:
    """The desk, all of it read. Raises Broken when Kafka cannot be reached; without Redis it knows less and says so."""
    log = open_log(settings.kafka)
    known = read_table(Baselines(), log.table(BASELINES))
    serving = read_table(Assignments(), log.table(MODELS))
    shown, unknown = read_shown(settings.redis)
    return Desk(standings(known.all(), shown), serving, log, unknown)


def open_log(kafka: KafkaSettings) -> Log:
    """Kafka itself."""
    return KafkaLog(kafka)


def read_table(table: Any, records: Iterable[Record]) -> Any:
    """`table` with all of them applied; what it refuses is passed over: whoever serves by it tells of that."""
    for record in records:
        try:
            table.apply(record)
        except Invalid:
            continue
    return table


def read_shown(settings: RedisSettings) -> tuple[list[StationDrift], str]:
    """What drift shows of every station, and why nobody knows, where nobody does."""
    try:
        from redis.exceptions import RedisError

        from andon.redis_client import connect
    except ImportError:
        return [], "how far each has learned is not shown: the package redis is not installed here"
    try:
        redis = connect(settings)
        keys = sorted(redis.scan_iter(match=drift_key(_escaped(settings.key_prefix), "*"), count=1000))[:MOST]
        texts = redis.mget(keys) if keys else []
    except RedisError as error:
        return [], f"how far each has learned is not shown: Redis does not answer ({type(error).__name__})"
    return [each for each in map(read_station_drift, texts) if each is not None], ""


def deed(did: Did, by: str, at: datetime, **said: Any) -> Deed:
    """What somebody did by command, for the audit log; long texts are cut."""
    limits = {"subject": 256, "detail": 1000, "before": 1000, "after": 1000}
    return Deed(
        deed_id=uuid4(),
        at=at,
        did=did,
        by=by[:128],
        **{name: value[: limits[name]] if name in limits and value else value for name, value in said.items()},
    )


def _escaped(prefix: str) -> str:
    """What means itself in a pattern of Redis."""
    return "".join(f"\\{each}" if each in "*?[]\\" else each for each in prefix)
