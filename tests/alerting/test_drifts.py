"""What drifted is told with what scores tell of, where nothing else changed since; what is remembered is bounded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from finding_turns import START, drift, finding

from andon.line import LineFile, Policy
from andon.records import ChangeKind, DriftCause, Finding, IncidentEvent, Score, read_event, write_event
from andon.stage import Message, Record
from andon.topics import DRIFT
from andon_alerting.alerting import Alerting, Board, Card
from andon_alerting.drifts import MOST, Drifts
from andon_alerting.page import page
from andon_alerting.policy import State

MakeStory = Callable[..., Sequence[Score]]
STATION = "weld-07"
FOCUS, PROCESS = DriftCause.FOCUS, DriftCause.PROCESS
POLICY = Policy(clear_after=4, multiple=None)


@dataclass
class Topic:
    """What `drift` holds, and what comes later."""

    held: list[Finding] = field(default_factory=list)
    news: list[Finding] = field(default_factory=list)

    def read_to_end(self) -> Iterator[Record]:
        return (self._record(each) for each in self.held)

    def changes(self, wait_s: float = 0.0) -> list[Record]:
        found, self.news = self.news, []
        return [self._record(each) for each in found]

    def close(self) -> None:
        """Nothing is held."""

    def _record(self, said: Finding) -> Record:
        return Record(DRIFT, 0, 0, said.station.encode(), write_event(said))


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


def softer(turn: str = "+", since_h: float = 0, lasts_h: float | None = None, **other: object) -> Finding:
    """The picture gets softer; over after `lasts_h`."""
    at_s = 3600 * (since_h + lasts_h) if lasts_h is not None else None
    made = drift(turn, STATION, FOCUS, 3600 * since_h, at_s=at_s)
    return made.model_copy(update={"sentence": f"{STATION}: the picture gets softer since 14:00 UTC."} | other)


def known(*findings: Finding) -> Drifts:
    return Drifts(Topic(list(findings)))


def test_a_drift_that_lasts_is_told_however_long_it_does() -> None:
    change = known(softer()).before(STATION, "hinge", hours(900))
    assert change is not None
    assert (change.kind, change.at, change.sentence) == (
        ChangeKind.DRIFT,
        START,
        "the picture gets softer since 14:00 UTC",
    )


@pytest.mark.parametrize(
    ("lasted_h", "after_h", "is_told"),
    [(2, 2.9, True), (2, 7.9, True), (2, 8.1, False), (20, 20.9, True), (20, 21.1, False)],
)
def test_one_that_ended_is_told_for_an_hour_and_for_a_shift_since_it_began(
    lasted_h: float, after_h: float, is_told: bool
) -> None:
    table = known(softer(), softer("-", lasts_h=lasted_h))
    assert (table.before(STATION, None, hours(after_h)) is not None) is is_told


def test_nothing_is_told_of_another_station_nor_of_what_began_later() -> None:
    table = known(softer(since_h=1))
    assert table.before("weld-08", None, hours(2)) is None
    assert table.before(STATION, None, hours(0.9)) is None


def test_what_drifts_in_the_parts_of_one_product_says_nothing_of_another() -> None:
    table = known(drift("+", STATION, PROCESS).model_copy(update={"product": "hinge"}))
    assert table.before(STATION, "hinge", hours(1)) is not None
    assert table.before(STATION, "bracket", hours(1)) is None
    assert known(softer(product="hinge")).before(STATION, "bracket", hours(1)) is not None


def test_what_lasts_goes_before_what_is_over_and_the_newest_before_the_others() -> None:
    table = known(softer(since_h=1), drift("+", STATION, PROCESS, 7200), drift("-", STATION, PROCESS, 7200))
    change = table.before(STATION, None, hours(2.5))
    assert change is not None
    assert change.at == hours(1)
    table = known(softer(since_h=1), drift("+", STATION, PROCESS, 7200))
    change = table.before(STATION, None, hours(2.5))
    assert change is not None
    assert change.at == hours(2)


def test_news_are_taken_in_and_the_end_of_what_began_before_the_start_too() -> None:
    topic = Topic([softer()])
    table = Drifts(topic)
    topic.news = [softer("-", lasts_h=20)]
    assert table.before(STATION, None, hours(50)) is not None
    table.refresh(hours(20))
    assert table.before(STATION, None, hours(50)) is None


def test_said_again_it_does_not_come_back_and_other_findings_are_passed_over() -> None:
    table = known(softer(), softer("-", lasts_h=1), softer(), finding("+", STATION))
    assert table.before(STATION, None, hours(9)) is None


def test_of_a_station_only_the_last_few_are_remembered_and_of_what_no_longer_matters_none() -> None:
    table = known(*(softer(since_h=each / 10) for each in range(5 * MOST)))
    assert len(table._by_station[STATION]) == MOST
    table = known(softer(), softer("-", lasts_h=1))
    table.refresh(hours(2))
    assert STATION in table._by_station
    table.refresh(hours(9))
    assert table._by_station == {}


# In the scores


def surge(story: MakeStory, words: str, table: Drifts | None = None) -> list[IncidentEvent]:
    """The events of a story in words, a score a batch."""
    board = Board({STATION: Card(STATION, 0, State(STATION))})
    drifted = table.before if table else lambda *_: None
    handle = Alerting(board, LineFile(None, POLICY), 300, drifted=drifted)
    found: list[IncidentEvent] = []
    for score in story(words):
        record = Record("scores", 0, score.seq, STATION.encode(), write_event(score))
        results = handle([record], score.captured_at)
        found += [read_event(IncidentEvent, each.value) for each in results if isinstance(each, Message)]
    return found


def test_a_page_of_bad_parts_says_what_drifted_before_in_every_turn(story: MakeStory) -> None:
    told = surge(story, "ooo aaaa oooo", known(softer(since_h=-1 / 3)))
    assert [each.kind for each in told] == ["opened", "updated", "resolved"]
    for event in told:
        assert event.changed is not None
        assert page(event).changed == "20 min before: the picture gets softer since 14:00 UTC"
    assert "Changed 20 min before: the picture gets softer since 14:00 UTC." in page(told[0]).description.splitlines()


@pytest.mark.parametrize(
    ("since_s", "kind"), [(2.5, ChangeKind.SWAP), (3.5, ChangeKind.DRIFT), (-3600, ChangeKind.SWAP)]
)
def test_of_a_drift_and_a_swap_the_newer_is_told(since_s: float, kind: ChangeKind, story: MakeStory) -> None:
    told = surge(story, "ooo swap oo aaa", known(softer(since_h=since_s / 3600)))
    assert told[0].changed is not None
    assert told[0].changed.kind is kind


def test_what_nobody_knew_of_when_it_opened_is_told_from_the_next_bad_frame_on(story: MakeStory) -> None:
    topic = Topic()
    table = Drifts(topic)
    board = Board({STATION: Card(STATION, 0, State(STATION))})
    handle = Alerting(board, LineFile(None, POLICY), 300, drifted=table.before)
    scores = [Record("scores", 0, each.seq, STATION.encode(), write_event(each)) for each in story("aaaa")]
    handle(scores[:3], START)
    assert board.cards[STATION].state.open[0].changed is None
    topic.news = [softer(since_h=-1)]
    table.refresh(START)
    handle(scores[3:], START)
    held = board.cards[STATION].state.open[0]
    assert held.changed is not None
    assert held.changed.kind is ChangeKind.DRIFT


def test_frames_that_could_not_be_scored_are_no_matter_of_drift(story: MakeStory) -> None:
    (event,) = surge(story, "o uuu", known(softer(since_h=-1)))
    assert event.changed is None
