"""How much one poll takes."""

from dataclasses import dataclass

from andon.settings import KafkaSettings
from andon.stage import Record
from andon_ingest.clock import POLL_S, Clock

CACHED_BYTES = 1024 * 1024  # turns of 16 MiB cost twice the CPU a frame: every copy of them misses the cache


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """A poll ends at so many records, once it holds so many bytes, or when it has worked so long."""

    records: int = 64
    bytes: int = CACHED_BYTES
    work_s: float = POLL_S / 2

    @classmethod
    def of(cls, kafka: KafkaSettings) -> "BatchLimits":
        """The limits that the Kafka settings give, and the cache."""
        return cls(kafka.batch_records, min(kafka.batch_bytes, CACHED_BYTES))


class Batch:
    """The records of one poll."""

    __slots__ = ("_bytes", "_clock", "_ends_at", "_limits", "records")

    def __init__(self, limits: BatchLimits, clock: Clock) -> None:
        self.records: list[Record] = []
        self._limits = limits
        self._clock = clock
        self._bytes = 0
        self._ends_at = clock.monotonic() + limits.work_s

    @property
    def full(self) -> bool:
        """Whether the poll should end."""
        within = len(self.records) < self._limits.records and self._bytes < self._limits.bytes
        return not within or self._clock.monotonic() > self._ends_at

    def add(self, record: Record) -> None:
        """One more."""
        self.records.append(record)
        self._bytes += len(record.value)
