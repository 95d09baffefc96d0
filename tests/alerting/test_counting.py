"""Counting what people overrule: each frame once, whatever comes again, and nothing is decided on half a count."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from andon.incidents import Incident, resolved
from andon.kafka.source import Place
from andon.line import Burst, Plan
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.metrics import Metrics
from andon.rates import Bucket, quarter_of
from andon.records import Answer, IncidentEvent, Score, Told, read_event, write_event
from andon.redis_client import Patience
from andon.stage import Message, Stage
from andon.topics import DEAD_LETTERS, INCIDENTS, SCORES, VERDICTS
from andon_alerting.beside import open_of
from andon_alerting.counting import Counted, Counting, CountSlate, Looking, Tallying, rebuilt, stations_of, watched
from andon_alerting.counts import read_known, write_known
from andon_alerting.ended import settling
from andon_alerting.false_calls import Looked, Overruled, ended_by_a_person
from andon_alerting.kept import Keeping
from andon_alerting.memory import MemoryShelf
from andon_alerting.page import page

MakeScore = Callable[..., Score]
WEEK = timedelta(days=7)


class Plans:
    burst = Burst()
    shortest_silence_s = None

    def of(self, station: str) -> Plan:
        return Plan(station, budget=0.01)


class Source(MemorySource):
    """Reads the twin; knows what is its own. `behind` is what it says of its lag."""

    behind = 0

    @property
    def assignment(self) -> list[Place]:
        return [(topic, part) for topic in self._topics for part in range(self._kafka.partitions)]

    def lag(self) -> dict[Place, int]:
        return dict.fromkeys(self.assignment, self.behind)


class MemoryCounts:
    """Counts in dicts."""

    def __init__(self) -> None:
        self.read: dict[Place, int] = {}
        self.scored: Counter[Bucket] = Counter()
        self.calls: Counter[Bucket] = Counter()
        self.called: dict[object, object] = {}

    def places(self, places: Iterable[Place]) -> dict[Place, int]:
        return {each: self.read[each] for each in places if each in self.read}

    def begin(self, starts: Mapping[Place, int]) -> None:
        self.read = {**starts, **self.read}

    def add(self, place: Place, counted: Counted) -> bool:
        if self.read.get(place) != counted.begin:
            return False
        self.read[place] = counted.end
        self.scored.update(counted.scored)
        self.calls.update(counted.calls)
        self.called |= counted.called
        return True

    def look(self, known: Overruled, since: datetime, now: datetime) -> Looked:
        scored = {each[1:]: count for each, count in self.scored.items() if each[0] == known.station}
        called = {frame: each for (station, frame), each in self.called.items() if station == known.station}
        return Looked(scored, called)


@dataclass
class Desk:
    """The stage in memory. `now` is everybody's clock."""

    now: datetime
    score: MakeScore
    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(partitions=1))
    shelf: MemoryShelf[Overruled] = field(default_factory=MemoryShelf)
    counts: MemoryCounts = field(default_factory=MemoryCounts)
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry()))
    seq: int = 0
    ended: dict[UUID, IncidentEvent] = field(default_factory=dict)

    def asked(self, incidents: Iterable[UUID]) -> dict[UUID, IncidentEvent]:
        """What people ended."""
        return {each: self.ended[each] for each in incidents if each in self.ended}

    def resolve(self) -> None:
        """A person ends the incident."""
        event = resolved(Incident(self.events()[-1:]), "Mira", "another bundle serves", self.now)
        self.kafka.append(Message(INCIDENTS, event.station.encode(), write_event(event)))
        self.ended[event.incident_id] = event

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new process: nothing in memory."""
        slate, patience = CountSlate(), Patience(lambda: None, 1)
        self.source = Source(self.kafka, [SCORES, VERDICTS], "g", batch_records=5000)
        tallying = Tallying(self.source, self.counts, slate, patience, self._offsets, clock=lambda: self.now)
        keeping = Keeping(
            tallying,
            self.shelf,
            slate,
            stations_of,
            patience,
            clock=lambda: self.now,
            rebuild=lambda: rebuilt(self.kafka.records(INCIDENTS), self.now),
            settle=settling(self.asked, open_of, ended_by_a_person),
            also=Looking(tallying, self.shelf, self.counts, slate, patience, lambda: self.now),
        )
        handle = watched(Counting(slate, Plans()), slate, self.metrics)
        self.stage = Stage("calls", keeping, handle, MemorySink(self.kafka), MemoryDeadLetters(self.kafka))

    def _offsets(self, places: Sequence[Place], at: datetime) -> dict[Place, int]:
        stamp = int(at.timestamp() * 1000)
        return {place: sum(each.timestamp_ms < stamp for each in self.kafka.log(*place)) for place in places}

    def write(self, letters: str, station: str = "weld-07", **other: object) -> list[Score]:
        """Scores of now."""
        self.kafka.time_ms = int(self.now.timestamp() * 1000)
        scores = [
            self.score(each, self.seq + at, station, captured_at=self.now, **other) for at, each in enumerate(letters)
        ]
        self.seq += len(scores)
        for each in scores:
            self.kafka.append(Message(SCORES, station.encode(), write_event(each)))
        return scores

    def overrule(self, scores: Sequence[Score], said: Told = Told.FALSE_CALL) -> None:
        self.kafka.time_ms = int(self.now.timestamp() * 1000)
        for each in scores:
            answer = Answer(frame_id=each.frame_id, station=each.station, answer=said, at=self.now, by="Mira")
            self.kafka.append(Message(VERDICTS, each.station.encode(), write_event(answer)))

    def turn(self, seconds: float = 2) -> None:
        self.now += timedelta(seconds=seconds)
        self.stage.step(lambda: self.now)

    def look(self) -> None:
        """Long enough for one look at the counts, and what it decided is kept."""
        self.turn()
        self.turn(61)
        self.turn()

    def events(self) -> list[IncidentEvent]:
        return [read_event(IncidentEvent, each.value) for each in self.kafka.records(INCIDENTS)]

    def told(self) -> list[str]:
        return [page(each).what for each in self.shelf.told.values()]


@pytest.fixture
def desk(start: datetime, score: MakeScore) -> Desk:
    desk = Desk(start, score)
    desk.overrule(desk.write("o"), Told.UNSURE)
    desk.turn()  # where nothing is known of a place, it begins with its window
    desk.turn()
    desk.turn()
    return desk


def broken(desk: Desk) -> list[Score]:
    scores = desk.write("o" * 290 + "a" * 10)
    desk.overrule(scores[-10:])
    desk.look()
    return scores


def test_a_broken_budget_pages_once_and_ends_when_people_change_their_mind(desk: Desk) -> None:
    scores = broken(desk)
    sentence = "weld-07: people overruled 10 of 301 verdicts; the budget is 10 per 1,000."
    assert desk.told() == [sentence]
    desk.look()
    assert [each.kind for each in desk.events()] == ["opened"]
    desk.overrule(scores[-10:], Told.REAL)
    desk.look()
    assert [each.kind for each in desk.events()] == ["opened", "resolved"]
    assert len(desk.told()) == 2
    assert desk.metrics.incidents_opened.labels("weld-07", "false_calls")._value.get() == 1


def test_it_is_over_when_nothing_was_scored_for_a_day(desk: Desk) -> None:
    broken(desk)
    desk.turn(25 * 3600)
    desk.turn()
    assert desk.events()[-1].reason == "nothing_scored"
    desk.turn()
    assert desk.shelf.held == {}, "and nothing is left behind"


def test_golden_frames_and_those_that_could_not_be_scored_are_not_counted(desk: Desk) -> None:
    desk.write("uu")
    desk.write("aa", golden="b/hole.jpg")
    desk.turn()
    assert desk.counts.scored.total() == 1
    assert desk.counts.called == {}


def test_products_are_counted_apart(desk: Desk) -> None:
    desk.write("ooo", product="hinge")
    desk.write("oo", product="bracket")
    desk.turn()
    assert {each[1]: count for each, count in desk.counts.scored.items()} == {None: 1, "hinge": 3, "bracket": 2}


def test_calls_are_counted_beside_the_frames_scored_by_quarter_hour(desk: Desk) -> None:
    desk.write("oooaa", product="hinge")
    first = desk.now
    desk.now += timedelta(minutes=15)
    desk.write("oa", product="hinge")
    desk.turn()
    buckets = [("weld-07", "hinge", quarter_of(each)) for each in (first, first + timedelta(minutes=15))]
    assert [(desk.counts.scored[each], desk.counts.calls[each]) for each in buckets] == [(5, 2), (2, 1)]


def test_drills_are_not_counted(desk: Desk) -> None:
    desk.write("oa", station="drill.weld-07")
    desk.turn()
    assert {station for station, _, _ in desk.counts.scored} == {"weld-07"}
    assert desk.counts.called == {}


def test_what_comes_again_is_not_counted_again(desk: Desk) -> None:
    scores = desk.write("oooaa")
    desk.overrule(scores[-2:])
    desk.turn()
    before = desk.counts.scored.copy(), desk.counts.calls.copy(), dict(desk.shelf.held or {})
    for topic in (SCORES, VERDICTS):
        desk.kafka.commit("g", topic, 0, 0)
    desk.restart()
    desk.turn()
    assert (desk.counts.scored, desk.counts.calls, desk.shelf.held) == before


def test_what_another_process_has_counted_meanwhile_is_not_counted_again(desk: Desk) -> None:
    desk.write("ooo")
    desk.now += timedelta(seconds=2)
    desk.stage.handle(desk.stage.source.poll(), desk.now)
    desk.counts.read[SCORES, 0] += 3
    desk.stage.source.commit()
    assert desk.counts.scored.total() == 1


def test_it_reads_once_a_second_so_that_paging_does_not_wait_for_it(desk: Desk) -> None:
    desk.write("ooo")
    desk.turn()
    desk.write("ooo")
    desk.turn(0.5)
    assert desk.counts.scored.total() == 4
    desk.turn(0.6)
    assert desk.counts.scored.total() == 7


def test_a_new_group_counts_only_what_its_window_holds(start: datetime, score: MakeScore) -> None:
    desk = Desk(start - WEEK, score)
    desk.write("o" * 50)
    desk.now = start
    desk.write("oo")
    desk.restart()
    for _ in range(3):
        desk.turn()
    assert desk.counts.scored.total() == 2
    assert desk.counts.read[SCORES, 0] == 52


def test_lost_counts_are_counted_again_and_the_open_incident_is_remembered(desk: Desk) -> None:
    broken(desk)
    before = desk.counts.scored, desk.counts.called, desk.shelf.held
    desk.counts.__init__()
    desk.shelf.held = None
    desk.write("o")
    desk.overrule([desk.score("o", 999)], Told.UNSURE)
    desk.look()
    desk.look()
    assert desk.counts.scored == before[0] + Counter(dict.fromkeys(before[0], 1))
    assert desk.counts.called == before[1]
    assert desk.shelf.held is not None
    assert before[2] is not None
    held, was = desk.shelf.held["weld-07"], before[2]["weld-07"]
    assert held.open == was.open
    assert set(was.said) < set(held.said)
    assert [each.kind for each in desk.events()] == ["opened"]


def test_an_incident_nobody_answers_on_any_more_is_remembered_after_a_loss_and_ends(desk: Desk) -> None:
    broken(desk)
    desk.shelf.held = None
    desk.counts.__init__()
    desk.turn(25 * 3600)
    desk.look()
    assert [each.reason for each in desk.events()] == ["over_budget", "nothing_scored"]


def test_nothing_is_decided_while_scores_are_still_to_be_counted(desk: Desk) -> None:
    Source.behind = 500
    try:
        broken(desk)
        assert desk.events() == []
    finally:
        Source.behind = 0
    desk.look()
    assert [each.kind for each in desk.events()] == ["opened"]


def test_what_is_no_answer_is_a_dead_letter_and_a_score_that_cannot_be_read_is_not_ours_to_judge(desk: Desk) -> None:
    desk.overrule([desk.score("a", 5)])
    desk.kafka.append(Message(VERDICTS, b"weld-07", b"{}"))
    good = desk.kafka.records(VERDICTS)[-2]
    desk.kafka.append(Message(VERDICTS, b"weld-08", good.value))
    desk.kafka.append(Message(SCORES, b"weld-07", b"not a score"))
    desk.turn()
    desk.turn()
    assert len(desk.kafka.records(DEAD_LETTERS)) == 2
    assert set(desk.shelf.held or {}) == {"weld-07"}


def test_what_redis_keeps_of_a_station_reads_as_it_was_written(desk: Desk) -> None:
    broken(desk)
    held = (desk.shelf.held or {})["weld-07"]
    assert held.said
    assert held.open
    assert read_known(write_known(held)) == held


@pytest.mark.parametrize("lost", [False, True])
def test_what_a_person_ended_stays_over_until_frames_of_after_break_the_budget(desk: Desk, lost: bool) -> None:
    broken(desk)
    desk.turn(3600)
    desk.resolve()
    if lost:
        desk.shelf.held = None
        desk.ended.clear()
    desk.look()
    desk.look()
    assert [each.kind for each in desk.events()] == ["opened", "resolved"], "theirs is the only end"
    held = (desk.shelf.held or {})["weld-07"]
    assert (held.open, len(held.ended)) == ((), 1)
    broken(desk)
    assert [each.kind for each in desk.events()] == ["opened", "resolved", "opened"]
    assert len({each.incident_id for each in desk.events()}) == 2


def test_whoever_was_told_of_broken_budgets_is_told_who_ended_it(desk: Desk) -> None:
    broken(desk)
    desk.resolve()
    desk.look()
    assert "weld-07: Mira ended it after 65 s: another bundle serves" in desk.told()
