"""The source of scores, with a memory: it lays what is known of their stations on the board, and saves it now and then.

A wrapper of a source, since a source already marks both ends of a turn. `poll` begins it: stations that are new on the
board are read from Redis. `commit` ends it, when Kafka has the findings: at most once a second what changed is saved,
and only then the offsets are committed. In between everything stays in memory, for as long as the partition is ours.
So after a crash Redis is as old as the offsets are, or newer: what is redelivered is decided the same, or is stale.
Redis away: both wait, keep the place in the group, and drop nothing. Redis emptied: a station's faults are learned anew
within as many frames as a decision looks at, its charts begin anew, and its open findings come back from the topic.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from andon.errors import Invalid
from andon.ids import station_id
from andon.redis_client import Patience
from andon.stage import Record, Source
from andon_drift.cards import Fields, read_card, write_card
from andon_drift.drift import Board, Card
from andon_drift.findings import Findings
from andon_drift.watch.baselines import Baselines
from andon_drift.watch.collecting import Change
from andon_drift.watch.learning import Learner, job_of
from andon_drift.watch.place import PlaceId

SAVE_S = 1.0
"""Between two savings, at least..."""
SAVING = 20.0
"""...and so many times what the last one took: so saving takes a twentieth of the time, however many stations."""
SHOW_S = 5.0
"""Between two tellings of how a station stands."""
LOOK_S = 0.5
"""Between two looks for new references."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Saving:
    """What is saved at once. `series` are the changes to the series of places, in order, before all else; `cards` the
    fields of stations; `shown` how stations stand, for people."""

    series: Mapping[tuple[str, PlaceId], Sequence[Change]] = field(default_factory=dict)
    cards: Mapping[str, Fields] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)


class Memory(Protocol):
    """Where what is known of stations lies."""

    def load(self, stations: Sequence[str]) -> dict[str, dict[str, str]]:
        """The fields of those that are known."""

    def save(self, saving: Saving) -> None:
        """Keeps all of it; doing it twice does nothing more."""

    def series(self, station: str, place: PlaceId, stride: int) -> bytes:
        """What was collected at a place; empty where nothing is."""


class Remembering:
    """A source of scores and readings that keeps a board in step with Redis."""

    def __init__(
        self,
        source: Source,
        memory: Memory,
        board: Board,
        findings: Findings,
        patience: Patience,
        *,
        baselines: Baselines | None = None,
        learner: Learner | None = None,
        show: Callable[[Card], str] | None = None,
        clock: Clock = time.monotonic,
        save_s: float = SAVE_S,
        saving: float = SAVING,
    ) -> None:
        self._source = source
        self._memory = memory
        self._board = board
        self._findings = findings
        self._patience = patience
        self._baselines = baselines
        self._learner = learner
        self._show = show
        self._clock = clock
        self._save_s = save_s
        self._saving_times = saving
        self._due = clock() + save_s
        self._look = 0.0
        self._unshown: set[str] = set()
        self._deciding = False

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    def poll(self) -> Sequence[Record]:
        """The records, with their stations on the board."""
        self._deciding = False  # who polls again is done with the turn before
        self._save_when_due()
        batch = self._source.poll()
        stations = {each: record.partition for record in batch if (each := _station(record))}
        new = [station for station in stations if station not in self._board.cards]
        if new:
            self._findings.refresh()
            known = self._patience(lambda: self._memory.load(new))
            for station in new:
                self._board.cards[station] = self._card(station, stations[station], known.get(station, {}))
        self._hear()
        self._deciding = bool(batch or self._board.outcomes)
        return batch

    def commit(self) -> None:
        """The turn is over. Redis, then the offsets, when it is time."""
        self._deciding = False
        self._save_when_due()

    def hold(self, records: Sequence[Record]) -> None:
        """As the source."""
        self._source.hold(records)

    def idle(self) -> None:
        """As the source."""
        self._source.idle()

    def close(self) -> None:
        """Saves and commits what is done, unless a turn broke off in the middle: that will be decided again."""
        self._learner = None  # whoever is next learns
        try:
            if not self._deciding:
                self._save()
        finally:
            self._source.close()

    def _hear(self) -> None:
        """What was learned meanwhile, and what the topic says of references."""
        if self._learner is not None:
            self._board.outcomes += self._learner.done()
        if self._baselines is not None and self._clock() >= self._look:
            self._look = self._clock() + LOOK_S
            self._baselines.refresh()

    def _save_when_due(self) -> None:
        if self._clock() >= self._due:
            self._save()

    def _save(self) -> None:
        started = self._clock()
        cards = [card for card in self._board.cards.values() if card.dirty or card.touched]
        self._unshown |= {card.station for card in cards}
        shown = self._shown(started)
        if cards or shown:
            saving = self._saving(cards, shown)
            self._patience(lambda: self._memory.save(saving))
            for card in cards:
                self._saved(card)
        self._source.commit()
        self._due = self._clock() + max(self._save_s, self._saving_times * (self._clock() - started))

    def _saving(self, cards: Sequence[Card], shown: Mapping[str, str]) -> Saving:
        series = {
            (card.station, key): card.watched.places[key].unsaved
            for card in cards
            for key in card.touched & card.watched.places.keys()
            if card.watched.places[key].unsaved
        }
        return Saving(series, {card.station: write_card(card) for card in cards}, shown)

    def _shown(self, now: float) -> dict[str, str]:
        """How those stations stand that changed, unless that was told a moment ago: then they wait their turn."""
        if self._show is None:
            return {}
        cards = [card for station in self._unshown if (card := self._board.cards.get(station))]
        due = [card for card in cards if now >= card.shown_at + SHOW_S]
        self._unshown = {card.station for card in cards} - {card.station for card in due}
        for card in due:
            card.shown_at = now
        return {card.station: self._show(card) for card in due}

    def _saved(self, card: Card) -> None:
        """What is saved, is; a place that has been seen for long enough is learned."""
        card.dirty = False
        card.saved = set(card.watched.places)
        touched, card.touched = card.touched & card.watched.places.keys(), set()
        for key in touched:
            place = card.watched.places[key]
            place.unsaved = []
            if not place.watching and self._learner is not None:
                self._learn(self._learner, card, key)

    def _learn(self, learner: Learner, card: Card, key: PlaceId) -> None:
        place = card.watched.places[key]
        if learner.knows(card.station, key) or not place.collected.ready(learner.enough):
            return
        series = self._patience(lambda: self._memory.series(card.station, key, place.collected.stride))
        job = job_of(card.station, place, series)
        if job is not None:
            learner.submit(job)

    def _card(self, station: str, partition: int, fields: Mapping[str, str]) -> Card:
        card = read_card(station, partition, fields)
        card.state = self._findings.agreed(card.state)
        self._findings.agree(station, card.watched)
        return card


def _station(record: Record) -> str | None:
    try:
        return station_id((record.key or b"").decode(errors="replace"))
    except Invalid:
        return None
