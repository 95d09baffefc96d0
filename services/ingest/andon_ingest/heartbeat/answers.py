"""What comes back, as a source: `scores` and `dead-letters` as they are written, and what `drift` says is open.

It belongs to no group: every heartbeat hears every answer. Where it begins is fixed before the first golden frame is
sent, so that no verdict can be missed; the scores just before tell which stations there are.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from andon.errors import Broken
from andon.kafka.offsets import offsets_since
from andon.kafka.reach import reach
from andon.kafka.source import Place
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import DEAD_LETTERS, DRIFT, SCORES

LOOK_BACK = 1000  # scores a partition
WIDEN_S = 5.0
WAIT_S = 0.2
LATER = timedelta(days=1)


class Answers:
    """A source that keeps no place. `read_to_end` of every topic comes with the first poll."""

    def __init__(self, kafka: KafkaSettings, now: datetime, clock: Callable[[], float] = time.monotonic) -> None:
        places = _places(kafka, (SCORES, DEAD_LETTERS))
        ends = offsets_since(kafka, places, now + LATER)  # of records that are none of them there
        scores = {part: max(0, end - LOOK_BACK) for (topic, part), end in ends.items() if topic == SCORES}
        letters = {part: end for (topic, part), end in ends.items() if topic == DEAD_LETTERS}
        self._scores = TopicReader(kafka, SCORES, starts=scores)
        self._others = [TopicReader(kafka, DRIFT), TopicReader(kafka, DEAD_LETTERS, starts=letters)]
        self._clock = clock
        self._widened = clock()
        self._fresh = True

    @property
    def ended(self) -> bool:
        """A topic never ends."""
        return False

    def poll(self) -> Sequence[Record]:
        """What has come, after at most a short wait for a score."""
        if self._fresh:
            self._fresh = False
            return [record for reader in (*self._others, self._scores) for record in reader.read_to_end()]
        if self._clock() - self._widened > WIDEN_S:
            self._widened = self._clock()
            for reader in (self._scores, *self._others):
                reader.widen()
        others = [record for reader in self._others for record in reader.changes()]
        return [*others, *self._scores.changes(0.0 if others else WAIT_S)]

    def commit(self) -> None:
        """Keeps no place."""

    def hold(self, records: Sequence[Record]) -> None:
        """Never asked for."""
        raise Broken(f"the heartbeat was told to hold {len(records)} records, and cannot")

    def idle(self) -> None:
        """There is no membership to keep."""

    def close(self) -> None:
        """Gives back the connections."""
        for reader in (self._scores, *self._others):
            reader.close()


def _places(kafka: KafkaSettings, names: Sequence[str]) -> list[Place]:
    topics = reach(kafka).topics
    missing = [name for name in names if name not in topics]
    if missing:
        raise Broken(f"topic {missing[0]} does not exist; create it with: andon topics create")
    return [(name, part) for name in names for part in topics[name].partitions]
