"""The in-memory twins of `RedisStates` and `RedisShelf`, for unit tests and dry runs: the same promises, in a dict."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from andon.records import IncidentEvent, Notice
from andon_alerting.alerting import Card
from andon_alerting.kept import Due, as_it_stands
from andon_alerting.page import page
from andon_alerting.policy import State
from andon_alerting.states import Loaded, Told, hold_of

T = TypeVar("T")


class MemoryStates:
    """`held` are the cards as kept; `queued` the pages in the order they were queued, each once, `holds`
    how long each waits; `ended` the events by
    which people ended incidents."""

    def __init__(self) -> None:
        self.saved_at: datetime | None = None
        self.held: dict[str, Card] = {}
        self.queued: dict[str, IncidentEvent] = {}
        self.holds: dict[str, float] = {}
        self.boot: set[int] = set()
        self.ended: dict[UUID, IncidentEvent] = {}

    def load(self, stations: Mapping[str, int], partitions: Iterable[int]) -> Loaded:
        """Copies, as a network gives them."""
        lost = frozenset({*partitions, *stations.values()} - self.boot)
        blank = {station: Card(station, part, State(station)) for station, part in stations.items()}
        return Loaded({each: self._card(self.held.get(each, blank[each])) for each in stations}, lost)

    def save(self, cards: Sequence[Card], now: datetime) -> list[str]:
        """Compare and set."""
        self.saved_at = now
        return [card.station for card in cards if card.changed and not self._save(card)]

    def quiet(self, partitions: Iterable[int], before: datetime) -> dict[str, int]:
        """By when each was last heard."""
        heard = {card.station: card.state.last_scored_at for card in self.held.values() if card.partition in partitions}
        return {each: self.held[each].partition for each, at in heard.items() if at is not None and at <= before}

    def restore(
        self, cards: Sequence[Card], incidents: Sequence[Told], partitions: Iterable[int], now: datetime
    ) -> None:
        """Puts back states, and what nobody was told yet."""
        for each in incidents:
            if not each.told:
                self.queued.setdefault(f"{each.opened.incident_id}/opened", each.opened)
        self.save(cards, now)
        self.boot |= set(partitions)

    def flush(self) -> None:
        """FLUSHALL."""
        self.held.clear()
        self.boot.clear()
        self.ended.clear()

    def _card(self, held: Card) -> Card:
        over = tuple(self.ended[each.incident] for each in held.state.open if each.incident in self.ended)
        return replace(held, ended=over, pages=[], holds={})

    def _save(self, card: Card) -> bool:
        held = self.held.get(card.station)
        if (held.mark if held else "") != card.mark:
            return False
        for event in card.pages:
            name = f"{event.incident_id}/{event.kind}"
            self.queued.setdefault(name, event)
            self.holds.setdefault(name, hold_of(card, event))
        self.held[card.station] = Card(card.station, card.partition, card.state, card.state.mark, card.owed)
        return True


class MemoryShelf(Generic[T]):
    """`held` is what is kept; `told` the pages as an outbox would keep them, each turn of each story once."""

    def __init__(self) -> None:
        self.saved_at: datetime | None = None
        self.held: dict[str, T] | None = {}
        self.told: dict[str, IncidentEvent | Notice] = {}
        self.waits: dict[str, float] = {}
        self._loaded: dict[str, T] = {}

    def places(self) -> list[str]:
        """Its keys."""
        return sorted(self.held or {})

    def load(self, places: Iterable[str]) -> dict[str, T] | None:
        """What is there."""
        if self.held is None:
            return None
        self._loaded = {place: self.held[place] for place in places if place in self.held}
        return dict(self._loaded)

    def save(self, changes: Mapping[str, T | None], pages: Sequence[Due], now: datetime) -> bool:
        """Compare and set."""
        held = self.held or {}
        if any(held.get(place) != self._loaded.get(place) for place in changes):
            return False
        self.saved_at = now
        for each in pages:
            self._queue(as_it_stands(each.about), each)
        left = {place: each for place, each in held.items() if changes.get(place, each) is not None}
        self.held = left | {place: each for place, each in changes.items() if each is not None}
        return True

    def restore(self, kept: Mapping[str, T], now: datetime) -> None:
        """Puts back what was lost."""
        self.saved_at = now
        self.held = {**kept, **(self.held or {})}

    def _queue(self, about: IncidentEvent | Notice, due: Due) -> None:
        name = page(about).id
        if about is due.about:
            self.told.setdefault(name, about)
            self.waits.setdefault(name, due.wait_s)
        elif name in self.told:
            self.told[name] = about
