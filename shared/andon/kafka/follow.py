"""Following `models`: the assignment table, kept up with its topic between turns."""

import structlog

from andon.assignments import Assignments
from andon.errors import Invalid
from andon.kafka.table import TopicReader
from andon.settings import KafkaSettings
from andon.stage import Record
from andon.topics import MODELS


class FollowedAssignments:
    """`table` is what `models` held when last looked at. A record that is no assignment is told and passed over."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.table = Assignments()
        self._reader = TopicReader(kafka, MODELS)
        for record in self._reader.read_to_end():
            self._apply(record)

    def refresh(self) -> bool:
        """Takes in what is new, without waiting; answers whether anything changed."""
        changed = [self._apply(record) for record in self._reader.changes()]
        return any(changed)

    def close(self) -> None:
        """Gives back the connection."""
        self._reader.close()

    def _apply(self, record: Record) -> bool:
        try:
            return self.table.apply(record)
        except Invalid as error:
            structlog.get_logger().warning("assignment_refused", offset=record.offset, reason=str(error))
            return False
