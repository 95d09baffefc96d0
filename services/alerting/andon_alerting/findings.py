"""What was found wrong with the inspection becomes incidents: findings in, incidents and pages out.

`drift` has one partition, so one process of alerting decides for all stations and lines; `correlate.py` is what it
decides by. What it remembers lies in Redis, by cause (`kept.py`, `finding_state.py`).

A finding lasts until it is over, so however late it is read, people are told; but then a little later, so that what
the next records end wakes nobody.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from andon.errors import Invalid
from andon.ids import station_id
from andon.line import Plans
from andon.metrics import Metrics
from andon.reasons import Reason
from andon.records import Finding, IncidentEvent, IncidentKind, read_event, write_event
from andon.records.assignment import EVERY
from andon.stage import Handler, Message, Record, Rejected, Result
from andon.topics import INCIDENTS
from andon_alerting.correlate import Turn, take
from andon_alerting.kept import Slate
from andon_alerting.watch import FOUND, PARTNER, Watch

LATE_WAIT_S = 5.0  # how long a page of a late finding waits for the records that may end it


@dataclass(slots=True)
class FindingSlate(Slate[Watch]):
    """What is remembered, by cause. `decided` is for those who watch."""

    decided: list[tuple[Finding, Turn]] = field(default_factory=list)


class Taking:
    """The handler: findings in, the events of incidents out, pages left on the slate."""

    __slots__ = ("_max_alert_age_s", "_plans", "_slate")

    def __init__(self, slate: FindingSlate, plans: Plans, max_alert_age_s: float) -> None:
        self._slate = slate
        self._plans = plans
        self._max_alert_age_s = max_alert_age_s

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """Decides on each finding in order."""
        self._slate.decided.clear()
        results: list[Result] = []
        for record in records:
            try:
                finding = read_finding(record)
            except Invalid as error:
                results.append(Rejected(record, error.reason, error.detail))
                continue
            results += [_message(event) for event in self._turn(finding, now)]
        return results

    def _turn(self, finding: Finding, now: datetime) -> Iterator[IncidentEvent]:
        kept, partner = self._slate.kept, PARTNER.get(finding.cause)
        other = kept.get(partner) if partner else None
        kept[finding.cause], turns = take(kept.get(finding.cause, Watch()), finding, self._plans, other)
        is_late = (now - finding.at).total_seconds() > self._max_alert_age_s
        for turn in turns:
            self._slate.decided.append((finding, turn))
            if turn.event is not None:
                self._slate.tell(turn.event, LATE_WAIT_S if is_late else 0.0)
                yield turn.event


def read_finding(record: Record) -> Finding:
    """The finding in `record`. Raises Invalid: BAD_RECORD, SCHEMA_TOO_NEW, or BAD_STATION under another's key."""
    finding = read_event(Finding, record.value)
    if finding.station != EVERY:
        station_id(finding.station)
    if record.key != finding.station.encode():
        raise Invalid(Reason.BAD_STATION, f"the record's key is not its station {finding.station[:80]!r}")
    if finding.cause not in FOUND:
        raise Invalid(Reason.BAD_RECORD, f"Finding: cause {finding.cause} is not one that is found")
    if finding.since.tzinfo is None or finding.at.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "Finding: since and at need a time zone")
    return finding


def places_of(record: Record) -> list[str]:
    """The cause that a record speaks of, under which it is remembered, and what it is decided on beside."""
    with suppress(Invalid):
        cause = read_finding(record).cause
        return [cause, *filter(None, [PARTNER.get(cause)])]
    return []


def watched(handle: Handler, slate: FindingSlate, metrics: Metrics) -> Handler:
    """`handle`, with its decisions logged and its incidents counted."""

    def watching(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        results = list(handle(records, now))
        for finding, turn in slate.decided:
            event = turn.event
            if event is not None and event.kind is IncidentKind.OPENED:
                metrics.incidents_opened.labels(event.station, event.cause.value).inc()
            structlog.get_logger().info(
                f"finding_{finding.kind}",
                station=finding.station,
                cause=finding.cause.value,
                why=turn.why.value,
                finding=str(finding.finding_id),
                incident=str(event.incident_id) if event else None,
            )
        return results

    return watching


def _message(event: IncidentEvent) -> Message:
    return Message(INCIDENTS, event.station.encode(), write_event(event))
