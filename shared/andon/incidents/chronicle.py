"""Incidents out of their events: what each was, how it stands, who was told and who took it on. Pure."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from andon.errors import Invalid, Mistake
from andon.incidents.read import read_turn
from andon.incidents.when import spoken, stamp
from andon.records import Cause, Evidence, IncidentEvent, IncidentKind
from andon.stage import Record

SHORT = 8
LEAST_DIGITS = 6
ACCEPTED = "accepted"  # a paged event may also say why nobody was told
_DIGITS = re.compile(r"[0-9a-f]{6,32}")


@dataclass(slots=True)
class Incident:
    """One incident: its turns in the order they were written, each once."""

    turns: list[IncidentEvent] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        """The incident's own."""
        return self.turns[0].incident_id

    @property
    def short(self) -> str:
        """As people type it."""
        return self.id.hex[:SHORT]

    @property
    def last(self) -> IncidentEvent:
        """The latest turn that tells how it stands."""
        news = [each for each in self.turns if each.kind not in (IncidentKind.PAGED, IncidentKind.ACKNOWLEDGED)]
        return (news or self.turns)[-1]

    @property
    def resolved(self) -> IncidentEvent | None:
        """Its end."""
        return self._first(IncidentKind.RESOLVED)

    @property
    def taken(self) -> IncidentEvent | None:
        """Who took it on: the first counts."""
        return self._first(IncidentKind.ACKNOWLEDGED)

    @property
    def since(self) -> datetime:
        """When it began."""
        return self.turns[0].opened_at

    def lasted(self, now: datetime) -> timedelta:
        """For how long it was, or has been, open."""
        return (self.resolved.at if self.resolved else now) - self.since

    @property
    def told(self) -> dict[str, list[IncidentEvent]]:
        """What each sink accepted, in order."""
        found: dict[str, list[IncidentEvent]] = {}
        for each in self.turns:
            if each.kind is IncidentKind.PAGED and each.sink and each.reason == ACCEPTED:
                found.setdefault(each.sink, []).append(each)
        return found

    @property
    def where(self) -> str:
        """Station or line, for people."""
        last = self.last
        if last.station != "*":
            return f"{last.station} ({last.line})" if last.line else last.station
        some = ", ".join(last.stations[:3]) + (f" and {len(last.stations) - 3} more" if len(last.stations) > 3 else "")
        return f"{last.line or 'some stations'}: {some}" if some else last.line or "everything"

    @property
    def sentence(self) -> str:
        """What is, or was, wrong. Its end tells only that it is good again."""
        said = [each.summary for each in self.turns if each.summary and each.kind not in _NO_NEWS]
        return said[-1] if said else (self.resolved.summary if self.resolved else "")

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The frames of the latest turn that has any."""
        return next((each.evidence for each in reversed(self.turns) if each.evidence), ())

    def _first(self, kind: IncidentKind) -> IncidentEvent | None:
        return next((each for each in self.turns if each.kind is kind), None)


_NO_NEWS = (IncidentKind.RESOLVED, IncidentKind.PAGED, IncidentKind.ACKNOWLEDGED)


class Chronicle:
    """All incidents that some records tell of."""

    def __init__(self) -> None:
        self.incidents: dict[UUID, Incident] = {}
        self._seen: set[UUID] = set()

    def add(self, record: Record) -> IncidentEvent | None:
        """Takes in one record; answers its event, None for a repeat or for what cannot be read."""
        with suppress(Invalid):
            event = read_turn(record.value)
            if event.event_id not in self._seen:
                self._seen.add(event.event_id)
                self.incidents.setdefault(event.incident_id, Incident()).turns.append(event)
                return event
        return None

    def read(self, records: Iterable[Record]) -> "Chronicle":
        """Takes in all of them."""
        for record in records:
            self.add(record)
        return self

    @property
    def open(self) -> list[Incident]:
        """Those that are not over, the newest first."""
        return _newest([each for each in self.incidents.values() if each.resolved is None])

    def meant(self, text: str, *, or_over: bool = False) -> Incident:
        """The incident that people mean: its id, 6 digits of it or more, or a station that has one open; the station's
        last one, `or_over`, where none is.

        Raises Mistake when they mean none, or several.
        """
        digits = text.strip().lower().replace("-", "")
        if _DIGITS.fullmatch(digits):
            found = [each for each in self.incidents.values() if each.id.hex.startswith(digits)]
            if found:
                return _only(found, f"{text}: {len(found)} incidents begin so; give more digits")
        found = [each for each in self.open if text in names(each)]
        if found:
            return _only(found, f"{text} has {len(found)} open incidents; say which")
        past = _newest([each for each in self.incidents.values() if text in names(each)])
        if past and or_over:
            return past[0]
        raise Mistake(_none_open(text, past[0]) if past else _unknown(text, self))


@dataclass(frozen=True)
class Wanted:
    """Which incidents people want to see: open at any time since `since`, of some station, line or cause."""

    since: datetime
    open: bool = False
    station: str | None = None
    line: str | None = None
    cause: Cause | None = None

    def has(self, incident: Incident) -> bool:
        """Whether they want this one."""
        last, over = incident.last, incident.resolved
        return (
            (over is None or (not self.open and over.at >= self.since))
            and (self.station is None or self.station in names(incident))
            and (self.line is None or self.line == last.line)
            and (self.cause is None or self.cause is last.cause)
        )

    def of(self, incidents: Iterable[Incident]) -> list[Incident]:
        """Those they want: what is open first, then the newest."""
        found = _newest([each for each in incidents if self.has(each)])
        return sorted(found, key=lambda each: each.resolved is not None)


def names(incident: Incident) -> set[str]:
    """The stations it is about; '*' where it is about a whole line."""
    return {incident.last.station, *incident.last.stations}


def _newest(found: list[Incident]) -> list[Incident]:
    return sorted(found, key=lambda each: each.since, reverse=True)


def _only(found: Sequence[Incident], otherwise: str) -> Incident:
    if len(found) == 1:
        return found[0]
    some = "; ".join(
        f"{each.id.hex[: SHORT + 4]} {each.last.cause} at {each.where} since {stamp(each.since)} UTC"
        for each in found[:5]
    )
    raise Mistake(f"{otherwise}: {some}")


def _none_open(station: str, last: Incident) -> str:
    over = f" since {stamp(last.resolved.at)} UTC" if last.resolved else ""
    return f"{station} has no open incident: its last one, {last.short} {last.last.cause}, has been over{over}"


def _unknown(text: str, chronicle: Chronicle) -> str:
    there = chronicle.open
    if not there:
        return f"{text[:60]!r} is no incident, nor a station with an open one; nothing is open (andon incidents)"
    newest = there[0]
    return (
        f"{text[:60]!r} is no incident, nor a station with an open one; give its first {LEAST_DIGITS} digits or more. "
        f"The newest open one is {newest.short}: {newest.last.cause} at {newest.where}"
    )


def taken_by(incident: Incident) -> str:
    """Who took it on and when: `Mira at 06:32`; '' for nobody."""
    taken = incident.taken
    return f"{taken.by or 'somebody'} at {taken.at:%H:%M}" if taken else ""


def standing(incident: Incident, now: datetime) -> str:
    """`open for 12 min`, or `over after 40 s`."""
    lasted = spoken(incident.lasted(now))
    return f"over after {lasted}" if incident.resolved else f"open for {lasted}"


def turn_words(event: IncidentEvent) -> str:
    """One turn in a sentence."""
    match event.kind:
        case IncidentKind.PAGED:
            turn = "is over" if event.about is IncidentKind.RESOLVED else "began"
            dropped = event.reason.replace("_", " ") if event.reason != ACCEPTED else ""
            return f"{event.sink} was {'not ' if dropped else ''}told that it {turn}{f': {dropped}' if dropped else ''}"
        case IncidentKind.ACKNOWLEDGED:
            return event.summary or f"{event.by or 'somebody'} has taken it on"
        case IncidentKind.RESOLVED:
            return f"resolved: {event.summary}"
    return f"{event.kind}: {event.cause}: {event.summary}"
