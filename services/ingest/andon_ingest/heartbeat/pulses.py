"""The pulse of every station, and what is told of it: findings that begin and end. Pure.

A station's finding begins after so many bad heartbeats in a row, and ends after as many right ones. Where most stations
miss their verdicts at once, it is the line that is down: one finding for '*', and none for each. What is open is known
from `drift`, so that a restart forgets and repeats nothing. An id derives from the slot in which it began, so that two
processes, one of them started by mistake, tell of the same finding.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from andon.ids import finding_id
from andon.records import Cause, Finding, FindingKind
from andon_ingest.heartbeat import sentences
from andon_ingest.heartbeat.judging import Judged, Outcome
from andon_ingest.heartbeat.rounds import Done
from andon_ingest.heartbeat.settings import BeatSettings

BY = "heartbeat"
LINE = "*"
LEAST_STATIONS = 4  # fewer are told one by one
DOWN, UP = 0.5, 0.25  # a larger share missing: the line is down; at most this one: it is over


@dataclass(frozen=True, slots=True)
class Pulse:
    """One station's last heartbeats: so many bad, or good, ones in a row. `since` is when the first bad one began."""

    last: Outcome
    since: datetime
    bad: int = 0
    good: int = 0


class Pulses:
    """Feed it every heartbeat that is over; it answers with what is to be told. `open` are the findings that are, by
    id: there are two of a station only where two processes told of it."""

    __slots__ = ("_settings", "_watched", "open", "pulses")

    def __init__(self, settings: BeatSettings) -> None:
        self._settings = settings
        self._watched = 0
        self.pulses: dict[str, Pulse] = {}
        self.open: dict[UUID, Finding] = {}

    @property
    def troubled(self) -> set[str]:
        """The stations, or '*', of which something is open."""
        return {finding.station for finding in self.open.values()}

    def learn(self, finding: Finding) -> None:
        """A turn of a finding as it stands in `drift`: ours, or that of another heartbeat."""
        if finding.by != BY or finding.cause is not Cause.INSPECTOR_BROKEN:
            return
        if finding.kind is FindingKind.BEGAN:
            self.open[finding.finding_id] = finding
        else:
            self.open.pop(finding.finding_id, None)

    def take(self, done: Done, now: datetime) -> list[Finding]:
        """A heartbeat that is over. SWAPPED and NOT_SENT say nothing of the inspection."""
        if done.outcome in (Outcome.SWAPPED, Outcome.NOT_SENT):
            return []
        self.pulses[done.station] = _next(self.pulses.get(done.station), done)
        of_line = self._of_line(now)
        return [*of_line, *self._of_station(done, self.pulses[done.station], now)]

    def watch(self, stations: Collection[str], now: datetime) -> list[Finding]:
        """These are the stations that get golden frames now: what is open elsewhere ends."""
        self._watched = len(stations)
        self.pulses = {station: pulse for station, pulse in self.pulses.items() if station in stations}
        gone = self.troubled - {*stations, LINE}
        return [each for station in sorted(gone) for each in self._end(station, sentences.no_longer_sent(station), now)]

    def _of_station(self, done: Done, pulse: Pulse, now: datetime) -> list[Finding]:
        settings, station = self._settings, done.station
        if station in self.troubled:
            over = pulse.good >= settings.in_a_row
            return self._end(station, sentences.again_right(station, done.at), now) if over else []
        slow = pulse.last in (Outcome.MISSING, Outcome.LATE)
        if pulse.bad < settings.in_a_row or (slow and LINE in self.troubled):
            return []
        said = sentences.went_wrong(done, settings.late_after_s, settings.missing_after_s)
        return [self._begin(_finding(station, said, pulse.since, now), done.worst)]

    def _of_line(self, now: datetime) -> list[Finding]:
        missing = [pulse.since for pulse in self.pulses.values() if pulse.last is Outcome.MISSING]
        of = len(self.pulses)
        if LINE in self.troubled:
            known = of >= self._watched / 2  # after a restart, a few answers say nothing of all
            return self._line_is_back(len(missing), now) if known and len(missing) <= UP * of else []
        if of < LEAST_STATIONS or len(missing) <= DOWN * max(of, self._watched / 2):
            return []
        since = min(missing)
        return [self._begin(_finding(LINE, sentences.line_is_down(len(missing), of, since), since, now))]

    def _line_is_back(self, missing: int, now: datetime) -> list[Finding]:
        """What a station missed while the line was down is not counted against it any more."""
        self.pulses = {station: replace(pulse, bad=0) for station, pulse in self.pulses.items()}
        of = len(self.pulses)
        return self._end(LINE, sentences.line_is_back(of - missing, of), now)

    def _begin(self, finding: Finding, worst: Judged | None = None) -> Finding:
        began = finding if worst is None else finding.model_copy(update=self._shown(worst))
        self.open[began.finding_id] = began
        return began

    def _shown(self, worst: Judged) -> dict[str, object]:
        shown, measure = sentences.evidence(worst), sentences.measure(worst, self._settings.late_after_s)
        of = {"product": worst.sent.product, "bundle": worst.sent.bundle}
        return {**of, "measure": measure, "evidence": (shown,) if shown else ()}

    def _end(self, station: str, sentence: str, now: datetime) -> list[Finding]:
        ended = [finding for finding in self.open.values() if finding.station == station]
        self.open = {key: finding for key, finding in self.open.items() if finding.station != station}
        told = {"kind": FindingKind.ENDED, "sentence": sentence, "at": now, "measure": None, "evidence": ()}
        return [finding.model_copy(update=told) for finding in ended]


def _next(before: Pulse | None, done: Done) -> Pulse:
    if not done.outcome.bad:
        return Pulse(done.outcome, done.at, good=before.good + 1 if before else 1)
    if before is not None and before.bad:
        return replace(before, last=done.outcome, bad=before.bad + 1)
    return Pulse(done.outcome, done.at, bad=1)


def _finding(station: str, sentence: str, since: datetime, now: datetime) -> Finding:
    return Finding(
        finding_id=finding_id(BY, Cause.INSPECTOR_BROKEN, station, since.isoformat()),
        kind=FindingKind.BEGAN,
        cause=Cause.INSPECTOR_BROKEN,
        station=station,
        sentence=sentence,
        since=since,
        at=now,
        by=BY,
    )
