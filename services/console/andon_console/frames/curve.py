"""A station's scores over time, a column of the screen at a time: the least, the greatest, and no call lost. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan

from andon.records import Verdict
from andon.stage import Record
from andon_console.frames.glance import Glance, glance
from andon_console.live.track import Point

COLUMNS = 400
Told = tuple[int, float | None, float | None, int, int, int, int, int]
"""A column as the page is told it: Unix time in ms of the frame it points to, the least and the greatest ratio, calls,
unscorable ones, how many frames; partition and offset of the score of the frame it points to."""


@dataclass(slots=True)
class Column:
    """What one column shows. It points to its worst frame: a call before any other, then the highest ratio."""

    low: float | None = None
    high: float | None = None
    calls: int = 0
    unscorable: int = 0
    frames: int = 0
    rank: tuple[bool, float] = (False, -1.0)
    at_ms: int = 0
    partition: int = 0
    offset: int = 0

    def add(self, at_ms: int, ratio: float | None, verdict: Verdict, partition: int, offset: int) -> None:
        """One more frame."""
        self.frames += 1
        self.calls += verdict is Verdict.ANOMALOUS
        self.unscorable += verdict is Verdict.UNSCORABLE
        if ratio is not None:
            self.low = ratio if self.low is None else min(self.low, ratio)
            self.high = ratio if self.high is None else max(self.high, ratio)
        rank = verdict is Verdict.ANOMALOUS, -1.0 if ratio is None else ratio
        if self.frames == 1 or rank > self.rank:
            self.rank, self.at_ms, self.partition, self.offset = rank, at_ms, partition, offset

    def told(self) -> Told:
        """As the page is told it."""
        low, high = (None if each is None else round(each, 4) for each in (self.low, self.high))
        return self.at_ms, low, high, self.calls, self.unscorable, self.frames, self.partition, self.offset


def columns(records: Iterable[Record], station: str, begin_ms: int, end_ms: int) -> list[Told]:
    """The columns of a station between two moments, the earliest first; those without a frame are left out."""
    key, found = station.encode(), dict[int, Column]()
    for record in records:
        seen = glance(record, key)
        at_ms = _ms(seen) if seen is not None else -1
        if seen is not None and begin_ms <= at_ms < end_ms:
            number = (at_ms - begin_ms) * COLUMNS // (end_ms - begin_ms)
            column = found.setdefault(number, Column())
            column.add(at_ms, seen.ratio, seen.verdict, record.partition, record.offset)
    return [found[number].told() for number in sorted(found)]


def of_points(points: Iterable[Point]) -> list[Told]:
    """A column for each frame of a track."""
    return [_of_point(each) for each in points]


def _of_point(point: Point) -> Told:
    column = Column()
    ratio = None if isnan(point.ratio) else point.ratio
    place = point.scored
    column.add(round(point.captured_at * 1000), ratio, point.verdict, place.partition, place.offset)
    return column.told()


def _ms(seen: Glance) -> int:
    return round(seen.captured_at.timestamp() * 1000)
