"""Redis lost its state, or never had it: read it back from Kafka.

Scores are replayed through the same `decide`, from a horizon up to where the group has committed, with every effect
dropped; what was opened, resolved and told is read from `incidents`, which has the last word on which incidents are
open. Scores beyond the commit come again by themselves and make the same events once more.

`scores` and `incidents` are keyed alike and must have the same number of partitions: then a partition of one holds
the stations of the same partition of the other. Older than the horizon, an open incident is adopted from its event.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from andon.errors import Invalid
from andon.incidents import ended_by_a_person, read_turn
from andon.kafka.even import check_even
from andon.kafka.offsets import committed_offsets, offsets_since
from andon.kafka.table import TopicReader
from andon.line import Plans
from andon.records import Cause, FramePlace, IncidentEvent, IncidentKind, read_score
from andon.settings import KafkaSettings
from andon.stage import Idle, Record
from andon.topics import INCIDENTS, SCORES
from andon_alerting.alerting import Card, too_late
from andon_alerting.ended import by_then
from andon_alerting.policy import OF_FRAMES, Open, State, decide, went_silent
from andon_alerting.policy import ended_by_a_person as ended_here
from andon_alerting.settings import RebuildSettings
from andon_alerting.states import Told
from andon_alerting.story import adopted

T = TypeVar("T")


@dataclass(slots=True)
class Story:
    """One incident's events. `late` says it was opened by frames too old to call anybody; `latest` is the last that
    told how bad it is."""

    opened: IncidentEvent
    late: bool
    latest: IncidentEvent
    resolved: IncidentEvent | None = None
    told: dict[str, IncidentKind] = field(default_factory=dict)

    def open_at(self, last: datetime | None) -> bool:
        """Whether it was open when the station's last replayed frame was captured."""
        ours = last is None or self.opened.cause is Cause.STATION_SILENT or self.opened.at <= last
        over = self.resolved is not None and (last is None or self.resolved.at <= last or self.ended is not None)
        return ours and not over

    @property
    def ended(self) -> IncidentEvent | None:
        """The event by which a person ended it, where nobody and nothing had before."""
        return self.resolved if self.resolved and ended_by_a_person(self.resolved) else None


Stories = dict[UUID, Story]


class History(Protocol):
    """What Kafka holds of some partitions."""

    def incidents(self, partitions: Iterable[int], since: datetime) -> Iterator[Record]:
        """The incident events since then."""

    def scores(self, partitions: Iterable[int], since: datetime) -> Iterator[tuple[int, Record]]:
        """The scores since then up to what is committed, each with its partition."""


class KafkaHistory:
    """The history in the topics."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._kafka = kafka
        self._group = group

    def incidents(self, partitions: Iterable[int], since: datetime) -> Iterator[Record]:
        """Up to the end. Raises Broken when Kafka does not answer, Mistake when it lacks one of the partitions."""
        check_even(self._kafka, (SCORES, INCIDENTS))
        places = [(INCIDENTS, part) for part in partitions]
        starts = offsets_since(self._kafka, places, since)
        return self._read(INCIDENTS, {part: offset for (_, part), offset in starts.items()}, {})

    def scores(self, partitions: Iterable[int], since: datetime) -> Iterator[tuple[int, Record]]:
        """Up to the commit. Raises Broken when Kafka does not answer."""
        places = [(SCORES, part) for part in partitions]
        stops = {part: offset for (_, part), offset in committed_offsets(self._kafka, self._group, places).items()}
        starts = offsets_since(self._kafka, [(SCORES, part) for part in stops], since) if stops else {}
        begin = {part: offset for (_, part), offset in starts.items() if offset < stops[part]}
        return ((record.partition, record) for record in self._read(SCORES, begin, stops))

    def _read(self, topic: str, starts: dict[int, int], stops: dict[int, int]) -> Iterator[Record]:
        if not starts:
            return
        with closing(TopicReader(self._kafka, topic, starts=starts, stops=stops)) as reader:
            yield from reader.read_to_end()


@dataclass(frozen=True)
class Rebuild:
    """Reads `history` back into cards and pages."""

    history: History
    plans: Plans
    settings: RebuildSettings
    max_alert_age_s: float

    def __call__(self, partitions: Iterable[int], now: datetime, idle: Idle) -> tuple[list[Card], list[Told]]:
        """The cards of all stations of `partitions`, and what every sink was told. Calls `idle` while it reads."""
        parts = sorted(partitions)
        events = breathing(self.history.incidents(parts, now - self.settings.incidents), idle)
        stories = read_stories(events, self.max_alert_age_s)
        silences = {each.opened.evidence[0].frame_id for each in stories.values() if _by_silence(each)}
        ended = [by_then(each.ended, now) for each in stories.values() if each.ended]
        scores = breathing(self.history.scores(parts, now - self.settings.horizon), idle)
        states, where = replay(scores, silences, self.plans, ended)
        return cards(states, where, stories), pages(stories, now - self.settings.horizon)


def replay(
    scores: Iterable[tuple[int, Record]], silences: set[UUID], plans: Plans, ended: Iterable[IncidentEvent] = ()
) -> tuple[dict[str, State], dict[str, int]]:
    """The state of each station after `scores`, and its partition. `silences` are the frames after which a station
    fell silent: time made that decision, so it is read, not made again. `ended` are the events by which people ended
    incidents: each before the first frame that was scored after it."""
    states: dict[str, State] = {}
    where: dict[str, int] = {}
    to_come = _by_station(ended)
    for partition, record in scores:
        with suppress(Invalid):  # it was a dead letter then, and is nothing now
            score = read_score(record)
            policy = plans.of(score.station).policy
            before = states.get(score.station, State(score.station))
            before = _after_people(before, to_come[score.station], score.scored_at)
            state, _ = decide(before, score, policy, FramePlace.of(record))
            if score.frame_id in silences and state.incident(Cause.STATION_SILENT) is None:
                state, _ = went_silent(state, policy)
            states[score.station], where[score.station] = state, partition
    return {name: _after_people(each, to_come[name]) for name, each in states.items()}, where


def _by_station(ended: Iterable[IncidentEvent]) -> dict[str, list[IncidentEvent]]:
    """The latest first, so that the next is the last of the list."""
    found: dict[str, list[IncidentEvent]] = defaultdict(list)
    for event in sorted(ended, key=lambda each: each.at, reverse=True):
        if event.cause in OF_FRAMES:
            found[event.station].append(event)
    return found


def _after_people(state: State, to_come: list[IncidentEvent], until: datetime | None = None) -> State:
    """The state after what people ended there before `until`; that is taken off `to_come`."""
    while to_come and (until is None or to_come[-1].at < until):
        event = to_come.pop()
        state = ended_here(state, event.cause, event.at)
    return state


def read_stories(records: Iterable[Record], max_alert_age_s: float) -> Stories:
    """The stories that the events tell; repeats and what cannot be read are passed over."""
    stories: Stories = {}
    for record in records:
        with suppress(Invalid):
            event = read_turn(record.value)
            _tell(stories, event, datetime.fromtimestamp(record.timestamp_ms / 1000, event.at.tzinfo), max_alert_age_s)
    return stories


def _tell(stories: Stories, event: IncidentEvent, written_at: datetime, max_alert_age_s: float) -> None:
    story = stories.get(event.incident_id)
    if event.kind is IncidentKind.OPENED and story is None:
        late = too_late(event.cause, event.at, written_at, max_alert_age_s)
        stories[event.incident_id] = Story(event, late, event)
    if story is None:
        return
    if event.kind is IncidentKind.UPDATED and event.count > story.latest.count:
        story.latest = event
    if event.kind is IncidentKind.RESOLVED:
        story.resolved = story.resolved or event
    if event.kind is IncidentKind.PAGED and event.sink and event.about:
        over = story.told.get(event.sink) is IncidentKind.RESOLVED
        story.told[event.sink] = IncidentKind.RESOLVED if over else event.about


def cards(states: dict[str, State], where: dict[str, int], stories: Stories) -> list[Card]:
    """The replayed states with the incidents that the stories say are open."""
    by_station: dict[str, list[Story]] = defaultdict(list)
    for story in [each for each in stories.values() if each.opened.cause in OF_FRAMES]:
        by_station[story.opened.station].append(story)
    found = []
    for station in sorted({*states, *(each for each in by_station if _any_open(by_station[each]))}):
        state = states.get(station, State(station))
        last = state.last.captured_at if state.last else None
        opens = [story for story in by_station[station] if story.open_at(last)]
        owed = frozenset(each.opened.incident_id for each in opens if each.late and not each.told)
        found.append(Card(station, where.get(station, 0), _with_open(state, opens), owed=owed))
    return found


def _with_open(state: State, stories: Sequence[Story]) -> State:
    replayed = {each.incident: each for each in state.open}
    opens = [_as_told(replayed.get(each.opened.incident_id), each) for each in stories]
    return replace(state, open=tuple(sorted(opens, key=lambda each: each.cause)))


def _as_told(replayed: Open | None, story: Story) -> Open:
    """An open incident as it was replayed. What changed before it and its trace are as they were told, since scores do
    not say it all."""
    held = replayed or adopted(story.opened, story.latest)
    return replace(held, changed=story.latest.changed, traceparent=story.opened.traceparent)


def pages(stories: Stories, since: datetime) -> list[Told]:
    """What sinks were told, and are still to be told, of incidents that are open or were so after `since`."""
    return [
        Told(story.opened, story.resolved, story.told)
        for story in stories.values()
        if (story.told or not story.late) and (story.resolved is None or story.resolved.at >= since)
    ]


def _any_open(stories: Iterable[Story]) -> bool:
    return any(each.resolved is None for each in stories)


def _by_silence(story: Story) -> bool:
    return story.opened.cause is Cause.STATION_SILENT and bool(story.opened.evidence)


def breathing(items: Iterable[T], idle: Idle, every: int = 500) -> Iterator[T]:
    """`items`, with a beat of `idle` now and then."""
    for number, item in enumerate(items):
        if number % every == 0:
            idle()
        yield item
