"""What Andon did by itself, told to people: notices in, pages out, through the same outbox as incidents.

A refused bundle is an incident: it opens with the refusal and is over when a bundle serves there, or another is
refused. Everything else is news: told once, while it is fresh, and never "resolved". Which refusals are open lies in
Redis, and comes back from `incidents` where Redis has lost it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from andon.errors import Invalid
from andon.ids import derived_id
from andon.reasons import Reason
from andon.records import Cause, IncidentEvent, IncidentKind, Notice, NoticeKind, read_event, write_event
from andon.records.assignment import EVERY
from andon.stage import Message, Record, Rejected, Result, Source
from andon.topics import INCIDENTS
from andon_alerting.redis_client import Patience
from andon_alerting.story import FIRST_ACTION, SEVERITY

REFUSAL_AGE_S = 86_400.0  # a refusal lasts, so it is told late, too; after a day somebody will have looked

Telling = IncidentEvent | Notice
"""What a page tells of."""


@dataclass(slots=True)
class NoticeBoard:
    """Which refusals are open, by place, as Redis holds it and as it is now; and what is to be told."""

    held: dict[str, IncidentEvent] = field(default_factory=dict)
    open: dict[str, IncidentEvent] = field(default_factory=dict)
    pages: list[Telling] = field(default_factory=list)

    def begin(self, held: Mapping[str, IncidentEvent]) -> None:
        """A new turn."""
        self.held, self.open, self.pages = dict(held), dict(held), []

    @property
    def changes(self) -> dict[str, IncidentEvent | None]:
        """What is open now that was not, and None for what is over."""
        over: dict[str, IncidentEvent | None] = dict.fromkeys(self.held.keys() - self.open.keys())
        return over | {place: event for place, event in self.open.items() if self.held.get(place) != event}


class Refusals(Protocol):
    """Where the open refusals and the pages lie; `states.RedisRefusals` is the real one."""

    def load(self, places: Iterable[str]) -> dict[str, IncidentEvent]:
        """The open refusals at these places."""

    def save(self, changes: Mapping[str, IncidentEvent | None], pages: Sequence[Telling], now: datetime) -> None:
        """Queues the pages, each once however often it is said, then keeps what changed."""


class Noticing:
    """The handler: notices in, the events of refusals out, pages left on the board."""

    __slots__ = ("_board", "_max_alert_age_s")

    def __init__(self, board: NoticeBoard, max_alert_age_s: float) -> None:
        self._board = board
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
                self._board.pages.append(notice)
            return []
        place = place_of(notice)
        known = self._board.open.get(place)
        if known is not None and (known.incident_id == notice.notice_id or notice.at < known.at):
            return []  # said again, or of before
        events = [over(known, notice)] if known else []
        self._board.open.pop(place, None)
        if notice.kind is NoticeKind.BUNDLE_REFUSED:
            opened = refusal(notice)
            self._board.open[place] = opened
            events.append(opened)
        self._tell(events, now)
        return events

    def _tell(self, events: Sequence[IncidentEvent], now: datetime) -> None:
        for event in events:
            first = next((each for each in self._board.pages if _opens(each, event)), None)
            if event.kind is IncidentKind.RESOLVED and first and _age_s(first, now) > self._max_alert_age_s:
                self._board.pages.remove(first)  # over before anybody was told, and long ago
            elif event.kind is IncidentKind.RESOLVED or _age_s(event, now) <= REFUSAL_AGE_S:
                self._board.pages.append(event)


class Remarking:
    """A source of notices: lays what Redis knows on the board, and writes back what was decided before the commit."""

    def __init__(
        self,
        source: Source,
        refusals: Refusals,
        board: NoticeBoard,
        patience: Patience,
        *,
        clock: Callable[[], datetime],
        on_saved: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._refusals = refusals
        self._board = board
        self._patience = patience
        self._clock = clock
        self._on_saved = on_saved

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """The notices, with the refusals that are open at their places."""
        batch = self._source.poll()
        places = set()
        for record in batch:
            with suppress(Invalid):
                places.add(place_of(read_notice(record)))
        self._board.begin(self._patience(lambda: self._refusals.load(places)) if places else {})
        return batch

    def commit(self) -> None:
        """Redis, then the offsets."""
        board = self._board
        if board.pages or board.changes:
            self._patience(lambda: self._refusals.save(board.changes, board.pages, self._clock()))
            self._on_saved()
        self._source.commit()

    def hold(self, records: Sequence[Record]) -> None:
        """As the source."""
        self._source.hold(records)

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """As the source."""
        self._source.close()


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
    )


def over(opened: IncidentEvent, by: Notice) -> IncidentEvent:
    """The end of the incident `opened`, by the notice of what serves, or is refused, there now."""
    again = "Another bundle was refused since: " if by.kind is NoticeKind.BUNDLE_REFUSED else ""
    return opened.model_copy(
        update={
            "event_id": derived_id(opened.incident_id, IncidentKind.RESOLVED),
            "kind": IncidentKind.RESOLVED,
            "reason": by.kind,
            "at": by.at,
            "summary": again + by.sentence,
            "first_action": "",
        }
    )


def place_of(about: Telling) -> str:
    """What a bundle is assigned to: station and product."""
    return f"{about.station}/{about.product or EVERY}"


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


def _opens(page: Telling, event: IncidentEvent) -> bool:
    return isinstance(page, IncidentEvent) and page.incident_id == event.incident_id


def _age_s(about: Telling, now: datetime) -> float:
    return (now - about.at).total_seconds()
