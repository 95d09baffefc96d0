"""Whom nobody is to be called about, and until when: silences that people set, and maintenance windows. Pure.

Incidents are recorded all the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import structlog

from andon.errors import Invalid
from andon.ids import drill_of
from andon.line import Plans
from andon.records import Cause, IncidentEvent, IncidentKind, Notice, Silence, read_event
from andon.records.assignment import EVERY
from andon.stage import Record

OF_EVERYTHING = frozenset({Cause.INSPECTOR_BROKEN, Cause.LEDGER_OUT_OF_BALANCE, Cause.EVIDENCE_AT_RISK})
"""Said of a whole line, these are no matter of single stations: only a silence of '*' keeps them quiet."""

LONGEST_CHAIN = 32
"""So many silences and windows that run into each other are followed to their end."""


def table(records: Iterable[Record]) -> dict[str, Silence]:
    """The last word on each target. What is no silence is told and passed over."""
    found: dict[str, Silence] = {}
    for record in records:
        try:
            each = read_silence(record)
        except Invalid as error:
            structlog.get_logger().warning("silence_refused", offset=record.offset, reason=str(error))
            continue
        if each is not None:
            found[each.target] = each
    return found


def read_silence(record: Record) -> Silence | None:
    """The silence in `record`; None for a tombstone, which compaction may leave. Raises Invalid."""
    return read_event(Silence, record.value) if record.value else None


def quiet_until(
    about: IncidentEvent | Notice, silences: Mapping[str, Silence], plans: Plans, now: datetime
) -> datetime | None:
    """Until when nobody is called about it. Of several stations, all must be quiet. A drill, and that somebody has
    taken an incident on, wake nobody, and are told at once."""
    if drill_of(about.station) is not None or (isinstance(about, IncidentEvent) and _wakes_nobody(about)):
        return None
    ends = [station_until(each, silences, plans, now) for each in concerned(about)]
    known = [each for each in ends if each is not None]
    return min(known) if len(known) == len(ends) else None


def _wakes_nobody(event: IncidentEvent) -> bool:
    return event.drill or event.kind is IncidentKind.ACKNOWLEDGED


def concerned(about: IncidentEvent | Notice) -> tuple[str, ...]:
    """The stations that must be quiet for it to be so; ('*',) where only everything can be."""
    of_stations = isinstance(about, IncidentEvent) and about.stations and about.cause not in OF_EVERYTHING
    if about.station == EVERY and of_stations and isinstance(about, IncidentEvent):
        return about.stations
    return (about.station,)


def station_until(station: str, silences: Mapping[str, Silence], plans: Plans, now: datetime) -> datetime | None:
    """When the station's quiet of now ends, those that follow without a gap included; None where it is not quiet."""
    end, at = None, now
    for _ in range(LONGEST_CHAIN):
        latest = max(_ends(station, silences, plans, at), default=at)
        if latest <= at:
            break
        end = at = latest
    return end


def _ends(station: str, silences: Mapping[str, Silence], plans: Plans, at: datetime) -> Iterator[datetime]:
    for each in (silences.get(station), silences.get(EVERY)):
        if each is not None and is_on(each, at):
            yield each.until
    for window in plans.of(station).maintenance if station != EVERY else ():
        end = window.until(at)
        if end is not None:
            yield end


def is_on(silence: Silence, at: datetime) -> bool:
    """Whether the silence holds at that moment."""
    return silence.since <= at < silence.until
