"""Findings written by hand, and what alerting makes of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from andon.ids import finding_id
from andon.line import Burst, Plan
from andon.records import Cause, Drift, DriftCause, Finding, FindingKind, IncidentEvent, Moved
from andon_alerting.correlate import Turn, take
from andon_alerting.watch import PARTNER, Watch

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
DARK = Cause.STATION_DARK


@dataclass(frozen=True)
class Plans:
    """Everything that begins with `weld` stands on the press shop's line; `lone` stands on none."""

    burst: Burst = field(default_factory=lambda: Burst(stations=3, within_s=60))
    shortest_silence_s: float | None = None
    routes: bool = False

    def of(self, station: str) -> Plan:
        name = station.removeprefix("drill.")
        if name.startswith("weld"):
            route = f"to-{name}" if self.routes else "press"
            return Plan(station, site="north", area="body", line="press-shop", route=route)
        return Plan(station, line="paint" if name.startswith("paint") else "")


PLANS = Plans()


def finding(
    turn: str,
    station: str,
    since_s: float = 0,
    cause: Cause = DARK,
    at_s: float | None = None,
    by: str = "drift",
    named: DriftCause | None = None,
) -> Finding:
    """One turn, '+' or '-', of the finding that began `since_s` after the start."""
    since = START + timedelta(seconds=since_s)
    seen = since if turn == "+" else since + timedelta(seconds=30)
    return Finding(
        finding_id=finding_id(by, f"{cause}{named or ''}", station, since.isoformat()),
        kind=FindingKind.BEGAN if turn == "+" else FindingKind.ENDED,
        cause=cause,
        station=station,
        sentence=f"{station}: {named or cause} {'began' if turn == '+' else 'ended'}",
        since=since,
        at=seen if at_s is None else START + timedelta(seconds=at_s),
        drift=Drift(named=named, since=since) if named else None,
        by=by,
    )


def drift(turn: str, station: str, named: DriftCause, since_s: float = 0, **other: Any) -> Finding:
    """One turn of a finding of what drifted. `rejects` says that parts are called more often, too."""
    said = finding(turn, station, since_s, Cause.DRIFT, named=named, at_s=other.pop("at_s", None))
    given = Drift(named=named, since=said.since, **other)
    return said.model_copy(update={"drift": given})


def rejects(turn: str, station: str, since_s: float = 0, **other: Any) -> Finding:
    """One turn of a finding of more parts called. `drift` is what is said to have drifted there."""
    return finding(turn, station, since_s, Cause.REJECT_RATE, at_s=other.pop("at_s", None)).model_copy(update=other)


MORE = Moved(name="rejects", before=0.004, after=0.019, sigmas=4.0)


def play(findings: Sequence[Finding], plans: Plans = PLANS) -> tuple[Watch, list[Turn]]:
    """What is remembered of the last finding's cause, and all that was decided."""
    watches, turns = defaultdict[Cause | None, Watch](Watch), list[Turn]()
    for each in findings:
        watches[each.cause], more = take(watches[each.cause], each, plans, watches[PARTNER.get(each.cause)])
        turns += more
    return watches[findings[-1].cause if findings else None], turns


def events(turns: Sequence[Turn]) -> list[IncidentEvent]:
    """What is written into `incidents`."""
    return [each.event for each in turns if each.event]


def story(turns: Sequence[Turn]) -> list[str]:
    """The events in short: `opened weld-01`."""
    return [f"{each.kind} {','.join(each.stations) or each.station}" for each in events(turns)]
