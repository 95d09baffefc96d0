"""Counting what people overrule: scores are counted, answers are heard, and every minute both are looked at.

A stage of its own over `scores` and `verdicts`, in a group of its own: counted in the stage of scores, it would cost
each of its turns a call to Redis and keep paging waiting while it catches up. Here a turn comes once a second,
takes many records at once, and reads of a score only what is counted.

Counts lie in Redis by station and quarter hour (`andon.rates.tallies`), where the console reads them, too. They move
with the place that was counted up to, so that a record that comes again is not counted again. Where Redis has lost
them, the group goes back by as much as is counted and reads on from there; until it has caught up nothing is decided.
Open incidents come back from `incidents`.

`verdicts` must have as many partitions as `scores`: a station's answers are then judged by whoever counts its scores.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from andon.errors import Invalid
from andon.ids import drill_of
from andon.kafka.source import Place
from andon.line import Plans
from andon.metrics import Metrics
from andon.rates import Bucket, quarter_of
from andon.reasons import Reason
from andon.records import (
    Answer,
    Cause,
    Event,
    FramePlace,
    IncidentEvent,
    IncidentKind,
    Score,
    Verdict,
    read_answer,
    read_event,
    write_event,
)
from andon.records.assignment import EVERY
from andon.records.replayed import sent_again
from andon.redis_client import Patience
from andon.stage import Handler, Message, Record, Rejected, Result, Source
from andon.topics import INCIDENTS, SCORES, VERDICTS
from andon_alerting.false_calls import WINDOW, Called, Looked, Overruled, Turn, forgiven, hear, judge
from andon_alerting.finding_state import read_standing
from andon_alerting.kept import Shelf, Slate
from andon_alerting.showing import evidence_of
from andon_alerting.standing import Standing, troubles_of

OVERRULED = "false-calls"
"""Whose incidents these are on show."""

TURN_S = 1.0  # how often it reads, unless there is more to be had at once
NEAR_END = 64


class CountedScore(Event):
    """What is counted of a score. The rest of the record is passed over unread."""

    frame_id: UUID
    station: str
    product: str | None = None
    captured_at: datetime
    verdict: Verdict
    golden: str | None = None

    @property
    def counts(self) -> bool:
        """Whether it has a verdict of its own to be overruled; those of drills are nobody's."""
        is_ours = self.golden is None and drill_of(self.station) is None
        return is_ours and self.verdict is not Verdict.UNSCORABLE


@dataclass(slots=True)
class Counted:
    """What was counted of one partition of `scores` since `begin`: up to but without the offset `end`. `calls` are
    those of `scored` that were called anomalous."""

    begin: int
    end: int
    scored: dict[Bucket, int] = field(default_factory=lambda: defaultdict(int))
    calls: dict[Bucket, int] = field(default_factory=lambda: defaultdict(int))
    called: dict[tuple[str, UUID], Called] = field(default_factory=dict)


class Counts(Protocol):
    """Where the counts lie; `counts.RedisCounts` is the real one."""

    def places(self, places: Iterable[Place]) -> dict[Place, int]:
        """How far each place was read; one of which nothing is known is left out."""

    def begin(self, starts: Mapping[Place, int]) -> None:
        """Each place is read from its offset on, unless something is known of it by now."""

    def add(self, place: Place, counted: Counted) -> bool:
        """Adds what was counted; False, and nothing done, where somebody else has read on meanwhile."""

    def look(self, known: Overruled, since: datetime, now: datetime) -> Looked:
        """What was counted at a station since then."""


@dataclass(slots=True)
class CountSlate(Slate[Overruled]):
    """What people said, by station; what was counted; and what it is held against. `decided` is for those who
    watch."""

    read: dict[Place, int] = field(default_factory=dict)
    counted: dict[Place, Counted] = field(default_factory=dict)
    looked: dict[str, Looked] = field(default_factory=dict)
    decided: list[tuple[str, Turn]] = field(default_factory=list)


class Counting:
    """The handler: counts scores, hears answers, and judges the stations that were looked at."""

    __slots__ = ("_plans", "_slate")

    def __init__(self, slate: CountSlate, plans: Plans) -> None:
        self._slate = slate
        self._plans = plans

    def __call__(self, records: Sequence[Record], now: datetime) -> list[Result]:
        """Scores that cannot be read are dead letters of their own stage already, and are passed over."""
        self._slate.decided.clear()
        self._slate.counted.clear()
        results: list[Result] = []
        for record in records:
            if record.topic == SCORES:
                self._count(record, now)
                continue
            try:
                self._hear(read_answer(record), record.partition)
            except Invalid as error:
                results.append(Rejected(record, error.reason, error.detail))
        return [*results, *self._judged(now)]

    def _count(self, record: Record, now: datetime) -> None:
        place = record.topic, record.partition
        counted = self._slate.counted.get(place)
        if counted is None:
            first = self._slate.read.get(place, record.offset)
            counted = self._slate.counted[place] = Counted(first, first)
        if record.offset < counted.end:
            return
        counted.end = record.offset + 1
        with suppress(Invalid):
            score = read_counted(record)
            if score.counts and not sent_again(record) and now - score.captured_at < WINDOW:
                bucket = score.station, score.product, quarter_of(score.captured_at)
                counted.scored[bucket] += 1
                if score.verdict is Verdict.ANOMALOUS:
                    counted.calls[bucket] += 1
                    counted.called[score.station, score.frame_id] = called(record)

    def _hear(self, answer: Answer, partition: int) -> None:
        known = self._slate.kept.get(answer.station) or Overruled(answer.station, partition)
        self._slate.kept[answer.station] = replace(hear(known, answer), partition=partition)

    def _judged(self, now: datetime) -> Iterator[Message]:
        for station, looked in sorted(self._slate.looked.items()):
            if station not in self._slate.kept:
                continue
            known, turns = judge(self._slate.kept[station], looked, self._plans.of(station), now)
            self._slate.kept[station] = known
            if not known.said and not known.open and not known.ended:
                del self._slate.kept[station]
            for turn in turns:
                self._slate.decided.append((station, turn))
                if turn.event is not None:
                    self._slate.tell(turn.event)
                    yield Message(INCIDENTS, station.encode(), write_event(turn.event))


class CountSource(Source, Protocol):
    """A source that knows what is its own and how much of it lies ahead."""

    @property
    def assignment(self) -> list[Place]:
        """The (topic, partition)s that are ours."""

    def lag(self) -> dict[Place, int]:
        """Records between us and the end, by place."""


class Tallying:
    """The source: takes a turn once a second, adds what was counted before the commit, and goes back where counts
    were lost. `offsets_since` finds where in Kafka a time begins."""

    def __init__(
        self,
        source: CountSource,
        counts: Counts,
        slate: CountSlate,
        patience: Patience,
        offsets_since: Callable[[Sequence[Place], datetime], Mapping[Place, int]],
        *,
        clock: Callable[[], datetime],
        look_every_s: float = 60.0,
    ) -> None:
        self._source = source
        self._counts = counts
        self._slate = slate
        self._patience = patience
        self._offsets_since = offsets_since
        self._clock = clock
        self._next = clock()
        self._look_every = timedelta(seconds=look_every_s)
        self._look_next = clock() + self._look_every

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """The next records; those of a place of which nothing is known come later, from its start."""
        if self._clock() < self._next:
            return ()
        batch = self._source.poll()
        if len(batch) <= NEAR_END:
            self._next = self._clock() + timedelta(seconds=TURN_S)
        firsts: dict[Place, Record] = {}
        for record in batch:
            firsts.setdefault((record.topic, record.partition), record)
        self._slate.read = self._patience(lambda: self._counts.places(firsts)) if firsts else {}
        lost = [each for place, each in firsts.items() if place not in self._slate.read]
        if lost:
            self._go_back(lost)
        return [each for each in batch if (each.topic, each.partition) in self._slate.read]

    def commit(self) -> None:
        """The counts, then the offsets. What somebody else has counted meanwhile is counted."""
        for place, counted in self._slate.counted.items():
            self._add(place, counted)
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

    def is_time_to_look(self) -> bool:
        """Now and then, where all that is ours was read: half a count proves nothing."""
        if self._clock() < self._look_next:
            return False
        self._look_next = self._clock() + self._look_every
        lags = self._source.lag()
        return bool(lags) and all(lag <= NEAR_END for lag in lags.values())

    def is_ours(self, partition: int) -> bool:
        """Whether the answers in a partition are ours to judge."""
        return (VERDICTS, partition) in self._source.assignment

    def _add(self, place: Place, counted: Counted) -> None:
        self._patience(lambda: self._counts.add(place, counted))

    def _go_back(self, lost: Sequence[Record]) -> None:
        """To where the window begins; what was polled of these places comes again after it."""
        places = [(each.topic, each.partition) for each in lost]
        starts = self._offsets_since(places, self._clock() - WINDOW)
        self._source.hold([replace(each, offset=starts[each.topic, each.partition]) for each in lost])
        self._patience(lambda: self._counts.begin(starts))
        self._look_next = self._clock() + self._look_every
        structlog.get_logger().info("counting_from", places=[f"{topic}/{part}" for topic, part in places])


class Looking:
    """Now and then, all that people said at our stations, beside what was counted there; else nothing."""

    def __init__(
        self,
        tallying: Tallying,
        shelf: Shelf[Overruled],
        counts: Counts,
        slate: CountSlate,
        patience: Patience,
        clock: Callable[[], datetime],
    ) -> None:
        self._tallying = tallying
        self._shelf = shelf
        self._counts = counts
        self._slate = slate
        self._patience = patience
        self._clock = clock

    def __call__(self) -> list[str]:
        """The stations to be judged. Where all is lost, any one, so that it is read back."""
        self._slate.looked = {}
        if not self._tallying.is_time_to_look():
            return []
        known = self._patience(lambda: self._shelf.load(self._shelf.places()))
        if known is None:
            return [EVERY]
        ours = [each for each in known.values() if self._tallying.is_ours(each.partition)]
        self._slate.looked = {each.station: self._look(each) for each in ours}
        return list(self._slate.looked)

    def _look(self, known: Overruled) -> Looked:
        now = self._clock()
        return self._patience(lambda: self._counts.look(known, now - WINDOW, now))


def rebuilt(records: Iterable[Record], now: datetime) -> dict[str, Overruled]:
    """The open incidents that the events of `incidents` tell of `now`, by station, and which people ended. What people
    said comes again by itself. A station's records lie in the same partition of every topic."""
    where: dict[bytes | None, int] = {}

    def noting() -> Iterator[Record]:
        for record in records:
            where[record.key] = record.partition
            yield record

    known: dict[str, Overruled] = {}

    def of(event: IncidentEvent) -> Overruled:
        return known.get(event.station) or Overruled(event.station, where[event.station.encode()])

    standing = read_standing(noting(), now)
    for event in [each for each in standing.open if each.cause is Cause.FALSE_CALLS]:
        known[event.station] = replace(of(event), open=(*of(event).open, event))
    for event in [each for each in standing.ended if each.cause is Cause.FALSE_CALLS and each.at >= now - WINDOW]:
        known[event.station] = forgiven(of(event), event)
    return known


def stations_of(record: Record) -> list[str]:
    """The station whose frame a record answers on."""
    if record.topic == VERDICTS:
        with suppress(Invalid):
            return [read_answer(record).station]
    return []


def read_counted(record: Record) -> CountedScore:
    """The score in `record`, as far as it is counted. Raises Invalid."""
    score = read_event(CountedScore, record.value)
    if record.key != score.station.encode():
        raise Invalid(Reason.BAD_STATION, "the record's key is not its station")
    if score.captured_at.tzinfo is None:
        raise Invalid(Reason.BAD_RECORD, "Score: captured_at needs a time zone")
    return score


def called(record: Record) -> Called:
    """What is kept of a frame that was called anomalous, should somebody answer on it. Raises Invalid."""
    score = read_event(Score, record.value)
    place = FramePlace.of(record)
    return Called(evidence_of(score, place), score.product)


def watched(handle: Handler, slate: CountSlate, metrics: Metrics, standing: Standing | None = None) -> Handler:
    """`handle`, with its incidents logged and counted, and what is open shown."""
    shown = standing or Standing(metrics)

    def watching(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        results = list(handle(records, now))
        for station, known in (slate.held | slate.kept).items():
            still_open = known.open if station in slate.kept else ()
            shown.put(OVERRULED, station, known.partition, troubles_of(still_open))
        for station, turn in slate.decided:
            event = turn.event
            if event is not None and event.kind is IncidentKind.OPENED:
                metrics.incidents_opened.labels(station, event.cause.value).inc()
            if event is not None:
                structlog.get_logger().info(
                    f"incident_{event.kind}",
                    station=station,
                    product=turn.product,
                    cause=event.cause.value,
                    why=turn.why.value,
                    incident=str(event.incident_id),
                )
        return results

    return watching
