"""Which incidents are open now, as gauges: by station and cause, for rules and dashboards.

Several stages decide on incidents, each over partitions of its own, and each says here what stands at its places. What
this process does not decide on any more goes from its gauges, so that no two show the same, nor one what is over.
Rehearsals (drills) are not among them: no rule may page for one.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol, TypeVar
from uuid import UUID

from andon.by_station import MOST_STATIONS
from andon.ids import drill_of
from andon.kafka.source import Place
from andon.line import LineFile
from andon.metrics import Metrics
from andon.records import IncidentEvent
from andon.redis_client import PASSING
from andon_alerting.kept import Shelf

T = TypeVar("T")
EVERY_S = 5.0
At = tuple[str, str]
"""Whose it is, and the place where it stands."""

Trouble = tuple[str, str]
"""A station, and the cause of an incident that is open there."""


class Standing:
    """The gauges. One thread."""

    __slots__ = ("_causes", "_counts", "_heard", "_open", "_shown", "_where")

    def __init__(self, metrics: Metrics) -> None:
        self._causes = metrics.incident_open
        self._counts = metrics.incidents_open
        self._open: dict[At, tuple[Trouble, ...]] = {}
        self._where: dict[At, int] = {}
        self._heard: dict[At, int] = {}
        self._shown: tuple[set[Trouble], set[str]] = set(), set()

    def put(self, who: str, place: str, partition: int, troubles: Iterable[Trouble]) -> None:
        """What is open at a place. One where nothing ever was is not shown."""
        at, now = (who, place), tuple(each for each in troubles if drill_of(each[0]) is None)
        if at in self._heard or len(self._heard) < MOST_STATIONS:
            self._heard[at] = partition
        if now or at in self._open:
            changed = self._open.get(at) != now
            self._open[at], self._where[at] = now, partition
            if changed:
                self._show()

    def heard(self, who: str) -> list[str]:
        """The places of `who` that were heard of, whatever is open there: MOST_STATIONS at most."""
        return [place for each, place in self._heard if each == who]

    def keep(self, who: str, partitions: Collection[int]) -> None:
        """Only what lies in these partitions is still to be shown of `who`."""
        left = [at for at, partition in self._heard.items() if at[0] == who and partition not in partitions]
        for at in left:
            del self._heard[at]
        gone = [at for at, partition in self._where.items() if at[0] == who and partition not in partitions]
        for at in gone:
            del self._open[at], self._where[at]
        if gone:
            self._show()

    def replace(self, who: str, troubles: Iterable[Trouble]) -> None:
        """All that is open of `who`."""
        self.put(who, "", 0, sorted(troubles))

    def _show(self) -> None:
        troubles = Counter(each for some in self._open.values() for each in some)
        stations = Counter({place: 0 for (_, place), some in self._open.items() if place and not some})
        for (station, _), count in troubles.items():
            stations[station] += count
        before, self._shown = self._shown, (set(troubles), set(stations))
        for trouble in before[0] - troubles.keys():
            self._causes.remove(*trouble)
        for trouble in troubles.keys() - before[0]:
            self._causes.labels(*trouble).set(1)
        for station in before[1] - stations.keys():
            self._counts.remove(station)
        for station, count in stations.items():
            self._counts.labels(station).set(count)


def troubles_of(events: Iterable[IncidentEvent]) -> list[Trouble]:
    """What these open incidents mean: one of a whole line stands at each of its stations."""
    return [(station, each.cause.value) for each in events for station in each.stations or (each.station,)]


class Assigned(Protocol):
    """A source that knows what is its own."""

    @property
    def assignment(self) -> list[Place]:
        """The (topic, partition)s that are ours."""


class Reading:
    """Shows, now and then, what is open of what `read` finds, for the one process that decides on it."""

    def __init__(
        self,
        who: str,
        standing: Standing,
        source: Assigned,
        read: Callable[[], Iterable[IncidentEvent]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._who = who
        self._standing = standing
        self._source = source
        self._read = read
        self._clock = clock
        self._due = clock()

    def __call__(self) -> None:
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        if not self._source.assignment:
            self._standing.keep(self._who, ())
            return
        try:
            self._standing.replace(self._who, troubles_of(self._read()))
        except PASSING:  # Redis is away: what was open a moment ago stays on show, and the stage itself waits
            return


def on_shelf(
    shelf: Shelf[T],
    open_in: Callable[[T], Iterable[IncidentEvent]],
    ended: Callable[[Iterable[UUID]], Mapping[UUID, IncidentEvent]],
) -> list[IncidentEvent]:
    """The incidents that are open in what a shelf holds, but for those that people ended since. `open_in` picks them
    out of what is remembered at a place, `ended` answers which of them people ended."""
    known = shelf.load(shelf.places()) or {}
    found = [event for each in known.values() for event in open_in(each)]
    over = ended([each.incident_id for each in found])
    return [each for each in found if each.incident_id not in over]


class StationsShown:
    """`andon_station_info`: the stations of the line file and those that are `seen`, which a pattern or the defaults
    hold for, and the line of each; what is neither any more goes."""

    __slots__ = ("_clock", "_due", "_gauge", "_plans", "_seen", "_shown")

    def __init__(
        self,
        metrics: Metrics,
        plans: LineFile,
        clock: Callable[[], float] = time.monotonic,
        seen: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._gauge = metrics.station_info
        self._plans = plans
        self._clock = clock
        self._due = clock()
        self._seen = seen
        self._shown: set[tuple[str, str]] = set()

    def __call__(self) -> None:
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        beside = {name: self._plans.of(name).line for name in self._seen() if drill_of(name) is None}
        shown = set((beside | self._plans.lines).items())
        for labels in self._shown - shown:
            self._gauge.remove(*labels)
        for labels in shown - self._shown:
            self._gauge.labels(*labels).set(1)
        self._shown = shown
