"""Every place that is watched for drift: what `baselines` says of it, and what drift shows of it, together. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from andon.baselines import Known, Place
from andon.drift_state import PlaceState, ShownChart, ShownPlace, StationDrift
from andon.records.baseline import Relearn

WATCHED = (PlaceState.ACTIVE, PlaceState.STALE)
QUIET = timedelta(minutes=5)
"""Drift shows a station every few seconds while frames come: what is older says how it was, not how it is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a place stands. `shown` is what drift shows of it, None where it shows nothing; `known` what `baselines`
    says, None where no reference was ever frozen. The bundle of `place` is '' where none serves."""

    place: Place
    shown: ShownPlace | None = None
    known: Known | None = None
    updated: datetime | None = None

    @property
    def state(self) -> str:
        """One word or a few: 'learning', 'active', 'stale', 'no reference', 'to be learned anew', 'learned' (there is a
        reference, and drift shows nothing of the place)."""
        if self.waits is not None:
            return "to be learned anew"
        if self.shown is None or (self.shown.state is PlaceState.LEARNING and not self.learns):
            return "learned"
        return self.shown.state.value.replace("_", " ")

    @property
    def learns(self) -> bool:
        """Whether frames are still collected: drift shows so, and no reference is frozen since."""
        learning = self.shown is not None and self.shown.state is PlaceState.LEARNING
        return learning and not (self.known and self.known.baseline)

    @property
    def waits(self) -> Relearn | None:
        """Who wants it learned anew, while drift has not begun to."""
        relearn = self.known.waits if self.known else None
        begun = self.shown is not None and self.shown.state in (PlaceState.LEARNING, PlaceState.NO_REFERENCE)
        return None if begun else relearn

    @property
    def frames(self) -> int:
        """How many the reference was learned from, or are collected so far."""
        if self.shown is not None and (self.learns or self.shown.state in WATCHED):
            return self.shown.frames
        return self.known.baseline.frames if self.known and self.known.baseline else 0

    @property
    def learned_at(self) -> datetime | None:
        """The newest frame that the reference was learned from."""
        if self.waits is not None:
            return None
        if self.shown is not None and self.shown.state in WATCHED and self.shown.until:
            return self.shown.until  # that of its bundle, where that is newer
        return self.known.baseline.until if self.known and self.known.baseline else None

    @property
    def charts(self) -> tuple[ShownChart, ...]:
        """The fullest chart of each number, the fullest first."""
        return fullest(self.shown.charts) if self.shown else ()

    def is_old(self, now: datetime) -> bool:
        """Whether drift has told nothing new of it for a while: no frames come, or it does not run."""
        return self.updated is not None and now - self.updated > QUIET


def standings(known: Iterable[Known], shown: Iterable[StationDrift]) -> list[Standing]:
    """Every place that either tells of, by station; of one station those that drift shows first, in its order."""
    by_place: Mapping[Place, Known] = {each.place: each for each in known}
    seen = [
        Standing(place, one, by_place.get(place), station.updated)
        for station in shown
        for one in station.places
        for place in (Place(station.station, one.product, one.bundle or ""),)
    ]
    there = {each.place for each in seen}
    rest = [Standing(place, known=each) for place, each in by_place.items() if place not in there]
    return sorted([*seen, *rest], key=lambda each: each.place.station)


def fullest(charts: Iterable[ShownChart]) -> tuple[ShownChart, ...]:
    """Of each number the chart that is nearest to its limit, or farthest beyond; the fullest number first."""
    best: dict[str, ShownChart] = {}
    for each in charts:
        if each.name not in best or share(each) > share(best[each.name]):
            best[each.name] = each
    return tuple(sorted(best.values(), key=share, reverse=True))


def share(chart: ShownChart) -> float:
    """How full it is: its statistic of its limit. At 1 it alarms; one that has passed it and is not back is full."""
    of = abs(chart.statistic) / chart.limit if chart.limit > 0 else 0.0
    return max(of, 1.0) if chart.active else of


def to_go(place: ShownPlace) -> timedelta | None:
    """How long it still learns, should frames go on coming as they do; None where nobody can tell."""
    if place.state is not PlaceState.LEARNING or not place.period_s or not place.wanted:
        return None
    frames_s = max(place.wanted - place.frames, 0) * place.period_s
    left = max(frames_s, place.wanted_s - place.seconds, 0.0)
    return timedelta(seconds=left)
