"""What Kafka tells of the stations when Redis has forgotten them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from andon.line import LineFile, Policy
from andon.records import Change, ChangeKind, IncidentEvent, IncidentKind, write_event
from andon.stage import Message, Record
from andon.topics import INCIDENTS
from andon_alerting.alerting import Alerting, Board, Card
from andon_alerting.policy import OF_FRAMES, State
from andon_alerting.rebuild import Rebuild, pages, read_stories, replay
from andon_alerting.settings import RebuildSettings
from andon_alerting.story import USUAL

MakeRecords = Callable[..., Sequence[Record]]
PLANS = LineFile(None, Policy(clear_after=4, multiple=None))


class Told:
    """One station's scores, and what alerting wrote of them at `now`. Kafka holds the scores from `first` on."""

    def __init__(self, scores: Sequence[Record], now: datetime, first: int = 0, drifted: Change | None = None) -> None:
        board = Board({"weld-07": Card("weld-07", 0, State("weld-07"))})
        made = Alerting(board, PLANS, 300, drifted=lambda *_: drifted)(scores, now)
        self.live = board.cards["weld-07"].state
        stamp = int(now.timestamp() * 1000)
        self.kept = [(each.partition, each) for each in scores if each.offset >= first]
        self.events = [
            Record(INCIDENTS, 0, offset, each.key, each.value, timestamp_ms=stamp)
            for offset, each in enumerate(made)
            if isinstance(each, Message)
        ]

    def incidents(self, partitions: Iterable[int], since: datetime) -> Iterator[Record]:
        return iter(self.events)

    def scores(self, partitions: Iterable[int], since: datetime) -> Iterator[tuple[int, Record]]:
        return iter(self.kept)


@pytest.fixture
def now(start: datetime) -> datetime:
    return start + timedelta(seconds=60)


def rebuilt(told: Told, now: datetime) -> Card:
    (card,), _ = Rebuild(told, PLANS, RebuildSettings(), 300)([0], now, lambda: None)
    return card


def test_what_drifted_before_is_read_back_as_it_was_told(story_records: MakeRecords, now: datetime) -> None:
    softer = Change(kind=ChangeKind.DRIFT, at=now - timedelta(hours=1), sentence="the picture gets softer")
    told = Told(story_records("aaaa"), now, drifted=softer)
    assert told.live.open[0].changed == softer
    assert rebuilt(told, now).state == told.live


def latest_of(events: Iterable[Record]) -> IncidentEvent:
    (story,) = read_stories(events, 300).values()
    return story.latest


def test_a_story_is_told_by_its_latest_turn(story_records: MakeRecords, now: datetime) -> None:
    told = Told(story_records("a" * 20), now)
    latest = latest_of(told.events)
    assert (latest.kind, latest.count) == (IncidentKind.UPDATED, 16)
    assert latest_of([*told.events, *reversed(told.events)]) == latest, "in whatever order it is said again"


@pytest.mark.parametrize(
    "words",
    [
        "a" * 20,
        "bracket:oooo swap hinge:oaaa golden:ooo hinge:aoA",
        "o deploy nobody uuu",
        "bracket:aaaaa hinge:ooo bracket:o",
    ],
)
def test_what_is_replayed_is_what_was(words: str, story_records: MakeRecords, now: datetime) -> None:
    told = Told(story_records(words), now)
    assert rebuilt(told, now).state == told.live


def test_an_incident_older_than_the_scores_is_adopted_as_it_was_last_told(
    story_records: MakeRecords, now: datetime
) -> None:
    told = Told(story_records("oo swap oooo" + "a" * 20), now, first=20)
    (held,), (live,), latest = rebuilt(told, now).state.open, told.live.open, latest_of(told.events)
    assert (held.incident, held.why, held.opener, held.first) == (live.incident, live.why, live.opener, live.first)
    assert (held.count, held.last, held.evidence) == (16, latest.last, latest.evidence)
    assert held.worst == held.told == pytest.approx(2.0)
    assert held.changed is not None
    assert held.changed.kind is ChangeKind.SWAP


@pytest.mark.parametrize("words", ["aaaa", "uuuu"])
def test_an_incident_whose_reason_a_newer_andon_gave_is_adopted_with_the_usual_one(
    words: str, story_records: MakeRecords, now: datetime
) -> None:
    told = Told(story_records(words), now, first=len(words))
    told.events = [replace(each, value=each.value.replace(b'"reason":"', b'"reason":"newer_')) for each in told.events]
    (held,), (live,) = rebuilt(told, now).state.open, told.live.open
    assert (held.incident, held.cause, held.why) == (live.incident, live.cause, USUAL[live.cause])


def test_every_cause_that_scores_tell_of_has_a_usual_reason() -> None:
    assert set(USUAL) == set(OF_FRAMES)


def test_golden_frames_and_what_is_no_score_are_nothing_in_a_replay(story_records: MakeRecords, now: datetime) -> None:
    states, _ = replay(((0, each) for each in story_records("golden:aaau")), set(), PLANS)
    assert states == {"weld-07": State("weld-07")}
    broken = [Record(each.topic, 0, each.offset, each.key, b"{}") for each in story_records("aaa")]
    assert replay(((0, each) for each in broken), set(), PLANS) == ({}, {})


def test_a_late_incident_is_owed_however_often_it_was_updated(story_records: MakeRecords, start: datetime) -> None:
    told = Told(story_records("a" * 9), start + timedelta(hours=1))
    assert rebuilt(told, start).owed == {told.live.open[0].incident}
    assert pages(read_stories(told.events, 300), start) == []


def test_what_is_queued_again_is_that_it_opened(story_records: MakeRecords, now: datetime, start: datetime) -> None:
    told = Told(story_records("a" * 9), now)
    (queued,) = pages(read_stories(told.events, 300), start)
    assert write_event(queued.opened) == told.events[0].value
