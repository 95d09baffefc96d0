"""Which incidents are open, read from the whole of `incidents`: a node shows a state, and a state has no group."""

from andon.errors import Invalid
from andon.kafka import TopicReader
from andon.records import IncidentEvent, read_event
from andon.stage import Record
from andon_machines.incident import OpenIncidents


class FollowedIncidents:
    """Reads the topic to its end, and then what is new. A record that cannot be read is passed over: alerting wrote it,
    and whoever publishes incidents rejects it."""

    def __init__(self, reader: TopicReader) -> None:
        self._reader = reader
        self.table = OpenIncidents()
        for record in reader.read_to_end():
            self._take(record)

    def refresh(self) -> None:
        """Takes in what is new."""
        for record in self._reader.changes():
            self._take(record)

    def close(self) -> None:
        """Gives back the connection."""
        self._reader.close()

    def _take(self, record: Record) -> None:
        try:
            event = read_event(IncidentEvent, record.value)
        except Invalid:
            return
        self.table.take(event)
