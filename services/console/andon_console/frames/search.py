"""Searching a station's past frames by their scores: so many records a request, then one may go on."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest

from andon.errors import Invalid
from andon.records import FramePlace, Score, Verdict, read_score
from andon.stage import Record
from andon_console.frames.glance import Glance, glance
from andon_console.frames.log import ScoreLog
from andon_console.frames.stretch import Stretch

MOST_READ = 40_000  # records a request: under a second
STEP = 4000  # of them at first, then twice as many
PAGE = 24


class Order(StrEnum):
    """Which frames come first."""

    EARLIER = "earlier"  # the newest first
    LATER = "later"  # the oldest first
    HIGHEST = "highest"  # the highest score against its threshold first, of all that one request reads


@dataclass(frozen=True)
class Wanted:
    """Which frames of a station: only `calls`, only of a `part`; and which come first."""

    station: str
    order: Order = Order.EARLIER
    calls: bool = False
    part: str = ""

    def has(self, seen: Glance) -> bool:
        """Whether this one is."""
        return (not self.calls or seen.verdict is Verdict.ANOMALOUS) and (not self.part or seen.part == self.part)


@dataclass(frozen=True)
class Found:
    """What a request found, each with the place of its score; `rest` is what nobody has looked at yet, `read` how many
    records were looked at, of every station."""

    scores: tuple[tuple[Score, FramePlace], ...]
    rest: Stretch
    read: int


Hit = tuple[Record, Glance]


def search(log: ScoreLog, stretch: Stretch, wanted: Wanted, most: int = MOST_READ) -> Found:
    """The next PAGE of `stretch`. Raises Broken when Kafka does not answer."""
    return _highest(log, stretch, wanted, most) if wanted.order is Order.HIGHEST else _next(log, stretch, wanted, most)


def _highest(log: ScoreLog, stretch: Stretch, wanted: Wanted, most: int) -> Found:
    looked = stretch.newest(most)
    hits = nlargest(PAGE, _hits(log.read(looked), wanted), key=_height)
    return Found(_scores(hits), stretch.before(looked.starts), looked.records)


def _next(log: ScoreLog, stretch: Stretch, wanted: Wanted, most: int) -> Found:
    """Step by step, until there are enough, or enough was read."""
    backwards, rest, hits, read, step = wanted.order is Order.EARLIER, stretch, list[Hit](), 0, STEP
    while rest.records and len(hits) < PAGE and read < most:
        step = min(step, most - read)
        looked = rest.newest(step) if backwards else rest.oldest(step)
        hits += sorted(_hits(log.read(looked), wanted), key=_written, reverse=backwards)
        rest = rest.before(looked.starts) if backwards else rest.behind(looked.stops)
        read, step = read + looked.records, 2 * step
    shown, over = hits[:PAGE], hits[PAGE:]
    return Found(_scores(shown), _with(rest, over, backwards=backwards), read)


def _hits(records: Iterable[Record], wanted: Wanted) -> Iterator[Hit]:
    key = wanted.station.encode()
    for record in records:
        seen = glance(record, key)
        if seen is not None and wanted.has(seen):
            yield record, seen


def _with(rest: Stretch, over: Iterable[Hit], *, backwards: bool) -> Stretch:
    """`rest`, and what was read and not shown."""
    edges: dict[int, int] = {}
    for record, _ in over:
        if backwards:
            edges[record.partition] = max(edges.get(record.partition, 0), record.offset + 1)
        else:
            edges[record.partition] = min(edges.get(record.partition, record.offset), record.offset)
    return _moved(rest, edges, backwards=backwards)


def _moved(rest: Stretch, edges: Mapping[int, int], *, backwards: bool) -> Stretch:
    return rest.before({**rest.stops, **edges}) if backwards else rest.behind({**rest.starts, **edges})


def _scores(hits: Iterable[Hit]) -> tuple[tuple[Score, FramePlace], ...]:
    found: list[tuple[Score, FramePlace]] = []
    for record, _ in hits:
        with suppress(Invalid):
            found.append((read_score(record), FramePlace.of(record)))
    return tuple(found)


def _written(hit: Hit) -> tuple[int, int]:
    return hit[0].timestamp_ms, hit[0].offset


def _height(hit: Hit) -> float:
    ratio = hit[1].ratio
    return -1.0 if ratio is None else ratio
