"""The line file, its stations, and the heartbeat."""

from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase

from andon.ids import drill_of
from andon_alerting.doctor.facts.records import Newest
from andon_alerting.doctor.facts.world import Heard, LineFile
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, names, several, warn

HEARTBEAT_S = 300.0
SILENT = timedelta(hours=1)


def valid(facts: LineFile) -> Judged:
    """As `andon check` says."""
    found = [bad(each, facts.path, f"andon check {facts.path}") for each in facts.mistakes]
    return judged(
        f"{facts.path} is right: {several(len(facts.names), 'station or pattern', 'stations and patterns')}", found
    )


def stations(facts: Heard) -> Judged:
    """Which stations of the line file send nothing. Those it does not name have its defaults, which is no fault."""
    if facts.line is None or facts.line.mistakes:
        return Judged("there is no line file to hold stations against", off=True)
    named = [each for each in facts.line.names if "*" not in each]
    others = [each for each in facts.stations if not _known(each, facts.line.names)]
    beside = f"; not in the line file: {names(others)}" if others else ""
    return judged(
        f"{several(len(named), 'station')} of the line file, all heard within an hour{beside}", _stations(facts, named)
    )


def _stations(facts: Heard, named: list[str]) -> Iterator[Finding]:
    for name in named:
        at = facts.stations.get(name)
        if at is None or facts.now - at > SILENT:
            when = "has never been heard of" if at is None else f"was last heard {at:%Y-%m-%d %H:%M} UTC"
            yield warn(f"it stands in the line file and {when}", name, "is its camera on, and its ingest running?")


def _known(station: str, line: tuple[str, ...]) -> bool:
    name = drill_of(station) or station
    return any(fnmatchcase(name, each) for each in line)


def heartbeat(facts: Newest) -> Judged:
    """Whether golden frames are among the newest scores, where these reach back far enough to tell."""
    golden = [each.scored_at for each in facts.scores if each.golden]
    if golden:
        return Judged(f"the newest golden frame was scored {(facts.now - max(golden)).total_seconds():.0f} s ago")
    if not facts.scores:
        return Judged("no score was seen", off=True)
    span = (max(each.scored_at for each in facts.scores) - min(each.scored_at for each in facts.scores)).total_seconds()
    if span < 2 * HEARTBEAT_S:
        return Judged(f"the newest scores reach back {span:.0f} s, too short to tell", off=True)
    what = (
        f"no golden frame is among the scores of the last {span / 60:.0f} min: nobody proves that inspection still sees"
    )
    return judged("", [warn(what, "heartbeat", "andon heartbeat   # or once: andon heartbeat --once")])


CHECKS = (
    Check("line.valid", "Is the line file right (`andon check`)?", LineFile, valid),
    Check(
        "line.stations",
        "Does every station of the line file send frames? Which send and are not in it?",
        Heard,
        stations,
    ),
    Check("line.heartbeat", "Are golden frames among the newest scores?", Newest, heartbeat),
)
