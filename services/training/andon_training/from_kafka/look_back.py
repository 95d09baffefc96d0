"""Reading partitions backwards in windows, from the newest record on, until a station's newest frames are found.

Nothing is assumed about which partition holds the station. First the newest few records of each partition are looked
at; then the partitions that showed the station are followed back, and the others only while frames are missing. A
partition in which the station has not been met for long is let go: a station that was plugged in an hour ago does not
cost a day of everybody's frames.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf

from andon.kafka.source import Place
from andon.stage import Record
from andon_training.from_kafka.newest import Newest

FIRST_RECORDS = 16
GROWTH = 4
GROWTH_STEPS = 4  # 16, 64, 256, 1024, 4096 records
WINDOW_BYTES = 128 * 1024**2
QUIET_BYTES = 2 * 1024**3
"""What is read, over all partitions, without meeting the station, before they are let go."""

Read = Callable[[Place, int, int], Iterator[Record]]
"""The records of a partition from one offset up to, not including, another, oldest first."""

Take = Callable[[Record], bool]
"""Takes a record in; answers whether it is a frame of the station."""


@dataclass(slots=True)
class Unread:
    """What of a partition lies before all that was read: the offsets `first` up to `end`. The rest counts the read.

    `reached_ms` is when the oldest record read was written, in Unix milliseconds; the unread were written before.
    """

    place: Place
    first: int
    end: int
    windows: int = 0
    records: int = 0
    bytes: int = 0
    found: int = 0
    quiet_bytes: int = 0
    reached_ms: float = inf


def look_back(partitions: Sequence[Unread], read: Read, take: Take, newest: Newest) -> None:
    """Gives records to `take`, which fills `newest`, until it holds the newest, or there is no more worth reading."""
    allowed = QUIET_BYTES // max(1, len(partitions))
    left = [part for part in partitions if part.first < part.end]
    while left:
        part = min(left, key=_turn)
        _read_window(part, read, take, newest.most - len(newest))
        left = [part for part in left if _worth_reading(part, newest, allowed)]


def _turn(part: Unread) -> tuple[bool, bool, int]:
    return part.windows > 0, part.found == 0, part.windows


def _worth_reading(part: Unread, newest: Newest, allowed: int) -> bool:
    if part.windows == 0:
        return True
    if part.end <= part.first or part.quiet_bytes >= allowed:
        return False
    return not newest.full or (part.found > 0 and part.reached_ms > newest.since_ms)


def _read_window(part: Unread, read: Read, take: Take, missing: int) -> None:
    start = max(part.first, part.end - window_records(part, missing))
    size, found = 0, 0
    for record in read(part.place, start, part.end):
        part.records += 1
        size += len(record.value)
        found += take(record)
        part.reached_ms = min(part.reached_ms, record.timestamp_ms)
    part.end = start
    part.windows += 1
    part.bytes += size
    part.found += found
    part.quiet_bytes = 0 if found else part.quiet_bytes + size


def window_records(part: Unread, missing: int) -> int:
    """How many records to read next: ever more, but not more bytes than a window, or than `missing` frames ask for."""
    most: int = FIRST_RECORDS * GROWTH ** min(part.windows, GROWTH_STEPS)
    if part.bytes:
        most = min(most, WINDOW_BYTES * part.records // part.bytes)
    if part.found and missing > 0:
        most = min(most, ceil(1.2 * missing * part.records / part.found))
    return max(FIRST_RECORDS, most)
