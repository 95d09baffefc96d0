"""What is remembered of the stations, in Redis: one hash a station, moved by one script.

The script writes only where the hash still stands at the position that was loaded (compare and set), so a replica
that lost its partition and does not know it yet changes nothing, and a redelivered score changes nothing. State and
pages are one step: a page is queued exactly when the state that caused it is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol
from uuid import UUID

from pydantic import TypeAdapter
from redis.exceptions import NoScriptError

from andon.records import Cause, IncidentEvent, IncidentKind, write_event
from andon.redis_client import Client, Script
from andon_alerting.alerting import Card
from andon_alerting.ended import ended
from andon_alerting.notices import place_of
from andon_alerting.outbox import DONE_KEEP_S, KEEP_S, QUEUE, RESTORE, Keys
from andon_alerting.policy import State

MOVE = (
    QUEUE
    + """
local station, heard = KEYS[1], KEYS[2]
if (redis.call('HGET', station, 'mark') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', station, 'mark', ARGV[2], 'state', ARGV[3], 'owed', ARGV[4])
redis.call('EXPIRE', station, ARGV[7])
redis.call('ZADD', heard, ARGV[5], ARGV[6])
redis.call('EXPIRE', heard, ARGV[7])
local key, arg = 3, 10
while KEYS[key] do
  local due = tonumber(ARGV[9]) + tonumber(ARGV[arg + 3])
  queue(KEYS[key], KEYS[key + 1], KEYS[key + 2], ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], due, ARGV[7], ARGV[8])
  key, arg = key + 3, arg + 4
end
return 1
"""
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What Redis answered: the stations asked for, and the partitions of which it knows nothing."""

    cards: dict[str, Card]
    lost: frozenset[int]


@dataclass(frozen=True, slots=True)
class Told:
    """One incident as Kafka tells it: its events, and how far each sink was told."""

    opened: IncidentEvent
    resolved: IncidentEvent | None
    told: Mapping[str, IncidentKind]


class States(Protocol):
    """Where the stations' states lie. `memory.MemoryStates` is the twin of `RedisStates`."""

    def load(self, stations: Mapping[str, int], partitions: Iterable[int]) -> Loaded:
        """The cards of `stations` (station -> partition), and which of `partitions` are lost, in one look."""

    def save(self, cards: Sequence[Card], now: datetime) -> list[str]:
        """Moves each station that still stands where it was loaded, and queues its pages; answers those refused."""

    def quiet(self, partitions: Iterable[int], before: datetime) -> dict[str, int]:
        """Stations last heard before `before`."""

    def restore(
        self, cards: Sequence[Card], incidents: Sequence[Told], partitions: Iterable[int], now: datetime
    ) -> None:
        """Puts back what Kafka says, where nothing is held, and marks `partitions` as here."""


class RedisStates:
    """States in Redis. `sinks` are all that pages are queued for; the value says whether the sink forgets."""

    def __init__(self, redis: Client, keys: Keys, sinks: Mapping[str, bool]) -> None:
        self._redis = redis
        self._keys = keys
        self._sinks = sinks
        self._move = Script(MOVE)
        self._restore = Script(RESTORE)

    def load(self, stations: Mapping[str, int], partitions: Iterable[int]) -> Loaded:
        """One transaction, so that a loss cannot hide between two looks. Then, where incidents are open, what people
        ended of them: whether that is seen now or in the next turn is no matter."""
        wanted = sorted({*partitions, *stations.values()})
        if not wanted:
            return Loaded({}, frozenset())
        pipe = self._redis.pipeline(transaction=True)
        pipe.hmget(self._keys.boot, wanted)
        for station in stations:
            pipe.hmget(self._keys.station(station), "mark", "state", "owed")
        boot, *rows = pipe.execute()
        lost = frozenset(partition for partition, since in zip(wanted, boot, strict=True) if since is None)
        cards = {
            station: _card(station, partition, row)
            for (station, partition), row in zip(stations.items(), rows, strict=True)
        }
        self._note_ended(cards.values())
        return Loaded(cards, lost)

    def save(self, cards: Sequence[Card], now: datetime) -> list[str]:
        """One round trip for all."""
        moved = [card for card in cards if card.changed]
        if not moved:
            return []
        calls = [self._call(card, now) for card in moved]
        answers = self._pipelined(self._move, calls)
        return [card.station for card, done in zip(moved, answers, strict=True) if not done]

    def quiet(self, partitions: Iterable[int], before: datetime) -> dict[str, int]:
        """Forgets stations that were idle for so long that their hash is gone."""
        parts = sorted(partitions)
        pipe = self._redis.pipeline(transaction=False)
        for part in parts:
            pipe.zremrangebyscore(self._keys.heard(part), "-inf", before.timestamp() - KEEP_S)
            pipe.zrangebyscore(self._keys.heard(part), "-inf", before.timestamp())
        found = pipe.execute()[1::2] if parts else []
        return {station: part for part, stations in zip(parts, found, strict=True) for station in stations}

    def restore(
        self, cards: Sequence[Card], incidents: Sequence[Told], partitions: Iterable[int], now: datetime
    ) -> None:
        """Pages before states before the mark: should it break off, the next try finds the mark missing."""
        calls = [self._restore_call(each, sink, now) for each in incidents for sink in self._sinks]
        self._pipelined(self._restore, calls)
        for each in [each.opened for each in incidents if each.resolved is None]:
            if each.cause is Cause.BUNDLE_REFUSED:
                self._redis.hsetnx(self._keys.refusals, place_of(each), write_event(each).decode())
        self.save(cards, now)
        since = now.isoformat(timespec="seconds")
        self._redis.hset(self._keys.boot, mapping={str(part): since for part in partitions})

    def state(self, station: str) -> State | None:
        """One station's state, for whoever only looks."""
        text = self._redis.hget(self._keys.station(station), "state")
        return read_state(text) if text else None

    def _note_ended(self, cards: Iterable[Card]) -> None:
        troubled = [card for card in cards if card.state.open]
        found = ended(self._redis, self._keys, [each.incident for card in troubled for each in card.state.open])
        for card in troubled:
            card.ended = tuple(found[each.incident] for each in card.state.open if each.incident in found)

    def _call(self, card: Card, now: datetime) -> list[str | float]:
        heard = card.state.last_scored_at or now
        keys = [self._keys.station(card.station), self._keys.heard(card.partition)]
        arguments: list[str | float] = [
            card.mark,
            card.state.mark,
            write_state(card.state),
            ",".join(sorted(map(str, card.owed))),
            heard.timestamp(),
            card.station,
            KEEP_S,
            DONE_KEEP_S,
            now.timestamp(),
        ]
        for event in card.pages:
            body, wait_s = write_event(event).decode(), hold_of(card, event)
            for sink in self._sinks:
                incident = str(event.incident_id)
                keys += [self._keys.outbox(sink), self._keys.waiting(sink), self._keys.page(sink, incident)]
                arguments += [incident, str(event.kind), body, wait_s]
        return [len(keys), *keys, *arguments]

    def _restore_call(self, incident: Told, sink: str, now: datetime) -> list[str | float]:
        name = str(incident.opened.incident_id)
        keys = [self._keys.outbox(sink), self._keys.waiting(sink), self._keys.page(sink, name)]
        told = incident.told.get(sink)
        resolved = write_event(incident.resolved).decode() if incident.resolved else ""
        again = "1" if self._sinks[sink] else ""
        opened = write_event(incident.opened).decode()
        return [len(keys), *keys, name, told or "", opened, resolved, now.timestamp(), again, KEEP_S, DONE_KEEP_S]

    def _pipelined(self, script: Script, calls: Sequence[Sequence[str | float]]) -> list[int]:
        if not calls:
            return []
        try:
            return self._all(script.sha(self._redis), calls)
        except NoScriptError:  # Redis was restarted; it forgot the script, and has run none of these
            return self._all(script.load(self._redis), calls)

    def _all(self, sha: str, calls: Sequence[Sequence[str | float]]) -> list[int]:
        pipe = self._redis.pipeline(transaction=False)
        for call in calls:
            pipe.evalsha(sha, *call)
        answers: list[int] = pipe.execute()
        return answers


def hold_of(card: Card, event: IncidentEvent) -> float:
    """How many seconds a page of `card` waits: only the first one of an incident does."""
    return card.holds.get(event.incident_id, 0.0) if event.kind is IncidentKind.OPENED else 0.0


def _card(station: str, partition: int, row: Sequence[str | None]) -> Card:
    mark, state, owed = row
    if not mark or not state:
        return Card(station, partition, State(station))
    names = frozenset(UUID(each) for each in (owed or "").split(",") if each)
    return Card(station, partition, read_state(state), mark, names)


@cache
def _state_adapter() -> TypeAdapter[State]:
    return TypeAdapter(State)


def write_state(state: State) -> str:
    """The JSON that Redis keeps; what is as it begins is left out."""
    return _state_adapter().dump_json(state, exclude_defaults=True).decode()


def read_state(text: str) -> State:
    """The state in `text`."""
    return _state_adapter().validate_json(text)
