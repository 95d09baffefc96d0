"""Blocks of frames become findings of drift: the charts of a place advance, what they find is named, told once, ended.

Pure but for what it changes: the places it is given. The same blocks and references give the same findings.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np

from andon.baselines import Known
from andon.charts import BASE, Charts, Sample
from andon.records import Cause, Chart, Drift, Evidence, Finding, FindingKind
from andon.records.baseline import SIGNALS, Baseline
from andon_drift.naming import ended
from andon_drift.numbers import Scale
from andon_drift.sentences import rejects_over
from andon_drift.watch.collecting import Collected, Drop, collect
from andon_drift.watch.place import Active, Held, HeldId, Place, PlaceId, Watched
from andon_drift.watch.rows import Block, Row, block_of
from andon_drift.watch.rules import ALONE, AWAY, PLACES, WAIT, KnownOf, Reason, Rules, Told

BY = "drift"
REJECTS = "rejects"
REJECT_RATE: HeldId = (Cause.REJECT_RATE, None)


@dataclass(frozen=True, slots=True)
class Now:
    """What goes with the last row of a block: its station, the frame as evidence (None: readings), and the reference of
    the station's sensors, where there is one."""

    station: str
    watched: Watched
    place: Place
    baseline: Baseline
    at: datetime
    picture: Evidence | None
    of_sensors: Baseline | None = None


class Teller(Protocol):
    """Names what moved at a place, and says so."""

    def matters(self, now: Now, active: Active) -> bool:
        """Whether the change is large enough for anybody."""

    def drift(self, now: Now, fresh: Sequence[Active]) -> tuple[Drift, Told] | None:
        """What drifted; None where it is too small after all."""

    def rejects(self, now: Now, active: Active) -> Told:
        """That more frames are anomalous."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """The rules of places, applied to one row after the other."""

    rules: Rules
    word_of: KnownOf
    teller: Teller

    def place(self, watched: Watched, product: str | None, bundle: str, names: Sequence[str]) -> Place:
        """The place that a row belongs to: the newest of the station from now on. The oldest are forgotten."""
        key: PlaceId = product, bundle
        place = watched.places.pop(key, None)
        if place is None or place.names != tuple(names):
            place = Place.new(product, bundle, names, Collected.empty(self.rules.enough))
        watched.places[key] = place
        while len(watched.places) > PLACES:
            del watched.places[next(iter(watched.places))]
        return place

    def completes(self, place: Place) -> bool:
        """Whether the next row is the last of a block: then its picture is wanted."""
        return len(place.pending) == BASE - 1

    def take(
        self, station: str, watched: Watched, place: Place, row: Row, picture: Evidence | None, scale: Scale
    ) -> list[Told]:
        """One more row of `place`."""
        place.pending.append(row)
        place.last = row.at
        if len(place.pending) < BASE:
            return []
        place.scale = scale
        block, place.pending = block_of(place.pending, place.names), []
        return [
            *self.elsewhere(station, watched, place, block.at),
            *self._block(station, watched, place, block, picture),
        ]

    def elsewhere(self, station: str, watched: Watched, here: Place | None, at: datetime) -> list[Told]:
        """A block of the station lay `here`, or at no place at all: what was found at the others may be left.

        Sensors stay beside the station whatever is made, and what they say leaves no place of pictures.
        """
        told: list[Told] = []
        if here is not None and here.bundle == SIGNALS:
            return told
        for place in [each for each in watched.places.values() if each.bundle != SIGNALS]:
            place.away = 0 if place is here else min(place.away + BASE, AWAY)
            if place.away == AWAY and any(key[0] == place.id for held in watched.held.values() for key in held.charts):
                told += self._forget(station, watched, place, at, Reason.LEFT)
        return told

    def rest(self, watched: Watched) -> None:
        """A fault of the camera is open: what charts have gathered is of it. They begin anew when it is over."""
        for place in watched.places.values():
            if place.bundle != SIGNALS:
                place.pending.clear()
                place.active.clear()
                place.charts, place.slept, place.waiting = None, "", 0
        for held in watched.held.values():
            ours = {each for each in held.charts if each[0][1] != SIGNALS}
            held.charts -= ours
            if ours and not held.charts:
                held.alone = 0

    def _block(
        self, station: str, watched: Watched, place: Place, block: Block, picture: Evidence | None
    ) -> list[Told]:
        word = self.word_of(station, place.product, place.bundle)
        told = self._settle(station, watched, place, word, block.at)
        look = place.recent.seen % place.every == 0
        if block.intervals_s.size:
            place.paced(float(np.median(block.intervals_s)))
        place.recent.add(block, look)
        if look:
            place.past = ""
            place.history.add(block.at, block.means, picture)
        if word.baseline is None:
            place.unsaved += collect(place.collected, block)
            return told
        of_sensors = self.word_of(station, None, SIGNALS).baseline if watched.sensors else None
        now = Now(station, watched, place, word.baseline, block.at, picture, of_sensors)
        charts = place.charts = place.charts or _awake(word.baseline, place)
        return told + self._chart(now, charts, block, look)

    def _settle(self, station: str, watched: Watched, place: Place, word: Known, at: datetime) -> list[Told]:
        """Brings the place into step with its reference: a new one, or none any more."""
        until = word.baseline.until if word.baseline else None
        told: list[Told] = []
        if word.relearn is not None and word.relearn.at != place.relearned:
            place.relearned = word.relearn.at
            self._collect_anew(place)
        if until != place.reference:
            if place.reference is not None:
                told = self._forget(station, watched, place, at, Reason.RELEARNED)
            self._collect_anew(place)
            place.charts, place.slept, place.waiting = None, "", 0
            place.active.clear()
            place.reference, place.every = until, word.baseline.every if word.baseline else 1
        return told

    def _collect_anew(self, place: Place) -> None:
        if place.collected.kept:
            place.unsaved = [Drop(place.collected.stride)]
        place.collected = Collected.empty(self.rules.enough)

    def _chart(self, now: Now, charts: Charts, block: Block, look: bool) -> list[Told]:
        place = now.place
        step = charts.advance(_seen_by(block, now.baseline, look))
        for name, chart in step.recovered:
            place.active.pop((name, chart), None)
            _drop(now.watched, place.id, name, chart)
        for alarm in step.alarms:
            since = place.recent.since(_frames(alarm.name, alarm.frames, place.every), place.period_s)
            place.active[alarm.name, alarm.chart] = Active(alarm, since, place.recent.watched)
        return [*self._over(now), *self._name(now)]

    def _name(self, now: Now) -> list[Told]:
        """Waits for what alarms together, then tells it."""
        place = now.place
        fresh = [each for each in place.active.values() if not each.told and self.teller.matters(now, each)]
        if not fresh:
            place.waiting = 0
            return []
        place.waiting = place.waiting or WAIT + 1
        place.waiting -= 1
        if place.waiting:
            return []
        rejects = [each for each in fresh if each.alarm.name == REJECTS]
        others = [each for each in fresh if each.alarm.name != REJECTS]
        found = self.teller.drift(now, others) if others else None
        told = self._hold(now, (Cause.DRIFT, found[0].named), others, *found) if found else []
        for each in others:
            each.told = found is not None
        for each in rejects:
            told += self._hold(now, REJECT_RATE, [each], None, self.teller.rejects(now, each))
            each.told = True
        return told

    def _hold(self, now: Now, key: HeldId, alarmed: Sequence[Active], drift: Drift | None, told: Told) -> list[Told]:
        """Opens a finding, or lets one that is open speak of these charts, too."""
        charts = {(now.place.id, each.alarm.name, each.alarm.chart) for each in alarmed}
        held = now.watched.held.get(key)
        if held is not None:
            held.charts |= charts
            held.alone = None
            return []
        finding = told.finding
        now.watched.held[key] = Held(
            finding.finding_id, finding.since, finding.product, finding.bundle, charts, drift=slim(drift)
        )
        names = tuple((each.alarm.name, each.alarm.chart.value) for each in alarmed)
        return [replace(told, charts=names)]

    def _over(self, now: Now) -> list[Told]:
        told: list[Told] = []
        for key, held in list(now.watched.held.items()):
            if held.alone is not None:
                held.alone += BASE
            if not held.charts and (held.alone is None or held.alone >= ALONE):
                why = Reason.RECOVERED if held.alone is None else Reason.NOT_SEEN_AGAIN
                told.append(close(now.station, now.watched, key, now.at, why))
        return told

    def _forget(self, station: str, watched: Watched, place: Place, at: datetime, why: Reason) -> list[Told]:
        """What was found at `place` is over; should its charts still be active one day, it is told anew."""
        told: list[Told] = []
        for each in place.active.values():
            each.told = False
        for key, held in list(watched.held.items()):
            ours = {each for each in held.charts if each[0] == place.id}
            held.charts -= ours
            if ours and not held.charts:
                told.append(close(station, watched, key, at, why))
        return told


def close(station: str, watched: Watched, key: HeldId, at: datetime, why: Reason) -> Told:
    """Ends an open finding."""
    (cause, named), held = key, watched.held.pop(key)
    watched.over[key] = held.finding
    back = ended(station, named, held.since, at) if named else rejects_over(station, held.since, at)
    sentence = {
        Reason.RELEARNED: f"{station}: what is usual was learned anew, so this is no drift any more.",
        Reason.LEFT: f"{station}: another product is made, or another bundle judges, so nobody can tell any more.",
    }.get(why, back)
    finding = Finding(
        finding_id=held.finding,
        kind=FindingKind.ENDED,
        cause=cause,
        station=station,
        product=held.product,
        bundle=held.bundle,
        sentence=sentence,
        since=held.since,
        at=at,
        drift=held.drift,
        by=BY,
    )
    return Told(why, finding)


def slim(drift: Drift | None) -> Drift | None:
    """Without histories: to be kept, or to travel along."""
    if drift is None:
        return None
    moved, sensors = (
        tuple(each.model_copy(update={"history": ()}) for each in of) for of in (drift.moved, drift.sensors)
    )
    rejects = drift.rejects.model_copy(update={"history": ()}) if drift.rejects else None
    return drift.model_copy(update={"moved": moved, "sensors": sensors, "rejects": rejects})


def _awake(baseline: Baseline, place: Place) -> Charts:
    slept, place.slept = place.slept, ""
    return Charts.load(baseline, base64.b64decode(slept)) if slept else Charts(baseline)


def _seen_by(block: Block, baseline: Baseline, look: bool) -> Sample:
    """What the charts are to see of a block: its numbers in the order of the reference. Of a block that is not looked
    at only how many of its frames are anomalous."""
    sample, names = block.sample, tuple(baseline.watched)
    if not look:
        nothing = np.full((BASE, len(names)), np.nan)
        return Sample(nothing, names, sample.anomalous)
    columns = [sample.names.index(name) for name in names]
    return Sample(sample.values[:, columns], names, sample.anomalous, sample.embedding, sample.peak)


def _frames(name: str, frames: int, every: int) -> int:
    """Frames of the station: rejects are counted in all of them, the others in every `every`-th block."""
    return frames if name == REJECTS else frames * every


def _drop(watched: Watched, place: PlaceId, name: str, chart: Chart) -> None:
    for held in watched.held.values():
        held.charts.discard((place, name, chart))
