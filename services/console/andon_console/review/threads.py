"""What feeds the review queue: two followers of scores, and one that remembers it in Redis and lets old frames go.

It begins from where Redis says that scores were read to; where Redis says nothing, from so far back as it may look. It
reads gently, on threads of its own: nobody waits for it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Protocol
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from andon.errors import Broken
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import SCORES, SHADOW_SCORES
from andon_console.live.follow import Follow, Reader
from andon_console.review.queue import Candidate, Changes, Place, Queue

SAVE_EVERY_S = 2.0
LOOK_EVERY_S = 60.0
MOST_BACK = 2_000_000  # scores that are read back at most: at 10 us each, 20 s of a core
MARGIN = 500  # of each partition, read once more: frames that waited for the other bundle's score
SHARE = 0.25  # of a core, while it reads back
_NEVER = datetime.fromtimestamp(0, UTC)


class Store(Protocol):
    """`andon_console.review.store.ReviewStore` is one. Both raise RedisError where it is away."""

    def load(self) -> tuple[list[Candidate], dict[Place, int]]:
        """What was remembered, and up to where was read."""

    def save(self, changes: Changes) -> bool:
        """Remembers them; False where nothing of before was there."""


class Remembers:
    """Keeps a queue in a store: in turns, for one thread. `away_since` is when the store stopped answering."""

    def __init__(self, queue: Queue, store: Store) -> None:
        self.away_since: datetime | None = None
        self._queue = queue
        self._store = store
        self._loaded = self._saved = False

    def load(self) -> None:
        """Takes in what was remembered."""
        try:
            found, places = self._store.load()
        except RedisError as error:
            self._away(error)
            return
        self._loaded = True
        self._queue.add(found)
        if not self._saved and not self._queue.places(SCORES):
            self._queue.begin(places)

    def turn(self) -> None:
        """Writes down what changed."""
        if not self._loaded:
            self.load()
            if not self._loaded:
                return
        if self.away_since is not None:
            self._queue.change_all()
        changes = self._queue.changes()
        try:
            was_there = self._store.save(changes)
        except RedisError as error:
            self._away(error)
            return
        self.away_since = None
        if not was_there and self._saved:
            self._queue.change_all()
        self._saved = True

    def _away(self, error: RedisError) -> None:
        if self.away_since is None:
            self.away_since = datetime.now(UTC)
            structlog.get_logger().warning("review_not_remembered", error=type(error).__name__, detail=str(error)[:200])


class Reviewing:
    """The threads. `kept` tells whether a frame's image is kept besides Kafka; `back` is how far it looks back."""

    def __init__(
        self, queue: Queue, store: Store, kafka: KafkaSettings, back: timedelta, kept: Callable[[UUID], bool]
    ) -> None:
        self.remembers = Remembers(queue, store)
        self._queue = queue
        self._kafka = kafka
        self._kept = kept
        self._stop = Event()
        self._looked = float("-inf")
        self._thread = Thread(target=self._run, name="review", daemon=True)
        self.follows = tuple(
            Follow(topic, ReviewOpener(queue, kafka, topic, back, self._stop), queue)
            for topic in (SCORES, SHADOW_SCORES)
        )

    @property
    def reading(self) -> bool:
        """Whether it still reads what came before."""
        return not self.follows[0].caught_up

    @property
    def alive(self) -> bool:
        """Whether all of them run; those that follow begin once the queue is loaded."""
        begun = [each for each in self.follows if each.begun]
        return self._thread.is_alive() and all(each.alive for each in begun)

    def start(self) -> None:
        """Begins, and returns."""
        self._thread.start()

    def stop(self) -> None:
        """Ends all of them, soon."""
        self._stop.set()
        for each in self.follows:
            each.stop()

    def _run(self) -> None:
        self.remembers.load()
        for each in self.follows:
            each.start()
        while not self._stop.wait(SAVE_EVERY_S):
            self._forget()
            self.remembers.turn()
        self.remembers.turn()

    def _forget(self) -> None:
        if 0 <= time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        places = sorted(self._queue.image_places())
        try:
            oldest = offsets_since(self._kafka, places, _NEVER, 5.0) if places else {}
        except Broken:
            return  # Kafka is away, and every page says so
        self._queue.forget(datetime.now(UTC), oldest, self._kept)


class ReviewOpener:
    """Opens a reader from where the queue has been read to, or from so far back."""

    def __init__(self, queue: Queue, kafka: KafkaSettings, topic: str, back: timedelta, stop: Event) -> None:
        self._queue = queue
        self._kafka = kafka
        self._topic = topic
        self._back = back
        self._stop = stop

    def __call__(self) -> Reader:
        topics = reach(self._kafka).topics
        parts = sorted(topics[self._topic].partitions) if self._topic in topics else []
        if not parts:
            return Gently(TopicReader(self._kafka, self._topic), self._stop)
        places = [(self._topic, part) for part in parts]
        now = datetime.now(UTC)
        back, ends = (offsets_since(self._kafka, places, at) for at in (now - self._back, now + timedelta(days=1)))
        begin = starts(self._queue.places(self._topic), _by_part(back), _by_part(ends))
        self._queue.begin({(self._topic, part): at for part, at in begin.items()})
        return Gently(TopicReader(self._kafka, self._topic, starts=begin), self._stop)


def starts(read_to: Mapping[int, int], back: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
    """Where each partition is read on: a little before where it was read to, or from so far back as is looked.

    Never further back than that, nor than MOST_BACK records in all; a place behind the end is one of a topic that was
    made anew.
    """
    most = MOST_BACK // max(1, len(ends))
    found = {}
    for part, end in ends.items():
        known = read_to.get(part, -1)
        begin = known - MARGIN if 0 <= known <= end else 0
        found[part] = max(begin, back[part], end - most)
    return found


class Gently:
    """A reader that takes a SHARE of a core at most while it reads to the end."""

    def __init__(self, reader: Reader, stop: Event) -> None:
        self._reader = reader
        self._stop = stop

    def read_to_end(self) -> Iterator[Record]:
        """As `Reader`."""
        begun = time.thread_time()
        for count, record in enumerate(self._reader.read_to_end(), 1):
            yield record
            if count % 200 == 0:
                self._stop.wait((time.thread_time() - begun) * (1 / SHARE - 1))
                begun = time.thread_time()

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        """As `Reader`."""
        return self._reader.changes(wait_s)

    def close(self) -> None:
        """As `Reader`."""
        self._reader.close()


def _by_part(places: Mapping[Place, int]) -> dict[int, int]:
    return {part: at for (_, part), at in places.items()}
