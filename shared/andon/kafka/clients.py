"""Client settings: one place, each with its reason (sources in docs/decisions/0003-client-settings.md)."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from andon.settings import KafkaSettings
from andon.topics import MAX_RECORD_BYTES, MIB

Config = dict[str, Any]

FETCH_BYTES = 16 * MIB
SMALL_FETCH_BYTES = 2 * MIB
"""For topics of compressed JSON. A record that is larger comes all the same (KIP-74)."""

REFUSED = {
    KafkaError._AUTHENTICATION: "are ANDON_KAFKA__SASL_USERNAME and ANDON_KAFKA__SASL_PASSWORD right?",
    KafkaError._SSL: "is ANDON_KAFKA__SSL_CA_LOCATION the CA of the brokers?",
}
"""What a connection says that waiting does not mend, and what to look at."""


def connect(kafka: KafkaSettings) -> Config:
    """What every client has: where the brokers are, and how to be believed by them."""
    config: Config = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
        "socket.keepalive.enable": True,  # half-open links are noticed
        "reconnect.backoff.max.ms": 2000,  # back within seconds of the broker
        "topic.metadata.refresh.interval.ms": 5_000,  # a new topic that matches the pattern is seen this soon
        "error_cb": _Complaints(),
        "logger": _Quiet(),
    }
    optional: Config = {
        "ssl.ca.location": kafka.ssl_ca_location and str(kafka.ssl_ca_location),
        "ssl.certificate.location": kafka.ssl_certificate_location and str(kafka.ssl_certificate_location),
        "ssl.key.location": kafka.ssl_key_location and str(kafka.ssl_key_location),
        "ssl.key.password": kafka.ssl_key_password and kafka.ssl_key_password.get_secret_value(),
        "sasl.mechanism": kafka.sasl_mechanism,
        "sasl.username": kafka.sasl_username,
        "sasl.password": kafka.sasl_password and kafka.sasl_password.get_secret_value(),
    }
    return config | {name: value for name, value in optional.items() if value is not None}


def producer_config(kafka: KafkaSettings, compression: str) -> Config:
    """Nothing is lost, doubled or reordered by a retry; the queue is bounded; images are not compressed twice."""
    return connect(kafka) | {
        "enable.idempotence": True,
        "acks": "all",
        "delivery.timeout.ms": int(kafka.delivery_timeout_s * 1000),
        "queue.buffering.max.kbytes": 65_536,  # the default is 1 GiB
        "queue.buffering.max.messages": 4096,
        "message.max.bytes": MAX_RECORD_BYTES + MIB,
        "linger.ms": 0,  # a turn is flushed as a whole: waiting for more only adds latency
        "compression.type": compression,
        "allow.auto.create.topics": False,
        "partitioner": "murmur2_random",  # same placement as Java's clients
    }


def consumer_config(
    kafka: KafkaSettings, group: str, max_poll_interval_s: float = 60.0, fetch_bytes: int = FETCH_BYTES
) -> Config:
    """No offset moves unless we say so; little is fetched ahead; nothing jumps silently.

    `fetch_bytes` is the most one answer of a broker holds, as it lies in the topic: compressed JSON grows tenfold.
    """
    config = connect(kafka) | {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # a first start is resolved in on_assign; a lost offset stops us
        "max.poll.interval.ms": int(max_poll_interval_s * 1000),
        "queued.max.messages.kbytes": 32_768,  # a backlog of images must not fill the memory
        "queued.min.messages": 64,
        "fetch.max.bytes": fetch_bytes,
        "max.partition.fetch.bytes": min(fetch_bytes // 2, MAX_RECORD_BYTES + MIB),
        "fetch.queue.backoff.ms": 20,  # with low queue limits the default of 1 s stalls the fetcher
        "fetch.wait.max.ms": 50,
        "check.crcs": True,
        "isolation.level": "read_uncommitted",
        "allow.auto.create.topics": False,
        "group.protocol": kafka.group_protocol,
    }
    if kafka.group_protocol == "classic":
        config |= {
            "partition.assignment.strategy": kafka.assignment_strategy,
            "session.timeout.ms": 10_000,
            "heartbeat.interval.ms": 1000,  # a rebalance is noticed within a second
        }
    elif kafka.assignment_strategy == "range":
        config["group.remote.assignor"] = "range"  # so that two topics of one key reach the same member
    return config


def producer(kafka: KafkaSettings, compression: str = "none") -> Producer:
    """A producer for one process; create it after any fork."""
    return Producer(producer_config(kafka, compression))


def consumer(config: Config) -> Consumer:
    """A consumer for one thread."""
    return Consumer(config)


def admin(kafka: KafkaSettings) -> AdminClient:
    """An admin client."""
    return AdminClient(connect(kafka))


class _Complaints:
    """Logs what a client's connections say; a broker that is away says the same many times a second, so each kind
    is told once in a while, with how often it was heard.
    """

    def __init__(self, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._heard: Counter[str] = Counter()
        self._next: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        name, now = error.name(), self._clock()
        self._heard[name] += 1
        if now < self._next.get(name, now):
            return
        self._next[name] = now + self._every_s
        log = structlog.get_logger()
        tell = log.error if error.code() in REFUSED else log.warning
        tell("kafka_client", error=error.str(), code=name, fatal=error.fatal(), times=self._heard.pop(name))


class _Quiet:
    """librdkafka's own log lines become ours, as warnings."""

    def log(self, level: int, message: str, *args: object) -> None:
        structlog.get_logger().debug("librdkafka", level=level, message=message % args if args else message)
