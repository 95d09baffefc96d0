"""The frames that somebody answered, from `verdicts`: their evidence stays."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from andon.errors import Invalid
from andon.kafka.table import TopicReader
from andon.records import Answer, Told, read_answer
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import VERDICTS


class Labelled:
    """Read from the beginning when first asked, and followed from then on. `beat` is called while it reads."""

    def __init__(self, kafka: KafkaSettings, beat: Callable[[], None] = lambda: None) -> None:
        self._kafka = kafka
        self._beat = beat
        self._reader: TopicReader | None = None
        self._frames: dict[UUID, tuple[datetime, bool]] = {}

    def __call__(self) -> set[UUID]:
        """Every frame that an answer stands on: withdrawn is as if never said. Raises Broken when Kafka is silent."""
        if self._reader is None:
            self._reader = TopicReader(self._kafka, VERDICTS)
            self._take(self._reader.read_to_end())
        self._take(self._reader.changes())
        return {frame for frame, (_, stands) in self._frames.items() if stands}

    def close(self) -> None:
        """Gives back the connection."""
        if self._reader is not None:
            self._reader.close()

    def _take(self, records: Iterable[Record]) -> None:
        for number, record in enumerate(records):
            if number % 1000 == 0:
                self._beat()
            with suppress(Invalid):
                self._hear(read_answer(record))

    def _hear(self, answer: Answer) -> None:
        """The last word on a frame counts, by its time."""
        before = self._frames.get(answer.frame_id)
        if before is None or before[0] <= answer.at:
            self._frames[answer.frame_id] = answer.at, answer.answer is not Told.WITHDRAWN
