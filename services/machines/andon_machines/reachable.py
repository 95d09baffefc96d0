"""Whether verdicts can come at all: asked of Kafka in a thread of its own, so that no verdict waits for the answer."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException

from andon.kafka.clients import admin
from andon.settings import KafkaSettings
from andon.topics import SCORES

EVERY_S = 1.0
FRESH_S = 3.0


def scores_have_leaders(kafka: KafkaSettings) -> Callable[[], bool]:
    """Asks on a connection of its own: on that of a consumer the answer would queue behind its long poll."""
    client = admin(kafka)

    def ask() -> bool:
        try:
            found = client.list_topics(SCORES, timeout=EVERY_S).topics[SCORES]
        except (KafkaException, KeyError):
            return False
        return bool(found.partitions) and all(part.leader >= 0 for part in found.partitions.values())

    return ask


class Reachable:
    """True for a few seconds after each good answer."""

    def __init__(self, ask: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._good_at = -FRESH_S
        self._over = threading.Event()

    def __call__(self) -> bool:
        return self._clock() - self._good_at < FRESH_S

    def look(self) -> None:
        """Asks once."""
        if self._ask():
            self._good_at = self._clock()

    @contextmanager
    def watching(self) -> Iterator["Reachable"]:
        """Asks every second, inside."""
        thread = threading.Thread(target=self._watch, name="reachable", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(EVERY_S)
