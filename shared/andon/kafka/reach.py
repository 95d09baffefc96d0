"""Reaching Kafka, or saying why not: a call only tells that it took too long; its connection tells what happened."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata  # type: ignore[attr-defined]

from andon.errors import Broken
from andon.kafka.clients import REFUSED, connect
from andon.settings import KafkaSettings

ELSE = "is ANDON_KAFKA__BOOTSTRAP_SERVERS right?"
TRY_S = 2.0


def reach(kafka: KafkaSettings, within_s: float = 30.0) -> ClusterMetadata:
    """What the brokers say of themselves and their topics, over a connection of its own.

    Raises Broken with what the connection said: at once when login or certificate are refused, else when the time
    is over.
    """
    heard: list[KafkaError] = []
    client = AdminClient(connect(kafka) | {"error_cb": heard.append})
    deadline = time.monotonic() + within_s
    while True:
        try:
            return client.list_topics(timeout=TRY_S)
        except KafkaException as failure:
            client.poll(0.1)  # hands over what the connection said
            refused = next((error for error in heard if error.code() in REFUSED), None)
            if refused or time.monotonic() > deadline:
                raise _unreachable(refused or failure.args[0]) from None


def _unreachable(error: KafkaError) -> Broken:
    return Broken(f"cannot reach Kafka: {error.str()}; {REFUSED.get(error.code(), ELSE)}")
