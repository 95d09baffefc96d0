"""`andon silence`: nobody is called about a station for a while."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from andon.alertmanager import AlertmanagerSettings, Silences
from andon.assignments import Assignments
from andon.commands.words import print_json, say, warn, who
from andon.errors import Broken, Invalid, Mistake
from andon.ids import station_id
from andon.incidents.when import ahead, length, spoken, told
from andon.records import IncidentEvent, Silence, read_event, write_event
from andon.records.assignment import EVERY
from andon.settings import load
from andon.silences import is_on, table
from andon.stage import Message
from andon.topics import INCIDENTS, MODELS, SILENCES
from andon_alerting.commands import desk as desks

LONGEST = timedelta(days=7)
KNOWN_SINCE = timedelta(days=30)


def silence(
    station: Annotated[str, typer.Argument(help="The station, or '*' for all of them.")],
    duration: Annotated[str | None, typer.Argument(metavar="TIME", help="For how long: 90s, 20min, 2h, 1d.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Until then: 2026-11-23T06:00.")] = None,
    why: Annotated[str, typer.Option(help="Why; everybody is shown it.")] = "",
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who says so; default: your user's name.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End the silence that is there.")] = False,
    long: Annotated[bool, typer.Option("--long", help="Yes, for more than 7 days.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let nobody be called about a station for a while. Incidents are recorded all the same.

    What is still open when the silence ends is told then. Where ANDON_ALERTMANAGER__URL is set, the same silence is
    set in Alertmanager, so that it stops repeating what it was told before.

    Exit status 1 when Alertmanager could not be told: the silence holds for Andon, and Alertmanager may call on.

    Example: andon silence weld-07 2h --why "the lamp is being changed"
    """
    now, name = datetime.now(UTC), (by or who())[:128]
    target = station if station == EVERY else station_id(station)
    if end:
        _refuse_times(duration, until)
    until_when = None if end else _end(duration, until, long, now)
    settings = load(desks.PeopleSettings)
    desk = desks.open_desk(settings.kafka)
    held = table(desk.table(SILENCES))
    if until_when is None:
        word = _over(target, held, now, name)
    else:
        word = Silence(target=target, since=now, until=until_when, why=_why(why), by=name)
        _warn_of_unknown(desk, target, held, now)
    if word is not None:
        desk.write([Message(SILENCES, word.key, write_event(word))])
        say(_done(word, held, now))
    failed = _tell_alertmanager(settings.alertmanager, target, None if until_when is None else word)
    if as_json:
        print_json(_record(target, word, settings.alertmanager, failed))
    if failed:
        warn(f"{failed}. What it was told before may call on there; give the same command again")
        raise typer.Exit(1)


def _end(duration: str | None, until: str | None, long: bool, now: datetime) -> datetime:
    if (duration is None) == (until is None):
        raise Mistake("say for how long (2h) or until when (--until 2026-11-23T06:00), one of the two")
    ends = ahead(until, "--until", now) if until is not None else now + length(duration or "", "TIME")
    if ends - now > LONGEST and not long:
        raise Mistake(
            f"until {told(ends)} is more than 7 days: by then nobody remembers it. Say --long if you mean it; "
            "for what comes again, write a maintenance window into the line file"
        )
    return ends


def _refuse_times(duration: str | None, until: str | None) -> None:
    if duration is not None or until is not None:
        raise Mistake("--end ends the silence now: give no time with it")


def at_a_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _why(why: str) -> str:
    """The reason; asked for at a terminal. Raises Mistake where there is nobody to ask."""
    given = why.strip()
    if not given and at_a_terminal():
        given = str(typer.prompt("why", err=True)).strip()
    if not given:
        raise Mistake('say why, for whoever looks tonight: --why "the lamp is being changed"')
    return given[:1000]


def _over(target: str, held: Mapping[str, Silence], now: datetime, by: str) -> Silence | None:
    """The same silence, ended now; None, which is told, where there is none to end."""
    there, of_all = held.get(target), held.get(EVERY)
    if there is not None and there.until > now:
        return there.model_copy(update={"until": max(now, there.since), "by": by})
    if target != EVERY and of_all is not None and is_on(of_all, now):
        say(f"{target} has no silence of its own; all stations are quiet until {told(of_all.until)}: {of_all.why}")
        say("andon silence '*' --end ends that")
    else:
        say(f"{_name(target)} had no silence; nothing to end")
    return None


def _done(written: Silence, held: Mapping[str, Silence], now: datetime) -> str:
    if written.until <= now:
        return f"{_name(written.target)}: the silence is over; what is open is told within half a minute"
    before = held.get(written.target)
    instead = f", instead of until {told(before.until)}" if before is not None and is_on(before, now) else ""
    lasts = spoken(written.until - now)
    return f"nobody is called about {_name(written.target)} for {lasts}, until {told(written.until)}{instead}"


def _tell_alertmanager(settings: AlertmanagerSettings, target: str, wanted: Silence | None) -> str:
    """Sets or ends it there, too; answers what went wrong, '' for nothing."""
    if settings.url is None:
        return ""
    with closing(Silences(settings)) as silences:
        try:
            if wanted is not None:
                silences.keep(wanted)
            else:
                silences.end(target)
        except Broken as error:
            return str(error)
    return ""


def _warn_of_unknown(desk: desks.Desk, target: str, held: Mapping[str, Silence], now: datetime) -> None:
    if target == EVERY or target in held:
        return
    known = set(_stations(desk, now))
    if target not in known:
        near = get_close_matches(target, sorted(known), n=1, cutoff=0.5)
        meant = f"; did you mean {near[0]}?" if near else ""
        warn(f"{target} has neither a bundle of its own nor an incident within 30 days{meant}")


def _stations(desk: desks.Desk, now: datetime) -> Iterator[str]:
    """Every station that has an assignment, or had an incident lately."""
    with suppress(Broken):  # a line that assigns by '*' alone, or has no such topic yet, is no reason not to be quiet
        assigned = Assignments()
        for record in desk.table(MODELS):
            with suppress(Invalid):
                assigned.apply(record)
        yield from (each.active.station for each in assigned.all())
    with suppress(Broken):
        for record in desk.log(INCIDENTS, now - KNOWN_SINCE).records:
            with suppress(Invalid):
                event = read_event(IncidentEvent, record.value)
                yield from (event.station, *event.stations)


def _name(target: str) -> str:
    return "any station" if target == EVERY else target


def _record(target: str, written: Silence | None, settings: AlertmanagerSettings, failed: str) -> dict[str, Any]:
    silence = written.model_dump(mode="json", exclude={"schema_version"}) if written else None
    return {
        "station": target,
        "silence": silence,
        "alertmanager": failed or ("told" if settings.url else "off"),
    }
