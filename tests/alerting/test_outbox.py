"""Whether a page that is due is told now, and what an outbox makes of what Redis holds."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from andon.records import Cause, IncidentEvent, IncidentKind, Notice, NoticeKind, Severity, write_event
from andon_alerting.outbox import Entry, Pace, read_entry
from andon_alerting.put_off import When, when

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
ID = UUID(int=7)


def event(kind: IncidentKind, reason: str = "surge") -> IncidentEvent:
    return IncidentEvent(
        event_id=ID,
        incident_id=ID,
        kind=kind,
        station="weld-07",
        cause=Cause.DEFECT_SURGE,
        severity=Severity.CRITICAL,
        reason=reason,
        at=AT,
        opened_at=AT,
    )


OPENED, RESOLVED = event(IncidentKind.OPENED), event(IncidentKind.RESOLVED)
NEWS = Notice(notice_id=ID, kind=NoticeKind.PROMOTED, station="weld-07", sentence="It serves.", at=AT)
DUE = Entry("7", OPENED, again=False, attempts=0)
OVER = replace(DUE, over=RESOLVED)
REJECTS = replace(DUE, event=OPENED.model_copy(update={"cause": Cause.REJECT_RATE}))
DARK_OVER = replace(DUE, over=RESOLVED.model_copy(update={"cause": Cause.STATION_DARK}))


TABLE = [
    (DUE, None, When.NOW),
    (DUE, LATER, When.QUIET),
    (replace(DUE, put_off=True), LATER, When.QUIET),
    (replace(DUE, put_off=True), None, When.NOW),
    (replace(DUE, event=NEWS), LATER, When.QUIET),
    (replace(DUE, event=NEWS, put_off=True), None, When.NOW),
    (replace(DUE, again=True), LATER, When.NOW),
    (replace(DUE, event=RESOLVED, over=RESOLVED), LATER, When.NOW),
    (OVER, None, When.NOW),
    (OVER, LATER, When.OVER_QUIETLY),
    (replace(OVER, put_off=True), None, When.OVER_QUIETLY),
    (replace(DUE, over=event(IncidentKind.RESOLVED, "part_of_line")), None, When.PART_OF_LINE),
    (replace(DUE, event=event(IncidentKind.RESOLVED, "part_of_line")), None, When.NOW),
    (DARK_OVER, None, When.OVER_UNTOLD),
    (replace(DARK_OVER, attempts=1), None, When.NOW),  # the sink may have it
    (replace(DARK_OVER, tried=True), None, When.NOW),  # whoever was telling it died
    (replace(DUE, over=event(IncidentKind.RESOLVED, "by_a_person")), None, When.ENDED_UNTOLD),
    (replace(DUE, over=event(IncidentKind.RESOLVED, "by_a_person")), LATER, When.ENDED_UNTOLD),
    (replace(DUE, over=event(IncidentKind.RESOLVED, "by_a_person"), tried=True), None, When.NOW),
    (replace(OVER, tried=True), LATER, When.QUIET),
    (replace(OVER, attempts=1, put_off=True), None, When.NOW),
    (replace(DUE, over=event(IncidentKind.RESOLVED, "part_of_line"), tried=True), None, When.NOW),
    (replace(DUE, over=event(IncidentKind.RESOLVED, "does_harm")), None, When.DOES_HARM),
    (replace(REJECTS, over=RESOLVED), None, When.NOW),  # bad parts may have gone by
]
EXPLAINED = [
    (DUE, None, When.EXPLAINED),
    (DUE, LATER, When.QUIET),
    (OVER, None, When.OVER_QUIETLY),
    (replace(OVER, tried=True), None, When.EXPLAINED),
    (replace(DUE, again=True), None, When.NOW),
    (replace(DUE, event=RESOLVED, over=RESOLVED), None, When.NOW),
]


@pytest.mark.parametrize(("entry", "quiet_until", "said"), TABLE)
def test_quiet_time_puts_off_what_was_not_told_and_forgets_what_is_over(
    entry: Entry, quiet_until: datetime | None, said: When
) -> None:
    assert when(entry, quiet_until) is said


@pytest.mark.parametrize(("entry", "quiet_until", "said"), EXPLAINED)
def test_what_a_fault_of_the_camera_explains_waits_and_is_forgotten_when_it_is_over_first(
    entry: Entry, quiet_until: datetime | None, said: When
) -> None:
    assert when(entry, quiet_until, explained=True) is said


def test_every_answer_is_in_the_tables_above() -> None:
    assert {said for *_, said in (*TABLE, *EXPLAINED)} == set(When)


def row(told: str, over: bool, put_off: str = "", tried: str = "") -> list[str]:
    texts = [write_event(each).decode() for each in (OPENED, RESOLVED)]
    return ["7", texts[0], texts[1] if over else "", told, "3", put_off, tried]


@pytest.mark.parametrize(
    ("told", "over", "kind", "again"),
    [
        ("", False, "opened", False),
        ("", True, "opened", False),
        ("opened", False, "opened", True),
        ("opened", True, "resolved", False),
        ("resolved", True, "resolved", True),
    ],
)
def test_what_is_due_is_the_first_turn_that_was_not_told(told: str, over: bool, kind: str, again: bool) -> None:
    entry = read_entry(row(told, over))
    assert (entry.event.kind, entry.again, entry.attempts) == (kind, again, 3)
    assert entry.opened == OPENED
    assert (entry.over is not None) is over


def test_an_entry_remembers_that_it_was_put_off() -> None:
    assert read_entry(row("", False, "1")).put_off
    assert not read_entry(row("", False)).put_off


@pytest.mark.parametrize("calls", [6, 60, 120, 600])
def test_no_minute_sees_more_calls_than_allowed(calls: int) -> None:
    pace = Pace(calls)
    assert pace.burst + 60 / pace.interval_s <= calls
