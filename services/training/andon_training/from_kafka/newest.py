"""Which of the frames that were met are the newest: by when they were written to Kafka, each once."""

import heapq
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from andon.records.frame import Frame, read_frame, written_at
from andon.stage import Record

Rank = tuple[datetime, datetime, int, int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """A frame on Kafka. `written_at` is its record's time; `dataref` names its bytes where the record has none."""

    frame: Frame
    written_at: datetime
    dataref: str | None = None

    @property
    def moment(self) -> tuple[datetime, int, int, int]:
        """What puts frames in time order."""
        return self.frame.captured_at, self.frame.epoch, self.frame.seq, self.frame.frame_id.int


def read_found(record: Record) -> Found:
    """The frame that `record` is, ours or foreign. Raises Invalid when it is none."""
    dataref = None if record.value else record.header("ce_dataref")
    return Found(read_frame(record), written_at(record), dataref.decode(errors="replace") if dataref else None)


class Newest:
    """Keeps the `most` newest of the frames it is given; a frame that was delivered twice counts once."""

    __slots__ = ("_heap", "_held", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._heap: list[tuple[Rank, Found]] = []
        self._held: set[UUID] = set()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def full(self) -> bool:
        """Whether only a newer frame is admitted."""
        return len(self._heap) >= self.most

    @property
    def since(self) -> datetime:
        """When the oldest of them was written. There must be one."""
        return self._heap[0][1].written_at

    @property
    def since_ms(self) -> int:
        """When the oldest of them was written, in Unix milliseconds."""
        return round(self.since.timestamp() * 1000)

    def admits(self, found: Found) -> bool:
        """Whether `add` would keep it."""
        return found.frame.frame_id not in self._held and (not self.full or _rank(found) > self._heap[0][0])

    def add(self, found: Found) -> Found | None:
        """Keeps a frame that it admits; answers the one that fell out for it."""
        self._held.add(found.frame.frame_id)
        heapq.heappush(self._heap, (_rank(found), found))
        if len(self._heap) <= self.most:
            return None
        _, fell = heapq.heappop(self._heap)
        self._held.discard(fell.frame.frame_id)
        return fell

    def in_order(self) -> list[Found]:
        """All of them, by captured_at, then epoch and seq."""
        return sorted((found for _, found in self._heap), key=lambda found: found.moment)


def _rank(found: Found) -> Rank:
    return (found.written_at, *found.moment)
