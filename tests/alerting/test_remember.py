"""The source with a memory: what it lays on the board, when it writes back, and what it does when Redis fails it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TooSlow

from andon.errors import Broken
from andon.incidents import Incident, resolved
from andon.kafka.source import Place
from andon.line import LineFile, Plans, Policy
from andon.memory import MemoryDeadLetters, MemoryKafka, MemorySink, MemorySource
from andon.records import IncidentEvent, read_event, read_score, write_event
from andon.redis_client import Patience
from andon.stage import Message, Record, Stage
from andon.topics import INCIDENTS, SCORES
from andon_alerting.alerting import Alerting, Board, Card
from andon_alerting.memory import MemoryStates
from andon_alerting.policy import State
from andon_alerting.rebuild import Rebuild, replay
from andon_alerting.remember import Remembering
from andon_alerting.settings import RebuildSettings
from andon_alerting.states import Loaded

MakeRecords = Callable[..., Sequence[Record]]
PLANS = LineFile(None, Policy(clear_after=4, multiple=None))
GROUP = "andon.alerting"


class Source(MemorySource):
    """Reads the twin; knows what is its own."""

    caught = True

    @property
    def assignment(self) -> list[Place]:
        return [(SCORES, part) for part in range(self._kafka.partitions)]

    def caught_up(self, within: int = 0) -> bool:
        return self.caught


@dataclass
class History:
    """What the twin holds, up to the commit."""

    kafka: MemoryKafka

    def incidents(self, partitions: Sequence[int], since: datetime) -> Sequence[Record]:
        return [each for each in self.kafka.records(INCIDENTS) if each.partition in partitions]

    def scores(self, partitions: Sequence[int], since: datetime) -> list[tuple[int, Record]]:
        records = [each for each in self.kafka.records(SCORES) if each.partition in partitions]
        return [(each.partition, each) for each in records if each.offset < self.committed(each.partition)]

    def committed(self, partition: int) -> int:
        return self.kafka.committed(GROUP, SCORES, partition)


@dataclass
class Line:
    """The whole of alerting in memory. `now` is everybody's clock."""

    now: datetime
    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(partitions=2))
    states: MemoryStates = field(default_factory=MemoryStates)
    plans: Plans = PLANS
    beats: int = 0
    rebuilds: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new process: nothing in memory."""
        board = Board()
        self.source = Source(self.kafka, [SCORES], GROUP)
        self.remembering = Remembering(
            self.source,
            self.states,
            board,
            Rebuild(History(self.kafka), self.plans, RebuildSettings(), 300),
            self.plans,
            Patience(self._beat, 120, clock=lambda: float(self.beats), pause_s=0),
            clock=lambda: self.now,
            beat=self._beat,
            watch_every_s=2,
            on_rebuilt=self._rebuilt,
        )
        sink, dead = MemorySink(self.kafka), MemoryDeadLetters(self.kafka)
        self.stage = Stage("alerting", self.remembering, Alerting(board, self.plans, 300), sink, dead)

    def _beat(self) -> None:
        self.beats += 1

    def _rebuilt(self) -> None:
        self.rebuilds += 1

    def write(self, records: Sequence[Record]) -> None:
        for each in records:
            self.kafka.time_ms = each.timestamp_ms
            self.kafka.append(Message(SCORES, each.key, each.value))

    def turn(self, seconds: float = 0.0) -> int:
        self.now += timedelta(seconds=seconds)
        self.kafka.time_ms = int(self.now.timestamp() * 1000)
        return self.stage.step(lambda: self.now)

    def events(self) -> list[IncidentEvent]:
        return [read_event(IncidentEvent, each.value) for each in self.kafka.records(INCIDENTS)]

    def resolve(self, at: datetime) -> list[UUID]:
        """A person ends all that is open; whoever hears it notes it in Redis."""
        held = [each for card in self.states.held.values() for each in card.state.open]
        for incident in [each.incident for each in held]:
            story = Incident([each for each in self.events() if each.incident_id == incident])
            event = resolved(story, "Mira", "", at)
            self.kafka.append(Message(INCIDENTS, event.station.encode(), write_event(event)))
            self.states.ended[incident] = event
        return [each.incident for each in held]

    def recomputed(self) -> dict[str, State]:
        return replay(History(self.kafka).scores([0, 1], self.now), set(), self.plans)[0]

    def read(self, records: Sequence[Record], *, pause: bool, flush: bool) -> None:
        """A while of the line's life: frames come in, nothing for a while perhaps, and Redis is lost perhaps."""
        self.write(records)
        self.turn(seconds=len(records))
        if pause:
            self.turn(seconds=70)
        if flush:
            self.states.flush()
        for _ in range(3):  # the first look finds what is lost, the next what is silent, the last keeps it
            self.turn(seconds=2)

    @property
    def kept(self) -> dict[str, tuple[State, frozenset[UUID]]]:
        return {each: (card.state, card.owed) for each, card in self.states.held.items()}


@pytest.fixture
def line(start: datetime) -> Line:
    return Line(start)


def test_a_turn_writes_events_then_states_then_offsets(line: Line, records: MakeRecords) -> None:
    line.write(records("aaa"))
    assert line.turn() == 3
    assert [each.kind for each in line.events()] == ["opened"]
    assert line.states.held["weld-07"].state == line.recomputed()["weld-07"]
    assert [key.split("/")[1] for key in line.states.queued] == ["opened"]
    assert line.turn() == 0


def test_a_crash_before_the_states_are_written_makes_the_same_events_again(line: Line, records: MakeRecords) -> None:
    line.write(records("aaa"))
    polled = line.remembering.poll()
    results = [each for each in line.stage.handle(polled, line.now) if isinstance(each, Message)]
    line.stage.sink.send(results, lambda: None)
    line.restart()
    line.turn()
    first, again = line.events()
    assert first == again
    assert len(line.states.queued) == 1


def test_a_crash_before_the_offsets_are_committed_changes_nothing_more(line: Line, records: MakeRecords) -> None:
    line.write(records("aaaoooo"))
    line.turn()
    for part in range(2):
        line.kafka.commit(GROUP, SCORES, part, 0)
    held = line.states.held["weld-07"].state
    line.restart()
    line.turn()
    assert line.states.held["weld-07"].state is held
    assert [each.kind for each in line.events()] == ["opened", "resolved"]
    assert len(line.states.queued) == 2


def test_when_another_replica_was_faster_the_rest_is_still_done_and_nothing_is_committed_before(
    line: Line, records: MakeRecords
) -> None:
    line.write(records("aa"))
    line.turn()
    line.write(records("aaoo", first=2))
    batch = line.remembering.poll()
    line.stage.handle(batch, line.now)
    first = [(each.partition, each) for each in line.kafka.records(SCORES)][:3]
    other = replay(first, set(), PLANS)[0]["weld-07"]
    before = line.states.held["weld-07"]
    line.states.save([Card("weld-07", before.partition, other, before.mark)], line.now)
    done = sum(History(line.kafka).committed(part) for part in range(2))
    line.remembering.commit()
    assert sum(History(line.kafka).committed(part) for part in range(2)) == done
    line.turn()
    assert line.states.held["weld-07"].state == line.recomputed()["weld-07"]
    assert sum(History(line.kafka).committed(part) for part in range(2)) == 6


def test_a_lost_redis_is_rebuilt_from_kafka_and_equals_the_state_before(line: Line, records: MakeRecords) -> None:
    line.write(records("oaoaa"))
    line.write(records("uuuoooo", "press-1"))
    line.turn()
    before = {each: card.state for each, card in line.states.held.items()}
    line.states.flush()
    line.turn(seconds=2)
    assert {each: card.state for each, card in line.states.held.items()} == before
    assert line.rebuilds == 1, "at the first start there was nothing to lose"
    line.write(records("a", first=5))
    line.turn()
    assert line.states.held["weld-07"].state.open[0].count == 4


def test_after_a_loss_a_page_nobody_got_is_queued_again(line: Line, records: MakeRecords) -> None:
    line.write(records("aaa"))
    line.turn()
    line.states.flush()
    queued, line.states.queued = line.states.queued, {}
    line.turn(seconds=2)
    assert line.states.queued == queued


def test_a_silent_station_is_found_without_any_record_and_survives_a_loss(line: Line, records: MakeRecords) -> None:
    line.write(records("oo"))
    line.turn()
    for _ in range(40):
        line.turn(seconds=2)
    assert [(each.cause, each.kind) for each in line.events()] == [("station_silent", "opened")]
    line.turn()
    before = line.states.held["weld-07"].state
    assert before.open
    line.states.flush()
    line.turn(seconds=2)
    assert line.states.held["weld-07"].state == before
    line.write(records("o", first=90))
    line.turn()
    assert line.events()[-1].reason == "heard_again"


def test_no_station_is_called_silent_while_we_are_behind_ourselves(line: Line, records: MakeRecords) -> None:
    line.write(records("oo"))
    line.turn()
    Source.caught = False
    try:
        for _ in range(60):
            line.turn(seconds=2)
    finally:
        Source.caught = True
    assert line.events() == []


class Away(MemoryStates):
    """A Redis that fails the first `times` calls."""

    def __init__(self, times: int, error: Exception) -> None:
        super().__init__()
        self.boot = {0, 1}
        self._times, self._error = times, error

    def load(self, *arguments: object) -> Loaded:
        self._times -= 1
        if self._times >= 0:
            raise self._error
        return super().load(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [TooSlow("1 s"), Unreachable("refused")])
def test_redis_may_be_away_for_a_while_and_nothing_is_dropped(
    error: Exception, start: datetime, records: MakeRecords
) -> None:
    line = Line(start, states=Away(100, error))
    line.write(records("aaa"))
    assert line.turn() == 3
    assert line.beats >= 100, "the place in the group is kept and the heart beats"
    assert line.states.held["weld-07"].state.open


def test_redis_away_for_too_long_stops_us_with_nothing_committed(start: datetime, records: MakeRecords) -> None:
    line = Line(start, states=Away(1000, Unreachable("refused")))
    line.write(records("aaa"))
    with pytest.raises(Broken, match="Redis has not answered for 120 s"):
        line.turn()
    assert sum(History(line.kafka).committed(part) for part in range(2)) == 0


def test_an_incident_older_than_the_horizon_is_adopted_from_its_event(line: Line, records: MakeRecords) -> None:
    line.write(records("aaa"))
    line.turn()
    (opened,) = line.events()

    class Short(History):
        def scores(self, partitions: Sequence[int], since: datetime) -> list[tuple[int, Record]]:
            return [each for each in super().scores(partitions, since) if each[1].offset >= 2]

    cards, told = Rebuild(Short(line.kafka), PLANS, RebuildSettings(), 300)([0, 1], line.now, lambda: None)
    assert [held.incident for held in cards[0].state.open] == [opened.incident_id]
    assert [each.opened.event_id for each in told] == [opened.event_id]


def test_what_a_person_ended_is_kept_within_seconds_though_no_frame_comes(line: Line, records: MakeRecords) -> None:
    line.write(records("aaa"))
    line.turn()
    line.resolve(line.now)
    line.turn(seconds=2)
    line.turn()
    card = line.states.held["weld-07"]
    assert card.state.open == ()
    assert card.mark == "/1/2/ended:defect_surge"
    assert [each.kind for each in line.events()] == ["opened", "resolved"], "theirs is the only end"
    assert [key.split("/")[1] for key in line.states.queued] == ["opened", "resolved"]


def test_a_station_that_a_person_ended_the_silence_of_is_silent_again_only_after_it_was_heard(
    line: Line, records: MakeRecords
) -> None:
    line.write(records("oo"))
    line.turn()
    for _ in range(40):
        line.turn(seconds=2)
    (ended,) = line.resolve(line.now)
    for flush in (False, True):
        if flush:
            line.states.flush()
        for _ in range(60):
            line.turn(seconds=2)
    assert [each.kind for each in line.events()] == ["opened", "resolved"]
    heard_s = int((line.now - line.events()[0].evidence[0].captured_at).total_seconds())
    line.write(records("o", first=heard_s))
    line.turn()
    for _ in range(40):
        line.turn(seconds=2)
    assert [each.kind for each in line.events()] == ["opened", "resolved", "opened"]
    assert line.events()[-1].incident_id != ended


def test_a_crash_that_opens_it_once_more_after_a_person_ended_it_leaves_it_over(
    line: Line, records: MakeRecords
) -> None:
    line.write(records("aaa"))
    line.turn()
    line.resolve(line.now)
    before = line.states.held.pop("weld-07")
    for part in range(2):
        line.kafka.commit(GROUP, SCORES, part, 0)
    line.restart()
    line.turn()
    assert line.states.held["weld-07"].state.open == before.state.open
    line.turn(seconds=2)
    line.turn()
    assert line.states.held["weld-07"].state.open == ()
    assert [each.kind for each in line.events()] == ["opened", "resolved", "opened"], "the same event again"
    assert line.events()[0] == line.events()[2]


words = st.lists(
    st.one_of(
        letters := st.text("ooaaAu", min_size=1, max_size=8),
        st.builds("{}:{}".format, st.sampled_from(["bracket", "hinge", "golden"]), letters),
        st.sampled_from(["swap", "deploy"]),
    ),
    min_size=1,
    max_size=16,
).map(" ".join)
turns = st.lists(st.tuples(st.integers(1, 12), st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=8)


@given(words=words, turns=turns, k=st.integers(1, 3), settle=st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_a_redis_that_is_lost_again_and_again_ends_as_one_that_never_was(
    words: str,
    turns: list[tuple[int, bool, bool, bool]],
    k: int,
    settle: int,
    story_records: MakeRecords,
    start: datetime,
) -> None:
    plans = LineFile(None, Policy(k=k, clear_after=4, settle=settle, unscorable_k=2))
    calm, lossy = Line(start, plans=plans), Line(start, plans=plans)
    records = list(story_records(words))
    for number, pause, flush, resolve in turns:
        batch, records = records[:number], records[number:]
        if resolve and batch:
            before = read_score(batch[0]).captured_at - timedelta(milliseconds=500)
            assert lossy.resolve(before) == calm.resolve(before)
        calm.read(batch, pause=pause, flush=False)
        lossy.read(batch, pause=pause, flush=flush)
        assert lossy.kept == calm.kept
    assert lossy.events() == calm.events()
    assert lossy.states.queued == calm.states.queued
