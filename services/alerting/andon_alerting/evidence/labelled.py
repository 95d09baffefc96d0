"""The frames that somebody answered, from `verdicts`: their evidence stays."""

from collections.abc import Callable, Iterable
from uuid import UUID

from andon.errors import Invalid
from andon.kafka.table import TopicReader
from andon.records import Answer, read_event
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import VERDICTS


class Labelled:
    """Read from the beginning when first asked, and followed from then on. `beat` is called while it reads."""

    def __init__(self, kafka: KafkaSettings, beat: Callable[[], None] = lambda: None) -> None:
        self._kafka = kafka
        self._beat = beat
        self._reader: TopicReader | None = None
        self._frames: set[UUID] = set()

    def __call__(self) -> set[UUID]:
        """Every frame answered so far. Raises Broken when Kafka does not answer."""
        if self._reader is None:
            self._reader = TopicReader(self._kafka, VERDICTS)
            self._take(self._reader.read_to_end())
        self._take(self._reader.changes())
        return self._frames

    def close(self) -> None:
        """Gives back the connection."""
        if self._reader is not None:
            self._reader.close()

    def _take(self, records: Iterable[Record]) -> None:
        for number, record in enumerate(records):
            if number % 1000 == 0:
                self._beat()
            try:
                self._frames.add(read_event(Answer, record.value).frame_id)
            except Invalid:
                continue
