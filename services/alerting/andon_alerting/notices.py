"""What Andon did by itself, told to people: notices in, pages out, through the same outbox as incidents.

A refused bundle is an incident: it opens with the refusal and is over when a bundle serves there, or another is
refused. Everything else is news: told once, while it is fresh, and never "resolved". Which refusals are open lies in
Redis (`kept.py`), and comes back from `incidents` where Redis has lost it.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from andon.errors import Invalid
from andon.ids import derived_id, drill_of
from andon.reasons import Reason
from andon.records import Cause, IncidentEvent, IncidentKind, Notice, NoticeKind, read_event, write_event
from andon.records.assignment import EVERY
from andon.stage import Message, Record, Rejected, Result
from andon.topics import INCIDENTS
from andon_alerting.finding_story import ending
from andon_alerting.kept import Slate, Telling
from andon_alerting.story import FIRST_ACTION, SEVERITY

REFUSAL_AGE_S = 86_400.0  # a refusal lasts, so it is told late, too; after a day somebody will have looked


class Noticing:
    """The handler: notices in, the events of refusals out, pages left on the slate."""

    __slots__ = ("_max_alert_age_s", "_slate")

    def __init__(self, slate: Slate[IncidentEvent], max_alert_age_s: float) -> None:
        self._slate = slate
        self._max_alert_age_s = max_alert_age_s

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """Decides on each notice in order."""
        results: list[Result] = []
        for record in records:
            try:
                notice = read_notice(record)
            except Invalid as error:
                results.append(Rejected(record, error.reason, error.detail))
                continue
            results += [_message(event) for event in self._turn(notice, now)]
        return results

    def _turn(self, notice: Notice, now: datetime) -> list[IncidentEvent]:
        age_s = (now - notice.at).total_seconds()
        if notice.kind not in (NoticeKind.BUNDLE_REFUSED, NoticeKind.BUNDLE_SERVES):
            if age_s <= self._max_alert_age_s:
                self._slate.tell(notice)
            return []
        place = place_of(notice)
        known = self._slate.kept.get(place)
        if known is not None and (known.incident_id == notice.notice_id or notice.at < known.at):
            return []  # said again, or of before
        events = [over(known, notice)] if known and is_open(known) else []
        self._slate.kept.pop(place, None)
        if notice.kind is NoticeKind.BUNDLE_REFUSED:
            opened = refusal(notice)
            self._slate.kept[place] = opened
            events.append(opened)
        self._tell(events, now)
        return events

    def _tell(self, events: Sequence[IncidentEvent], now: datetime) -> None:
        for event in events:
            if event.kind is IncidentKind.RESOLVED or _age_s(event, now) <= REFUSAL_AGE_S:
                self._slate.tell(event)


def is_open(known: IncidentEvent) -> bool:
    """Whether what is remembered of a place is open: a refusal that a person ended is remembered too, as the end of its
    incident, so that another replica that says it again opens it no more."""
    return known.kind is IncidentKind.OPENED


def ended_by_a_person(known: IncidentEvent, event: IncidentEvent) -> IncidentEvent:
    """What is remembered of a refusal whose incident a person ended by `event`: when it was refused stays."""
    return event.model_copy(update={"at": known.at, "evidence": ()})


def refusal(notice: Notice) -> IncidentEvent:
    """The incident that a refusal opens."""
    return IncidentEvent(
        event_id=derived_id(notice.notice_id, IncidentKind.OPENED),
        incident_id=notice.notice_id,
        kind=IncidentKind.OPENED,
        station=notice.station,
        cause=Cause.BUNDLE_REFUSED,
        severity=SEVERITY[Cause.BUNDLE_REFUSED],
        reason=notice.kind,
        at=notice.at,
        opened_at=notice.at,
        product=notice.product,
        bundle=notice.bundle,
        summary=notice.sentence,
        first_action=FIRST_ACTION[Cause.BUNDLE_REFUSED],
        drill=drill_of(notice.station) is not None,
    )


def over(opened: IncidentEvent, by: Notice) -> IncidentEvent:
    """The end of the incident `opened`, by the notice of what serves, or is refused, there now."""
    again = "Another bundle was refused since: " if by.kind is NoticeKind.BUNDLE_REFUSED else ""
    return ending(opened, by.kind, by.at, again + by.sentence)


def place_of(about: Telling) -> str:
    """What a bundle is assigned to: station and product."""
    return f"{about.station}/{about.product or EVERY}"


def places_of(record: Record) -> list[str]:
    """The place that a record speaks of."""
    with suppress(Invalid):
        return [place_of(read_notice(record))]
    return []


def read_notice(record: Record) -> Notice:
    """The notice in `record`. Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW, or BAD_STATION under another's key."""
    notice = read_event(Notice, record.value)
    if record.key != notice.station.encode():
        raise Invalid(Reason.BAD_STATION, f"the record's key is not its station {notice.station[:80]!r}")
    if notice.at.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "Notice: at needs a time zone")
    return notice


def _message(event: IncidentEvent) -> Message:
    return Message(INCIDENTS, event.station.encode(), write_event(event))


def _age_s(about: Telling, now: datetime) -> float:
    return (now - about.at).total_seconds()
