"""What people say to an incident: that they have taken it on, that it is over. Both come from `incidents`, where they
write it, and go into pages.

A stage of its own reads `incidents` as one more group. What it keeps lies in Redis, one key an incident: the event of
whoever took it on first, until it is over; and the event of whoever ended it first, by which the stages that keep
incidents drop it (ended.py). Both can be read back from Kafka, and are where Redis has lost them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from andon.errors import Invalid
from andon.incidents import ended_by_a_person, read_turn
from andon.kafka.offsets import offsets_since
from andon.kafka.table import TopicReader
from andon.records import IncidentEvent, IncidentKind, read_event, write_event
from andon.redis_client import Client, Patience, Script
from andon.settings import KafkaSettings
from andon.stage import Idle, Record, Result, Source
from andon.topics import INCIDENTS
from andon_alerting.ended import by_then
from andon_alerting.outbox import DONE_KEEP_S, KEEP_S, QUEUE, Keys, run_script
from andon_alerting.rebuild import breathing

LOOK_EVERY_S = 2.0

TAKE = (
    QUEUE
    + """
local now, keep, done_keep, name, body, news = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not redis.call('SET', KEYS[1], body, 'NX', 'EX', keep) then return 0 end
local key, arg = 2, 7
while KEYS[key] do
  local outbox, waiting, page, incident = KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  local forgets = ARGV[arg]
  local held = redis.call('HMGET', incident, 'told', 'held_until', 'resolved')
  local until_s = tonumber(held[2] or '0') or 0
  local busy = until_s > tonumber(now)
  if forgets == '1' then
    if held[1] == 'opened' and not busy then redis.call('ZADD', outbox, 'XX', now, name) end
  elseif news == '1' and not held[3] and (held[1] == 'opened' or (held[1] == '' and busy)) then
    queue(outbox, waiting, page, name .. '/acknowledged', 'opened', body, busy and until_s or now, keep, done_keep)
  end
  key, arg = key + 4, arg + 1
end
return 1
"""
)
"""Keeps the first acknowledgement of an incident. A sink that was told of the incident is told of it, too: reminded at
once where it forgets, else by a page of its own, in the same step. A page that still waits will say who has it."""

OVER = """
redis.call('DEL', KEYS[1])
local name, key = ARGV[1] .. '/acknowledged', 2
while KEYS[key] do
  redis.call('ZREM', KEYS[key], name)
  redis.call('SREM', KEYS[key + 1], name .. '/opened')
  redis.call('DEL', KEYS[key + 2])
  key = key + 3
end
return 1
"""
"""Forgets it with its incident, and takes back a page of it that nobody was told yet."""

END = (
    QUEUE
    + """
local now, keep, done_keep, name, body, pages = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not redis.call('SET', KEYS[1], body, 'NX', 'EX', keep) or pages == '' then return 0 end
for key = 2, #KEYS, 3 do
  queue(KEYS[key], KEYS[key + 1], KEYS[key + 2], name, 'resolved', body, now, keep, done_keep)
end
return 1
"""
)
"""Keeps the first word that an incident is over, and tells whoever was told, or is to be told, that it began."""


@dataclass(slots=True)
class TakenBoard:
    """What a batch of `incidents` says, in order: who has taken what on, and what is over."""

    turns: list[IncidentEvent] = field(default_factory=list)


class Taken(Protocol):
    """Where it lies; `RedisTaken` is the real one."""

    def apply(self, turns: Sequence[IncidentEvent], now: datetime) -> None:
        """Keeps the first acknowledgement of each incident, and the first end by a person, which is told; forgets
        acknowledgements of what is over."""

    def restore(self, turns: Sequence[IncidentEvent], now: datetime) -> None:
        """As `apply`, of what was lost. Ends are not told: their pages come back with the others, from elsewhere."""

    def lost(self, partitions: Iterable[int]) -> frozenset[int]:
        """The partitions of which nothing is known."""

    def found(self, partitions: Iterable[int], now: datetime) -> None:
        """What was said of theirs is here now."""


def acknowledging(board: TakenBoard) -> Callable[[Sequence[Record], datetime], list[Result]]:
    """The handler: leaves on the board what people said, and sends nothing."""

    def handle(records: Sequence[Record], _now: datetime) -> list[Result]:
        board.turns = list(turns(records))
        return []

    return handle


def turns(records: Iterable[Record]) -> Iterator[IncidentEvent]:
    """The acknowledged and resolved events among `records`; what cannot be read is passed over."""
    for record in records:
        with suppress(Invalid):
            event = read_turn(record.value)
            if event.kind in (IncidentKind.ACKNOWLEDGED, IncidentKind.RESOLVED):
                yield event


def still_said(events: Iterable[IncidentEvent]) -> list[IncidentEvent]:
    """The first acknowledgement of each incident that is not over, and the event that ended each that a person did."""
    first: dict[UUID, IncidentEvent] = {}
    over: dict[UUID, IncidentEvent] = {}
    for event in events:
        if event.kind is IncidentKind.RESOLVED:
            over.setdefault(event.incident_id, event)
            first.pop(event.incident_id, None)
        elif event.incident_id not in over:
            first.setdefault(event.incident_id, event)
    return [*first.values(), *filter(ended_by_a_person, over.values())]


class Following:
    """A source of `incidents` that writes what was found to where it lies before the commit, and reads it back from
    the topic where it was lost. `places` answers the partitions that are ours."""

    def __init__(
        self,
        source: Source,
        places: Callable[[], Iterable[int]],
        taken: Taken,
        board: TakenBoard,
        read_back: Callable[[frozenset[int], datetime, Idle], list[IncidentEvent]],
        patience: Patience,
        *,
        clock: Callable[[], datetime],
        on_saved: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._places = places
        self._taken = taken
        self._board = board
        self._read_back = read_back
        self._patience = patience
        self._clock = clock
        self._on_saved = on_saved
        self._known: frozenset[int] = frozenset()
        self._look_at = 0.0

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """The events; before them, what was lost is put back."""
        batch = self._source.poll()
        ours, now = frozenset(self._places()), self._clock()
        if ours and (ours - self._known or now.timestamp() >= self._look_at):
            self._look_at = now.timestamp() + LOOK_EVERY_S
            self._put_back(self._patience(lambda: self._taken.lost(ours)), now)
        self._known = ours
        return batch

    def commit(self) -> None:
        """Redis, then the offsets."""
        found, self._board.turns = self._board.turns, []
        if found:
            self._patience(lambda: self._taken.apply(found, self._clock()))
            self._on_saved()
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

    def _put_back(self, lost: frozenset[int], now: datetime) -> None:
        if lost:
            events = self._read_back(lost, now, self._source.idle)
            self._patience(lambda: self._taken.restore(events, now))
            self._patience(lambda: self._taken.found(lost, now))


@dataclass(frozen=True)
class ReadBack:
    """Reads what still counts of what people said in the last `horizon` of `incidents`."""

    kafka: KafkaSettings
    horizon: timedelta

    def __call__(self, partitions: frozenset[int], now: datetime, idle: Idle) -> list[IncidentEvent]:
        """Calls `idle` while it reads. Raises Broken when Kafka does not answer."""
        starts = offsets_since(self.kafka, [(INCIDENTS, part) for part in sorted(partitions)], now - self.horizon)
        begin = {part: offset for (_, part), offset in starts.items()}
        with closing(TopicReader(self.kafka, INCIDENTS, starts=begin)) as reader:
            return still_said(turns(breathing(reader.read_to_end(), idle)))


class RedisTaken:
    """What people said, in Redis. `sinks` are those that pages go to; the value says whether the sink forgets.

    An acknowledgement that is older than `news_s` is kept and shown, and no page of its own."""

    def __init__(self, redis: Client, keys: Keys, sinks: Mapping[str, bool], news_s: float) -> None:
        self._redis = redis
        self._keys = keys
        self._sinks = sinks
        self._news_s = news_s
        self._take = Script(TAKE)
        self._over = Script(OVER)
        self._end = Script(END)

    def apply(self, turns: Sequence[IncidentEvent], now: datetime) -> None:
        """One script or two a turn; each may be repeated."""
        for event in turns:
            self._hear(event, now, tell=True)

    def restore(self, turns: Sequence[IncidentEvent], now: datetime) -> None:
        """As `apply`."""
        for event in turns:
            self._hear(event, now, tell=False)

    def lost(self, partitions: Iterable[int]) -> frozenset[int]:
        """One look."""
        wanted = sorted(partitions)
        since = self._redis.hmget(self._keys.taken_boot, wanted) if wanted else []
        return frozenset(part for part, at in zip(wanted, since, strict=True) if at is None)

    def found(self, partitions: Iterable[int], now: datetime) -> None:
        """Marks them."""
        self._redis.hset(self._keys.taken_boot, mapping={str(part): now.isoformat() for part in partitions})

    def of(self, incidents: Sequence[str]) -> dict[str, IncidentEvent]:
        """Who has taken which of these incidents on. One look; any thread may ask."""
        rows = self._redis.mget([self._keys.taken(each) for each in incidents]) if incidents else []
        return {each: read_event(IncidentEvent, row.encode()) for each, row in zip(incidents, rows, strict=True) if row}

    def _hear(self, event: IncidentEvent, now: datetime, *, tell: bool) -> None:
        if event.kind is IncidentKind.ACKNOWLEDGED:
            self._take_up(event, now)
            return
        if ended_by_a_person(event):
            self._keep_end(by_then(event, now), now, tell=tell)
        self._forget(event)

    def _keep_end(self, event: IncidentEvent, now: datetime, *, tell: bool) -> None:
        name = str(event.incident_id)
        keys = [self._keys.ended(name)]
        for sink in self._sinks:
            keys += [self._keys.outbox(sink), self._keys.waiting(sink), self._keys.page(sink, name)]
        body = write_event(event).decode()
        arguments: list[str | float] = [now.timestamp(), KEEP_S, DONE_KEEP_S, name, body, "1" if tell else ""]
        run_script(self._redis, self._end, keys, arguments)

    def _take_up(self, event: IncidentEvent, now: datetime) -> None:
        name, news = str(event.incident_id), (now - event.at).total_seconds() <= self._news_s
        keys = [self._keys.taken(name)]
        for sink in self._sinks:
            page, incident = self._keys.page(sink, f"{name}/acknowledged"), self._keys.page(sink, name)
            keys += [self._keys.outbox(sink), self._keys.waiting(sink), page, incident]
        body, forgets = write_event(event).decode(), ["1" if each else "" for each in self._sinks.values()]
        arguments = [now.timestamp(), KEEP_S, KEEP_S, name, body, "1" if news else "", *forgets]
        run_script(self._redis, self._take, keys, arguments)

    def _forget(self, event: IncidentEvent) -> None:
        name = str(event.incident_id)
        keys = [self._keys.taken(name)]
        for sink in self._sinks:
            page = self._keys.page(sink, f"{name}/acknowledged")
            keys += [self._keys.outbox(sink), self._keys.waiting(sink), page]
        run_script(self._redis, self._over, keys, [name])
