"""What one turn of evidence knows: which records must come again, and how long Kafka keeps what nobody has read."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from andon.kafka.source import Place
from andon.records import Finding, FramePlace
from andon.stage import Record
from andon_alerting.evidence.retention import Headroom
from andon_alerting.evidence.risk import AtRisk

RecordPlace = tuple[str, int, int]


@dataclass(slots=True)
class Board:
    """Laid out by the adapters, read by the handler. `looked` is what was seen of Kafka since the last turn (None:
    nobody looked), `risk` judges it, and `said` is what it found. `waiting` are frames that could not be kept yet,
    since a store is away, by the partition of the events that show them.
    """

    again: set[RecordPlace] = field(default_factory=set)
    waiting: dict[Place, list[FramePlace]] = field(default_factory=dict)
    looked: list[Headroom] | None = None
    risk: AtRisk | None = None
    said: list[Finding] = field(default_factory=list)

    def begin(self, records: Sequence[Record]) -> None:
        """A new turn."""
        self.again = set()
        for each in records:
            self.waiting.pop((each.topic, each.partition), None)

    def put_back(self, record: Record, frames: Sequence[FramePlace]) -> None:
        """This record is not done; it shows `frames`."""
        self.again.add(place_of(record))
        self.waiting.setdefault((record.topic, record.partition), []).extend(frames)

    @property
    def unkept(self) -> list[FramePlace]:
        """All frames that wait."""
        return [each for some in self.waiting.values() for each in some]


def place_of(record: Record) -> RecordPlace:
    """Where it lies."""
    return record.topic, record.partition, record.offset
