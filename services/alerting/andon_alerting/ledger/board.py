"""What a turn of the ledger works on: the stations that are ours, and what is to be said of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from andon.records import Finding
from andon_alerting.ledger.station import Station
from andon_alerting.ledger.telling import Loss

MOST_STATIONS = 20_000
"""Stations in memory; beyond them those go that were not heard of for longest. They stay in Redis."""


@dataclass(slots=True)
class Board:
    """`began` is when the ledger began to be kept; `findings` are to be told, `losses` to be counted and logged."""

    began: int = 0
    stations: dict[str, Station] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    losses: list[tuple[Station, Loss]] = field(default_factory=list)

    def drop(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Forgets the stations of `partitions`, whatever the topic: a station has the same one in all of them. Whoever
        gets them reads again what is known."""
        gone = {partition for _, partition in partitions}
        for name in [name for name, station in self.stations.items() if station.partition in gone]:
            self.forget(name)

    def forget(self, name: str) -> None:
        """One station is not ours any more, or too many are."""
        del self.stations[name]
        self.changed.discard(name)

    def too_many(self, most: int = MOST_STATIONS) -> list[str]:
        """The stations beyond what memory is for, longest silent first; none of them has anything to be saved."""
        beyond = len(self.stations) - most
        if beyond <= 0:
            return []
        saved = [each for each in self.stations.values() if each.name not in self.changed]
        return [each.name for each in sorted(saved, key=lambda each: (each.open, each.heard))[:beyond]]
