"""Telling people: what is tried again, when, and what Kafka hears of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from andon.errors import Broken
from andon.line import Policy
from andon.memory import MemoryKafka, MemorySink
from andon.metrics import Metrics
from andon.records import IncidentEvent, Score, read_event
from andon.topics import INCIDENTS
from andon_alerting.notifiers import Answer, Delivered, Refused, RetryAfter
from andon_alerting.outbox import Entry, Pace
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

    def claim(self, batch: int, now_s: float) -> list[Entry]:
        taken, self.entries = self.entries[:batch], self.entries[batch:]
        return taken

    def told(self, entry: Entry, now_s: float, again_in_s: float | None = None) -> None:
        self.settled.append(("told", again_in_s))

    def later(self, entry: Entry, now_s: float, pause_s: float) -> None:
        self.settled.append(("later", pause_s))

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
        )

    def events(self) -> list[IncidentEvent]:
        return [read_event(IncidentEvent, each.value) for each in self.kafka.records(INCIDENTS)]


@pytest.fixture
def story(score: Callable[..., Score]) -> list[IncidentEvent]:
    """Opened and resolved."""
    state, found = State("weld-07"), list[IncidentEvent]()
    for seq, letter in enumerate("aaa" + "o" * 10):
        state, decisions = decide(state, score(letter, seq), Policy())
        found += [event for each in decisions if (event := turned("weld-07", each))]
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
    desk = Desk(outbox, Notifier([Refused("http_400"), Refused("http_400"), Delivered()]), start)
    desk.turn()
    assert [len(each) for each in desk.notifier.heard] == [2, 1, 1]
    assert [each.about for each in desk.events()] == ["resolved"]


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


@pytest.mark.parametrize("calls", [6, 60, 120, 600])
def test_no_minute_sees_more_calls_than_allowed(calls: int) -> None:
    pace = Pace(calls)
    assert pace.burst + 60 / pace.interval_s <= calls
