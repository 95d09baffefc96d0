"""The scores' source, with a memory: it lays what Redis knows on the board, and writes back what was decided.

A wrapper of a source, since a source already marks both ends of a turn: `poll` begins it, so the states of the
stations polled are loaded there; `commit` ends it, when Kafka has the events, so the board is saved there and the
offsets follow. A turn without records has no commit; what it decided (silence) is saved when the next begins.

* Redis away: both wait, keep the place in the group, and drop nothing; after two minutes they give up (Broken).
* A station moved on by somebody else since it was loaded: nothing is committed, and the same records are handed out
  again over freshly loaded states. What the other has done is then stale, the rest is ours to do.
* The state of a partition missing in Redis: it is rebuilt from Kafka before anything else is decided.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from andon.errors import Broken, Invalid
from andon.ids import station_id
from andon.kafka.source import Place
from andon.line import Plans
from andon.redis_client import Patience
from andon.stage import Record, Source
from andon_alerting.alerting import Board, Card
from andon_alerting.policy import silent
from andon_alerting.rebuild import Rebuild
from andon_alerting.states import Loaded, States

NEAR_END = 64
Clock = Callable[[], datetime]


class ScoreSource(Source, Protocol):
    """A source that knows what is its own and whether it has read all of it."""

    @property
    def assignment(self) -> list[Place]:
        """The (topic, partition)s that are ours."""

    def caught_up(self, within: int = 0) -> bool:
        """Whether Kafka answers and we are that close to the end of all of them."""


class Remembering:
    """A source of scores that keeps a board in step with Redis."""

    def __init__(
        self,
        source: ScoreSource,
        states: States,
        board: Board,
        rebuild: Rebuild,
        plans: Plans,
        patience: Patience,
        *,
        clock: Clock,
        beat: Callable[[], None],
        watch_every_s: float,
        on_saved: Callable[[], None] = lambda: None,
        on_rebuilt: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._states = states
        self._board = board
        self._rebuild = rebuild
        self._plans = plans
        self._patience = patience
        self._clock = clock
        self._beat = beat
        self._watch_every = timedelta(seconds=watch_every_s)
        self._on_saved = on_saved
        self._on_rebuilt = on_rebuilt
        self._batch: Sequence[Record] = ()
        self._again = False
        self._watched_at = self._listening_since = clock()
        self._partitions: frozenset[int] = frozenset()
        self._troubled: dict[str, int] = {}

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """The records, with their stations on the board; and now and then those that fell silent, and those that had
        something open, which people may have ended."""
        if not self._again:
            self._save()
            self._batch = self._source.poll()
        self._again = False
        stations = {each: record.partition for record in self._batch if (each := _station(record))}
        watching = self._is_time_to_watch()
        quiet = self._candidates() if watching else {}
        if stations or watching:
            troubled = self._troubled if watching else {}
            self._board.cards = self._load(troubled | quiet | stations).cards
        self._board.quiet = [station for station in quiet if station not in stations and self._is_silent(station)]
        return self._batch

    def commit(self) -> None:
        """Redis, then the offsets; or neither, and the same records again."""
        if self._save():
            self._again = True
            return
        self._source.commit()

    def hold(self, records: Sequence[Record]) -> None:
        """Never asked for: alerting can answer for every record at once."""
        raise Broken(f"alerting was told to hold {len(records)} records, and cannot")

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """As the source; what is not saved will be decided again."""
        self._source.close()

    def _save(self) -> list[str]:
        cards, self._board.cards = list(self._board.cards.values()), {}
        self._board.quiet = []
        self._note_troubled(cards)
        refused = self._patience(lambda: self._states.save(cards, self._clock()))
        if refused:
            structlog.get_logger().warning("moved_by_another", stations=sorted(refused)[:10], count=len(refused))
        if any(card.pages for card in cards):
            self._on_saved()
        return refused

    def _note_troubled(self, cards: Sequence[Card]) -> None:
        for card in cards:
            if card.state.open:
                self._troubled[card.station] = card.partition
            else:
                self._troubled.pop(card.station, None)

    def _load(self, stations: dict[str, int]) -> Loaded:
        loaded = self._patience(lambda: self._states.load(stations, self._partitions))
        while loaded.lost:
            self._restore(loaded.lost)
            loaded = self._patience(lambda: self._states.load(stations, self._partitions))
        return loaded

    def _restore(self, lost: frozenset[int]) -> None:
        cards, told = self._rebuild(lost, self._clock(), self._keep_place)
        self._patience(lambda: self._states.restore(cards, told, lost, self._clock()))
        open_now = sum(len(card.state.open) for card in cards)
        parts = sorted(lost)
        structlog.get_logger().info("state_rebuilt", partitions=parts, stations=len(cards), incidents_open=open_now)
        if cards or told:  # at the first start of all there was nothing to lose
            self._on_rebuilt()

    def _keep_place(self) -> None:
        self._source.idle()
        self._beat()

    def _is_time_to_watch(self) -> bool:
        now = self._clock()
        if now - self._watched_at < self._watch_every:
            return False
        self._watched_at = now
        ours = frozenset(partition for _, partition in self._source.assignment)
        self._troubled = {station: part for station, part in self._troubled.items() if part in ours}
        if ours != self._partitions or not self._source.caught_up(NEAR_END):
            self._partitions, self._listening_since = ours, now
        return bool(ours)

    def _candidates(self) -> dict[str, int]:
        shortest = self._plans.shortest_silence_s
        if shortest is None or (self._clock() - self._listening_since).total_seconds() <= shortest:
            return {}
        before = self._clock() - timedelta(seconds=shortest)
        return self._patience(lambda: self._states.quiet(self._partitions, before))

    def _is_silent(self, station: str) -> bool:
        state = self._board.cards[station].state
        return silent(state, self._plans.of(station).policy, self._clock(), self._listening_since)


def _station(record: Record) -> str | None:
    try:
        return station_id((record.key or b"").decode(errors="replace"))
    except Invalid:
        return None
