"""Notices: a refused bundle opens and closes, news are told once and while they are fresh, nothing is told twice."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from andon.ids import notice_id
from andon.incidents import Incident, resolved
from andon.line import Policy
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.records import (
    Cause,
    IncidentEvent,
    IncidentKind,
    Notice,
    NoticeKind,
    Score,
    Severity,
    read_event,
    write_event,
)
from andon.redis_client import Patience
from andon.stage import Message, Stage
from andon.topics import DEAD_LETTERS, INCIDENTS, NOTICES
from andon_alerting.ended import settling
from andon_alerting.kept import Keeping, Slate
from andon_alerting.memory import MemoryShelf
from andon_alerting.notices import Noticing, ended_by_a_person, is_open, places_of
from andon_alerting.notifiers.alertmanager import alert
from andon_alerting.outbox import Entry, turn
from andon_alerting.page import page
from andon_alerting.policy import OF_FRAMES, State, decide
from andon_alerting.rebuild import cards, pages, read_stories

OLD, NEW = "0a" * 32, "1b" * 32


@dataclass
class Desk:
    """The stage of notices in memory."""

    now: datetime
    kafka: MemoryKafka = field(default_factory=MemoryKafka)
    refusals: MemoryShelf[IncidentEvent] = field(default_factory=MemoryShelf)
    dropped: int = 0
    ended: dict[UUID, IncidentEvent] = field(default_factory=dict)

    def asked(self, incidents: Iterable[UUID]) -> dict[UUID, IncidentEvent]:
        """What people ended."""
        return {each: self.ended[each] for each in incidents if each in self.ended}

    def __post_init__(self) -> None:
        self.start = self.now

    def say(
        self, kind: NoticeKind, bundle: str = NEW, at_s: float = 0, station: str = "weld-07", product: str | None = None
    ) -> Notice:
        at = self.start + timedelta(seconds=at_s)
        given = Notice(
            notice_id=notice_id(kind, station, product, bundle, str(at_s)),
            kind=kind,
            station=station,
            product=product,
            bundle=bundle,
            sentence=f"{station}: {kind}",
            at=at,
        )
        self.kafka.append(Message(NOTICES, station.encode(), write_event(given)))
        return given

    def turn(self, at_s: float = 1.0) -> list[str]:
        """Reads what is new as a new process would; answers the pages there are by now, in order."""
        self.now = self.start + timedelta(seconds=at_s)
        slate = Slate[IncidentEvent]()
        source = Keeping(
            MemorySource(self.kafka, [NOTICES], "g"),
            self.refusals,
            slate,
            places_of,
            Patience(lambda: None, 1),
            clock=lambda: self.now,
            settle=settling(self.asked, lambda known: [known.incident_id] if is_open(known) else [], ended_by_a_person),
        )
        sink, dead = MemorySink(self.kafka), MemoryDeadLetters(self.kafka)
        Stage("notices", source, Noticing(slate, 300), sink, dead).step(lambda: self.now)
        return [f"{each.station} {page(each).kind} {page(each).cause}" for each in self.refusals.told.values()]

    def events(self) -> list[IncidentEvent]:
        return [read_event(IncidentEvent, each.value) for each in self.kafka.records(INCIDENTS)]


@pytest.fixture
def desk(start: datetime) -> Desk:
    return Desk(start)


def test_a_refused_bundle_opens_an_incident_that_ends_when_one_serves(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED)
    assert desk.turn() == ["weld-07 opened bundle_refused"]
    desk.say(NoticeKind.BUNDLE_SERVES, OLD, at_s=60)
    assert desk.turn(61) == ["weld-07 opened bundle_refused", "weld-07 resolved bundle_refused"]
    opened, over = desk.events()
    assert (opened.kind, over.kind) == (IncidentKind.OPENED, IncidentKind.RESOLVED)
    assert opened.incident_id == over.incident_id
    assert (opened.summary, over.summary) == ("weld-07: bundle_refused", "weld-07: bundle_serves")
    assert desk.refusals.held == {}


def test_that_a_stations_reference_is_learned_is_news_told_once(desk: Desk) -> None:
    for _ in range(2):
        desk.say(NoticeKind.BASELINE_LEARNED)
    assert desk.turn() == ["weld-07 notice baseline_learned"]
    (notice,) = desk.refusals.told.values()
    assert page(notice).severity is Severity.INFO
    assert desk.events() == []


def test_a_refusal_said_by_every_replica_is_told_once(desk: Desk) -> None:
    for _ in range(3):
        desk.say(NoticeKind.BUNDLE_REFUSED)
    assert desk.turn() == ["weld-07 opened bundle_refused"]
    desk.say(NoticeKind.BUNDLE_REFUSED)
    assert desk.turn() == ["weld-07 opened bundle_refused"]
    assert len(desk.events()) == 1


def test_another_refused_bundle_ends_the_first_refusal_and_opens_its_own(desk: Desk) -> None:
    first = desk.say(NoticeKind.BUNDLE_REFUSED, OLD)
    second = desk.say(NoticeKind.BUNDLE_REFUSED, NEW, at_s=1)
    desk.turn(2)
    assert [(each.incident_id, each.kind) for each in desk.events()] == [
        (first.notice_id, "opened"),
        (first.notice_id, "resolved"),
        (second.notice_id, "opened"),
    ]


def test_products_of_a_station_have_refusals_of_their_own(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED, product="bracket")
    desk.say(NoticeKind.BUNDLE_SERVES, product="hinge", at_s=1)
    assert desk.turn(2) == ["weld-07 opened bundle_refused"]
    assert list(desk.refusals.held) == ["weld-07/bracket"]


def test_what_served_before_the_refusal_does_not_end_it(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED, at_s=10)
    desk.say(NoticeKind.BUNDLE_SERVES, OLD, at_s=5)
    assert desk.turn(11) == ["weld-07 opened bundle_refused"]


def test_a_bundle_that_serves_where_nothing_was_refused_is_no_news(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_SERVES)
    assert desk.turn() == []
    assert desk.events() == []


@pytest.mark.parametrize("kind", [each for each in NoticeKind if not each.value.startswith("bundle_")])
def test_news_is_told_once_and_opens_nothing(desk: Desk, kind: NoticeKind) -> None:
    desk.say(kind)
    desk.say(kind)
    assert desk.turn() == [f"weld-07 notice {kind}"]
    assert desk.events() == []


def test_old_news_is_not_told(desk: Desk) -> None:
    desk.say(NoticeKind.ONBOARDED)
    assert desk.turn(301) == []


def test_a_refusal_lasts_so_it_is_told_late(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED)
    assert desk.turn(7200) == ["weld-07 opened bundle_refused"]


def test_a_refusal_that_was_over_long_before_anybody_could_be_told_is_only_recorded(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED)
    desk.say(NoticeKind.BUNDLE_SERVES, at_s=60)
    assert desk.turn(7200) == []
    assert [each.kind for each in desk.events()] == ["opened", "resolved"]


def test_a_record_that_is_no_notice_is_a_dead_letter(desk: Desk) -> None:
    desk.kafka.append(Message(NOTICES, b"weld-07", b"{}"))
    desk.kafka.append(Message(NOTICES, b"weld-08", write_event(desk.say(NoticeKind.ONBOARDED))))
    assert desk.turn() == ["weld-07 notice onboarded"]
    assert len(desk.kafka.records(DEAD_LETTERS)) == 2


def test_a_page_of_news_says_its_sentence_and_is_never_over(desk: Desk) -> None:
    told = page(desk.say(NoticeKind.ROLLED_BACK, product="bracket"))
    assert told.description == (f"weld-07: rolled_back\nAt 2026-03-02 14:00:00 UTC.\nBundle {NEW[:12]}.")
    made = alert(told, desk.now, 180)
    assert made["labels"] == {
        "alertname": "AndonNotice",
        "station": "weld-07",
        "place": "weld-07",
        "cause": "rolled_back",
        "severity": "warning",
        "product": "bracket",
        "incident": told.incident.hex[:12],
    }
    assert made["endsAt"] > made["startsAt"]
    assert turn(desk.say(NoticeKind.ONBOARDED)) is IncidentKind.OPENED
    assert alert(page(desk.say(NoticeKind.ONBOARDED)), desk.now, 180)["labels"]["severity"] == "info"


def test_an_alert_of_a_refusal_has_a_name_of_its_own(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED)
    desk.turn()
    labels = alert(page(desk.events()[0]), desk.now, 180)["labels"]
    assert (labels["alertname"], labels["severity"]) == ("AndonBundleRefused", "warning")


def test_scores_neither_open_nor_close_a_refusal(score: Callable[..., Score]) -> None:
    state = State("weld-07")
    for seq in range(30):
        state, decisions = decide(state, score("u" if seq < 10 else "o", seq), Policy())
        assert not [each for each in decisions if each.incident and each.incident.cause is Cause.BUNDLE_REFUSED]
    assert Cause.BUNDLE_REFUSED not in OF_FRAMES


def test_a_rebuild_puts_back_the_page_of_an_open_refusal_but_no_state_of_the_station(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED)
    desk.turn()
    stories = read_stories(desk.kafka.records(INCIDENTS), 300)
    assert cards({}, {}, stories) == []
    (told,) = pages(stories, desk.start)
    assert (told.opened.cause, told.resolved) == (Cause.BUNDLE_REFUSED, None)


def test_an_entry_of_news_is_settled_as_opened(start: datetime) -> None:
    given = Notice(notice_id=UUID(int=1), kind=NoticeKind.PROMOTED, station="s", sentence="x", at=start)
    assert Entry("1", given, again=False, attempts=0).turn == "opened"


def test_a_failed_drill_is_a_warning_and_one_that_passed_is_news(desk: Desk) -> None:
    for kind, severity in ((NoticeKind.DRILL_FAILED, "warning"), (NoticeKind.DRILL_PASSED, "info")):
        told = page(desk.say(kind))
        assert (told.severity, told.cause, told.kind) == (severity, kind, "notice")


def test_a_bundle_refused_for_a_drill_copy_is_a_drill(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED, station="drill.weld-07")
    desk.say(NoticeKind.BUNDLE_REFUSED, station="weld-07")
    desk.turn()
    events = [read_event(IncidentEvent, each.value) for each in desk.kafka.records(INCIDENTS)]
    assert {each.station: each.drill for each in events} == {"drill.weld-07": True, "weld-07": False}


def test_a_refusal_that_a_person_ended_is_not_opened_by_the_next_replica_but_by_the_next_bundle(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED)
    desk.turn()
    (opened,) = desk.events()
    desk.ended[opened.incident_id] = resolved(Incident([opened]), "Mira", "", desk.start)
    desk.say(NoticeKind.BUNDLE_REFUSED)
    assert desk.turn(2) == ["weld-07 opened bundle_refused", "weld-07 resolved bundle_refused"]
    assert len(desk.events()) == 1
    desk.say(NoticeKind.BUNDLE_REFUSED, "2c" * 32, at_s=5)
    assert desk.turn(6)[-1] == "weld-07 opened bundle_refused"
    assert [each.kind for each in desk.events()] == ["opened", "opened"]
    desk.say(NoticeKind.BUNDLE_SERVES, OLD, at_s=9)
    assert desk.turn(10)[-1] == "weld-07 resolved bundle_refused"
    assert desk.refusals.held == {}


def test_a_bundle_that_serves_after_a_person_ended_its_refusal_ends_nothing_more(desk: Desk) -> None:
    desk.say(NoticeKind.BUNDLE_REFUSED)
    desk.turn()
    (opened,) = desk.events()
    desk.ended[opened.incident_id] = resolved(Incident([opened]), "Mira", "", desk.start)
    desk.say(NoticeKind.BUNDLE_SERVES, OLD, at_s=9)
    desk.turn(10)
    assert len(desk.events()) == 1
    assert desk.refusals.held == {}
