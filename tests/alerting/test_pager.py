"""Telling people: what is tried again, when, and what Kafka hears of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from andon.errors import Broken
from andon.line import Plan, Policy
from andon.memory import MemoryKafka, MemorySink
from andon.metrics import Metrics
from andon.records import IncidentEvent, Score, Severity, read_event
from andon.topics import INCIDENTS
from andon_alerting.notifiers import Answer, Delivered, Refused, RetryAfter
from andon_alerting.outbox import Entry
from andon_alerting.page import Page
from andon_alerting.pager import Crew, Pager
from andon_alerting.policy import State, decide
from andon_alerting.settings import PagingSettings
from andon_alerting.story import turned


@dataclass
class Outbox:
    """Hands out what it is given; keeps how each was settled."""

    entries: list[Entry]
    settled: list[tuple[str, float | None]] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    given_back: int = 0

    def claim(self, batch: int, now_s: float) -> list[Entry]:
        taken, self.entries = self.entries[:batch], self.entries[batch:]
        return taken

    def told(self, entry: Entry, now_s: float, again_in_s: float | None = None) -> None:
        self.settled.append(("told", again_in_s))

    def later(self, entry: Entry, now_s: float, pause_s: float) -> None:
        self.settled.append(("later", pause_s))

    def dropped(self, entry: Entry, now_s: float) -> None:
        self.settled.append(("dropped", None))

    def put_off(self, entry: Entry, now_s: float, until_s: float) -> None:
        self.settled.append(("put off", until_s - now_s))

    def apart(self, entries: Sequence[Entry], now_s: float, parts: Sequence[str]) -> None:
        self.settled += [("apart", None)] * len(entries)

    def unused(self, entry: Entry) -> None:
        self.given_back += 1

    def rest(self, until_s: float) -> None:
        self.rests.append(until_s)

    def waiting(self) -> int:
        return len(self.entries)


@dataclass
class Notifier:
    """Answers as told."""

    answers: list[Answer]
    name: str = "bell"
    batch: int = 8
    resend_s: float | None = None
    linger_s: float = 300
    heard: list[list[Page]] = field(default_factory=list)

    def send(self, pages: Sequence[Page], now: datetime) -> Answer:
        self.heard.append(list(pages))
        return self.answers.pop(0)

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Desk:
    """A pager with everything it needs."""

    outbox: Outbox
    notifier: Notifier
    now: datetime
    state: State | None = None
    quiet_s: float | None = None
    explained: bool = False
    kafka: MemoryKafka = field(default_factory=MemoryKafka)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def turn(self) -> int:
        return self.pager.turn()

    @property
    def pager(self) -> Pager:
        return Pager(
            self.notifier,
            self.outbox,  # type: ignore[arg-type]
            MemorySink(self.kafka),
            lambda _station: self.state,
            PagingSettings(),
            lambda: self.now,
            Random(1),
            Metrics(CollectorRegistry()),
            lambda _about, now: None if self.quiet_s is None else now + timedelta(seconds=self.quiet_s),
            lambda _about: self.explained,
        )

    def events(self) -> list[IncidentEvent]:
        return [read_event(IncidentEvent, each.value) for each in self.kafka.records(INCIDENTS)]


@pytest.fixture
def story(score: Callable[..., Score]) -> list[IncidentEvent]:
    """Opened and resolved."""
    state, found = State("weld-07"), list[IncidentEvent]()
    for seq, letter in enumerate("aaa" + "o" * 10):
        state, decisions = decide(state, score(letter, seq), Policy())
        found += [event for each in decisions if (event := turned(Plan("weld-07"), each))]
    return found


def entry(event: IncidentEvent, again: bool = False, attempts: int = 0) -> Entry:
    return Entry(str(event.incident_id), event, again, attempts)


def test_an_accepted_page_is_written_to_kafka_and_settled(story: list[IncidentEvent], start: datetime) -> None:
    desk = Desk(Outbox([entry(story[0])]), Notifier([Delivered()]), start)
    assert desk.turn() == 1
    (event,) = desk.events()
    assert (event.kind, event.sink, event.about) == ("paged", "bell", "opened")
    assert desk.outbox.settled == [("told", None)]


def test_the_same_page_accepted_twice_is_one_event(story: list[IncidentEvent], start: datetime) -> None:
    desk = Desk(Outbox([entry(story[0])]), Notifier([Delivered(), Delivered()]), start)
    desk.turn()
    desk.outbox.entries = [entry(story[0])]
    desk.turn()
    first, again = desk.events()
    assert first.event_id == again.event_id


def test_a_page_that_kafka_does_not_hear_of_is_not_settled(story: list[IncidentEvent], start: datetime) -> None:
    desk = Desk(Outbox([entry(story[0])]), Notifier([Delivered()]), start)
    desk.kafka.down = True
    with pytest.raises(Broken):
        desk.turn()
    assert desk.outbox.settled == []


@pytest.mark.parametrize(
    ("attempts", "asked", "least", "most"),
    [(0, None, 0.5, 1.0), (3, None, 4.0, 8.0), (50, None, 30.0, 60.0), (0, 17.0, 17.0, 17.0), (50, 1.0, 30.0, 60.0)],
)
def test_pauses_double_up_to_a_limit_and_honour_what_the_sink_asks(
    attempts: int, asked: float | None, least: float, most: float, story: list[IncidentEvent], start: datetime
) -> None:
    outbox = Outbox([entry(story[0], attempts=attempts)])
    desk = Desk(outbox, Notifier([RetryAfter(asked, "http_429")]), start)
    desk.turn()
    ((how, pause),) = outbox.settled
    assert how == "later"
    assert pause is not None
    assert least <= pause <= most
    assert desk.events() == []


def test_a_refused_page_is_given_up_without_a_paged_event(story: list[IncidentEvent], start: datetime) -> None:
    desk = Desk(Outbox([entry(story[0])]), Notifier([Refused("http_400", "bad")]), start)
    desk.turn()
    assert desk.outbox.settled == [("told", None)]
    assert desk.events() == []


def test_one_bad_page_does_not_take_its_neighbours_with_it(story: list[IncidentEvent], start: datetime) -> None:
    outbox = Outbox([entry(each) for each in story])
    desk = Desk(outbox, Notifier([Refused("http_400")]), start)
    desk.turn()
    assert [len(each) for each in desk.notifier.heard] == [2], "no call beyond the sink's pace"
    assert outbox.settled == [("apart", None)] * 2
    assert desk.events() == []


def test_pages_that_travelled_together_are_tried_again_together(story: list[IncidentEvent], start: datetime) -> None:
    outbox = Outbox([entry(story[0], attempts=0), entry(story[0], attempts=5)])
    Desk(outbox, Notifier([RetryAfter(None, "http_503")]), start).turn()
    (first, second) = outbox.settled
    assert first == second
    assert first[1] is not None
    assert 16 <= first[1] <= 32
    assert outbox.rests == []


@pytest.mark.parametrize(("asked", "rest"), [(17.0, 17.0), (3600.0, 60.0)])
def test_a_sink_that_asks_for_a_pause_gets_none_of_the_others_either(
    asked: float, rest: float, story: list[IncidentEvent], start: datetime
) -> None:
    outbox = Outbox([entry(story[0])])
    Desk(outbox, Notifier([RetryAfter(asked, "http_429")]), start).turn()
    assert outbox.rests == [start.timestamp() + rest]


@pytest.mark.parametrize(("quiet_s", "looked_at_in_s"), [(7200.0, 30.0), (12.0, 12.0)])
def test_in_quiet_time_a_page_is_put_off_and_no_call_is_used(
    quiet_s: float, looked_at_in_s: float, story: list[IncidentEvent], start: datetime
) -> None:
    desk = Desk(Outbox([entry(story[0])]), Notifier([]), start, quiet_s=quiet_s)
    assert desk.turn() == 0
    assert (desk.outbox.settled, desk.outbox.given_back) == ([("put off", looked_at_in_s)], 1)


def test_what_was_over_before_the_quiet_time_was_is_told_to_nobody_and_kafka_knows_it(
    story: list[IncidentEvent], start: datetime
) -> None:
    slept = replace(entry(story[0]), over=story[1], put_off=True)
    desk = Desk(Outbox([slept]), Notifier([]), start)
    assert desk.turn() == 0
    assert desk.outbox.settled == [("dropped", None)]
    (event,) = desk.events()
    assert (event.kind, event.reason, event.about) == ("paged", "over_quietly", "resolved")


def test_what_the_camera_explains_is_put_off_and_told_when_it_outlasts_the_fault(
    story: list[IncidentEvent], start: datetime
) -> None:
    desk = Desk(Outbox([entry(story[0])]), Notifier([Delivered()]), start, explained=True)
    assert desk.turn() == 0
    assert (desk.outbox.settled, desk.outbox.given_back) == ([("put off", 30.0)], 1)
    desk.explained, desk.outbox.entries = False, [replace(entry(story[0]), put_off=True)]
    assert desk.turn() == 1


def test_what_is_over_while_the_camera_explains_it_is_told_to_nobody(
    story: list[IncidentEvent], start: datetime
) -> None:
    over = replace(entry(story[0]), over=story[-1], put_off=True)
    desk = Desk(Outbox([over]), Notifier([]), start, explained=True)
    assert desk.turn() == 0
    assert desk.outbox.settled == [("dropped", None)]
    (event,) = desk.events()
    assert (event.kind, event.reason, event.about) == ("paged", "over_quietly", "resolved")


def test_what_people_know_of_goes_on_whatever_explains_it(story: list[IncidentEvent], start: datetime) -> None:
    desk = Desk(Outbox([entry(story[0], again=True)]), Notifier([Delivered()]), start, explained=True)
    assert desk.turn() == 1
    desk = Desk(Outbox([entry(story[-1])]), Notifier([Delivered()]), start, explained=True)
    assert desk.turn() == 1


def test_a_quiet_station_does_not_keep_its_neighbours_page_back(story: list[IncidentEvent], start: datetime) -> None:
    slept = replace(entry(story[0]), over=story[1], put_off=True)
    desk = Desk(Outbox([slept, entry(story[0])]), Notifier([Delivered()]), start)
    assert desk.turn() == 1
    assert (desk.outbox.settled, desk.outbox.given_back) == ([("dropped", None), ("told", None)], 0)


def test_every_turn_of_an_incident_is_about_what_it_was_when_it_opened(
    story: list[IncidentEvent], start: datetime
) -> None:
    moved = story[1].model_copy(update={"line": "press-shop", "severity": Severity.WARNING, "route": "night"})
    told = replace(entry(moved), opened=story[0])
    desk = Desk(Outbox([told]), Notifier([Delivered()]), start)
    desk.turn()
    (page,) = desk.notifier.heard[0]
    assert (page.line, page.severity, page.route) == ("", "critical", None)
    assert (page.kind, page.at) == ("resolved", story[1].at)


def test_the_beat_comes_before_the_pages(story: list[IncidentEvent], start: datetime) -> None:
    desk = Desk(Outbox([]), Notifier([]), start)
    beats: list[datetime] = []
    replace(desk.pager, beat=beats.append).turn()
    assert beats == [start]


def test_a_sink_that_forgets_is_reminded_with_what_is_known_by_now(
    story: list[IncidentEvent], start: datetime, score: Callable[..., Score]
) -> None:
    state = State("weld-07")
    for seq in range(20):
        state, _ = decide(state, score("a", seq), Policy())
    outbox = Outbox([entry(story[0], again=True)])
    desk = Desk(outbox, Notifier([Delivered()], resend_s=60), start, state)
    desk.turn()
    assert outbox.settled == [("told", 60)]
    assert desk.notifier.heard[0][0].count == 20
    assert desk.notifier.heard[0][0].what == "weld-07: 5 of the last 5 frames look defective."
    assert desk.events() == [], "a reminder is no page"


@pytest.mark.parametrize(("later_s", "again"), [(10, 60), (200, 60), (290, None)])
def test_the_end_is_repeated_for_a_while(
    later_s: float, again: float | None, story: list[IncidentEvent], start: datetime
) -> None:
    outbox = Outbox([entry(story[1])])
    now = story[1].at + timedelta(seconds=later_s)
    Desk(outbox, Notifier([Delivered()], resend_s=60), now).turn()
    assert outbox.settled == [("told", again)]


def test_a_crash_of_a_pager_reaches_the_main_thread(story: list[IncidentEvent], start: datetime) -> None:
    desk = Desk(Outbox([entry(story[0])]), Notifier([]), start)
    crew = Crew([desk.pager])
    with crew.at_work():
        crew.wake()
    with pytest.raises(IndexError):
        crew.check()
