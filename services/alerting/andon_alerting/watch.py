"""What is remembered of the findings of one cause, and of the incidents that they opened. Pure.

A station has at most one open incident of its own for a cause, which tells of all its findings, whatever drifted; and
beside that one of its line (or of its site, where it has no line) for each thing that it shares with other stations.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from andon.ids import drill_of
from andon.line import Plan, Plans
from andon.records import Cause, Drift, DriftCause, Finding, FindingKind, IncidentEvent, Moved
from andon.records.assignment import EVERY

MOST_OVER = 64  # ended findings that are remembered for each cause: more than one turn is likely to bring

OF_LINE = frozenset(
    {
        Cause.STATION_FROZEN,
        Cause.STATION_DARK,
        Cause.STATION_BRIGHT,
        Cause.STATION_BLURRED,
        Cause.CAMERA_MOVED,
        Cause.DRIFT,
    }
)
"""The causes that stations of a line may share: light, power, air, material.

STATION_SILENT is none of them: scores tell of it, on as many partitions as there are stations to read, so no one
process sees all stations of a line. Each station opens its own, and Alertmanager groups what it is told by line.
"""

FOUND = OF_LINE | {Cause.REJECT_RATE, Cause.INSPECTOR_BROKEN, Cause.LEDGER_OUT_OF_BALANCE, Cause.EVIDENCE_AT_RISK}
"""The causes that findings may tell of. The others are decided from scores, notices and people's answers."""

PARTNER = {Cause.DRIFT: Cause.REJECT_RATE, Cause.REJECT_RATE: Cause.DRIFT}
"""What drifts while more parts are called does harm: each is decided on knowing the other."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding. `settled`: a person ended the incident that told of it, so it opens none any more. `harm`: it was
    the first to say that more parts are called at a station that has drifted. Of a drift that lasts, `drift` is what
    drifted (without its history) and `sentence` what was said of it.
    """

    finding: UUID
    station: str
    since: datetime
    settled: bool = False
    named: DriftCause | None = None
    harm: bool = False
    drift: Drift | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """All that is remembered of one cause: findings that last, the last ones that ended, and the open incidents, each
    as the event that opened it would tell it now."""

    found: tuple[Found, ...] = ()
    over: tuple[Found, ...] = ()
    open: tuple[IncidentEvent, ...] = ()

    def own(self, station: str) -> IncidentEvent | None:
        """The open incident of that station alone."""
        return next((each for each in self.open if not each.stations and each.station == station), None)

    def whole(self, line: "Line", named: DriftCause | None) -> IncidentEvent | None:
        """The open incident of a whole line, of what is `named` so."""
        return next((each for each in self.wholes(named) if line_of(each) == line), None)

    def wholes(self, named: DriftCause | None) -> list[IncidentEvent]:
        """The open incidents of whole lines of what is `named` so."""
        return [each for each in self.open if each.stations and named_in(each) is named]

    def telling(self, station: str, named: DriftCause | None) -> IncidentEvent | None:
        """The open incident that tells of what is `named` so at `station`: its line's, else its own."""
        shared = (each for each in self.wholes(named) if station in each.stations)
        return next(shared, None) or self.own(station)

    def told_by(self, incident: IncidentEvent) -> list[Found]:
        """The findings that last and that `incident` tells of, the first one first."""
        return [each for each in self.found if not each.settled and self.tells(incident, each)]

    def tells(self, incident: IncidentEvent, each: Found) -> bool:
        """Whether `incident` is, or was, the one that tells of a finding."""
        if incident.stations:
            return each.station in incident.stations and each.named is named_in(incident)
        shared = (each.station in whole.stations for whole in self.wholes(each.named))
        return each.station == incident.station and not any(shared)

    def lasting(self, station: str) -> list[Found]:
        """The findings that last at `station`, but for those whose incident a person ended."""
        return [each for each in self.found if each.station == station and not each.settled]

    def without(self, incident: IncidentEvent) -> "Watch":
        """With one incident less."""
        return replace(self, open=tuple(each for each in self.open if each.incident_id != incident.incident_id))

    def telling_now(self, incident: IncidentEvent) -> "Watch":
        """With `incident` as it is told now."""
        rest = self.without(incident)
        return replace(rest, open=(*rest.open, incident))


Line = tuple[str, str, bool]
"""Site, line ('': none), and whether it is a rehearsal: drill copies are never mixed with real stations."""


def line_of(incident: IncidentEvent) -> Line:
    """The line that an incident belongs to."""
    return incident.site, incident.line, incident.drill


def shared_by(plan: Plan, cause: Cause) -> Line | None:
    """The line with which a station may share `cause`; None: it is alone with it. What drifts at stations of no line is
    shared by those of the site: a hall's light knows no lines."""
    if cause not in OF_LINE or plan.station == EVERY or not (plan.line or cause is Cause.DRIFT):
        return None
    return plan.site, plan.line, drill_of(plan.station) is not None


def plan_of(station: str, plans: Plans) -> Plan:
    """The plan of a station; what concerns no single one has none."""
    return Plan(EVERY) if station == EVERY else plans.of(station)


def named_in(about: Finding | IncidentEvent) -> DriftCause | None:
    """What drifted, by name. Findings of other causes are all alike: None."""
    return about.drift.named if about.drift and about.cause is Cause.DRIFT else None


def note(watch: Watch, finding: Finding, other: Watch) -> Watch:
    """`watch` with the finding noted, and no incident touched. `other` is the watch of its cause's partner."""
    found = Found(finding.finding_id, finding.station, finding.since, named=named_in(finding))
    if finding.kind is FindingKind.BEGAN:
        found = replace(found, harm=does_harm(finding, watch, other))
        if finding.cause is Cause.DRIFT:
            found = replace(found, drift=_bare(finding.drift), sentence=finding.sentence)
        return replace(watch, found=(*watch.found, found))
    known = next((each for each in watch.found if each.finding == finding.finding_id), found)
    left = tuple(each for each in watch.found if each is not known)
    gone = replace(known, drift=None, sentence="")
    return replace(watch, found=left, over=(*watch.over, gone)[-MOST_OVER:])


def _bare(drift: Drift | None) -> Drift | None:
    """Without the histories, which are long."""
    if drift is None:
        return None
    moved, sensors = (tuple(map(_without_history, some)) for some in (drift.moved, drift.sensors))
    rejects = drift.rejects and _without_history(drift.rejects)
    return drift.model_copy(update={"moved": moved, "sensors": sensors, "rejects": rejects})


def _without_history(moved: Moved) -> Moved:
    return moved.model_copy(update={"history": ()})


def does_harm(finding: Finding, own: Watch, other: Watch) -> bool:
    """Whether `finding` is the first to say that more parts are called at a station that has drifted: then people must
    come, and are called once for both findings, in whatever order they were made."""
    if finding.cause not in PARTNER or finding.kind is not FindingKind.BEGAN:
        return False
    beside = other.lasting(finding.station)
    if any(each.harm for each in (*own.lasting(finding.station), *beside)):
        return False
    return bool(beside) or _says_both(finding)


def _says_both(finding: Finding) -> bool:
    if finding.drift is None:
        return False
    return finding.cause is Cause.REJECT_RATE or finding.drift.rejects is not None


def repeated(watch: Watch, finding: Finding) -> bool:
    """Whether this turn of the finding was noted before."""
    is_over = any(each.finding == finding.finding_id for each in watch.over)
    return is_over or (
        finding.kind is FindingKind.BEGAN and any(each.finding == finding.finding_id for each in watch.found)
    )


def ended_by_a_person(watch: Watch, event: IncidentEvent) -> Watch:
    """`watch` after a person ended one of its incidents by `event`: the findings that it told of go on without one."""
    held = next((each for each in watch.open if each.incident_id == event.incident_id), None)
    return settled(watch, held, event.at).without(held) if held else watch


def settled(watch: Watch, incident: IncidentEvent, at: datetime) -> Watch:
    """`watch`, whose findings that an incident told of until `at` open none any more."""

    def settle(some: Iterable[Found]) -> tuple[Found, ...]:
        seen = (each.since <= at and watch.tells(incident, each) for each in some)
        return tuple(replace(each, settled=True) if is_seen else each for each, is_seen in zip(some, seen, strict=True))

    return replace(watch, found=settle(watch.found), over=settle(watch.over))
