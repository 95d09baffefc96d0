"""A station's frames out of the records of a stretch of time, each once, with what became of every record."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from andon.errors import Invalid
from andon.records.frame import Frame, read_frame
from andon.stage import Record


@dataclass(frozen=True, slots=True)
class Held:
    """A frame that Kafka holds, with its record."""

    frame: Frame
    record: Record


class Frames:
    """Picks the frames of `station` (and `product`, where one is given) out of records, but for golden ones.

    `others` counts frames of other stations, `other_products` those of its own that show another product, `refused`
    the records that are no frame, `repeats` deliveries of the same frame.
    """

    def __init__(self, station: str, product: str | None, most: int | None = None) -> None:
        self.station = station
        self.product = product
        self.most = most
        self.others: Counter[str] = Counter()
        self.other_products: Counter[str] = Counter()
        self.refused = 0
        self.repeats = 0
        self.read = 0
        self._seen: set[bytes] = set()

    @property
    def taken(self) -> int:
        """How many frames it gave."""
        return len(self._seen)

    def of(self, records: Iterable[Record]) -> Iterator[Held]:
        """The frames, oldest first within a partition, at most `most`."""
        for record in records:
            if self.most is not None and self.taken >= self.most:
                return
            self.read += 1
            held = self._held(record)
            if held is not None:
                yield held

    def _held(self, record: Record) -> Held | None:
        try:
            frame = read_frame(record)
        except Invalid:
            self.refused += 1
            return None
        if frame.station != self.station:
            self.others[frame.station] += 1
            return None
        if self.product is not None and frame.product != self.product:
            self.other_products[frame.product or "none named"] += 1
            return None
        if frame.golden is not None:
            return None
        return Held(frame, record) if self._fresh(frame.frame_id) else None

    def _fresh(self, frame_id: UUID) -> bool:
        if frame_id.bytes in self._seen:
            self.repeats += 1
            return False
        self._seen.add(frame_id.bytes)
        return True
