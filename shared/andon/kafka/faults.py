"""What Kafka's errors mean for us: forget it, wait for it to pass, or break."""

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from andon.errors import Broken

T = TypeVar("T")

FORGET = {
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.FENCED_MEMBER_EPOCH,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError._NO_OFFSET,
    KafkaError._ASSIGNMENT_LOST,
    KafkaError._STATE,
}
"""A commit refused so belongs to a rebalance: the next owner gets the records again."""

PASSING = {
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._DESTROY,  # the connection of the bootstrap address, when the broker's own takes its place
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._WAIT_COORD,
    KafkaError._RESOLVE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError._PARTITION_EOF,
    KafkaError._UNKNOWN_PARTITION,  # of a topic that was made a moment ago
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._MAX_POLL_EXCEEDED,
}
"""These pass by themselves: the client reconnects, the topic appears, the group takes us back."""


def patiently(ask: Callable[[], T], what: str, within_s: float = 60.0) -> T:
    """What `ask` answers, asked again while the fault is one that passes. Raises Broken when it does not."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return ask()
        except KafkaException as failure:
            error = failure.args[0]
            if error.code() not in PASSING or time.monotonic() > deadline:
                raise Broken(f"{what}: {error.str()}") from None
            time.sleep(0.2)
