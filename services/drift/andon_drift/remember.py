"""The scores' source, with a memory: it lays what Redis knows on the board, and writes back what was decided.

A wrapper of a source, since a source already marks both ends of a turn: `poll` begins it, so the states of the stations
polled are loaded there; `commit` ends it, when Kafka has the findings, so they are saved there and the offsets follow.
Redis away: both wait, keep the place in the group, and drop nothing. Redis emptied: a station is learned anew within
as many frames as a decision looks at, and its open findings come back from the topic.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Protocol

from pydantic import TypeAdapter

from andon.errors import Broken, Invalid
from andon.ids import station_id
from andon.redis_client import Client, Patience
from andon.stage import Record, Source
from andon_drift.drift import Board, Card
from andon_drift.findings import Findings
from andon_drift.state import State

KEEP_S = 30 * 86_400  # what is remembered of a station that sends nothing


class States(Protocol):
    """Where the stations' states lie."""

    def load(self, stations: Sequence[str]) -> dict[str, State]:
        """Those that are known."""

    def save(self, states: Iterable[State]) -> None:
        """Keeps them."""


class RedisStates:
    """States in Redis, one key a station: a look and a write are one round trip each, for however many."""

    def __init__(self, redis: Client, key_prefix: str) -> None:
        self._redis = redis
        self._prefix = f"{key_prefix}drift:"

    def load(self, stations: Sequence[str]) -> dict[str, State]:
        """Those that are known."""
        rows = self._redis.mget([self._prefix + station for station in stations]) if stations else []
        return {station: read_state(row) for station, row in zip(stations, rows, strict=True) if row}

    def save(self, states: Iterable[State]) -> None:
        """Keeps them for a month."""
        pipe = self._redis.pipeline(transaction=False)
        for state in states:
            pipe.set(self._prefix + state.station, write_state(state), ex=KEEP_S)
        pipe.execute()


class Remembering:
    """A source of scores that keeps a board in step with Redis."""

    def __init__(self, source: Source, states: States, board: Board, findings: Findings, patience: Patience) -> None:
        self._source = source
        self._states = states
        self._board = board
        self._findings = findings
        self._patience = patience

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """The records, with their stations on the board."""
        batch = self._source.poll()
        stations = {each: record.partition for record in batch if (each := _station(record))}
        if stations:
            self._findings.refresh()
        known = self._patience(lambda: self._states.load(list(stations)))
        self._board.cards = {
            station: self._card(station, partition, known.get(station)) for station, partition in stations.items()
        }
        return batch

    def commit(self) -> None:
        """Redis, then the offsets."""
        changed = [card.state for card in self._board.cards.values() if card.changed]
        if changed:
            self._patience(lambda: self._states.save(changed))
        self._source.commit()

    def hold(self, records: Sequence[Record]) -> None:
        """Never asked for: drift can answer for every record at once."""
        raise Broken(f"drift was told to hold {len(records)} records, and cannot")

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """As the source; what is not saved will be decided again."""
        self._source.close()

    def _card(self, station: str, partition: int, known: State | None) -> Card:
        before = known or State(station)
        return Card(station, partition, self._findings.agreed(before), before)


def _station(record: Record) -> str | None:
    try:
        return station_id((record.key or b"").decode(errors="replace"))
    except Invalid:
        return None


@cache
def _adapter() -> TypeAdapter[State]:
    return TypeAdapter(State)


def write_state(state: State) -> str:
    """The JSON that Redis keeps."""
    return _adapter().dump_json(state, exclude_none=True).decode()


def read_state(text: str) -> State:
    """The state in `text`."""
    return _adapter().validate_json(text)
