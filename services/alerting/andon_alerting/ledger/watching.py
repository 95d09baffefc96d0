"""Between turns: looks what has vanished by now, and asks Kafka for the proof."""

from collections.abc import Callable, Container
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from andon.errors import Broken
from andon.records import Finding
from andon_alerting.ledger.board import Board
from andon_alerting.ledger.station import Station
from andon_alerting.ledger.sweep import Sweep
from andon_alerting.ledger.telling import Loss, Patience, Proof, look
from andon_alerting.ledger.words import capture_words, numbers, where


class Show(Protocol):
    """Who shows the ledger, such as in metrics."""

    def __call__(self, stations: list[Station], losses: list[tuple[Station, Loss]]) -> None:
        """How they stand, and what was found missing just now."""


class Watching:
    """Looks every `every_s`. `through` proves what was read here, `swept` what went all the way. `orphans` ends what
    was told of stations that nobody knows any more."""

    def __init__(
        self,
        board: Board,
        through: Sweep,
        swept: Sweep,
        patience: Patience,
        clock: Callable[[], datetime],
        every_s: float,
        show: Show,
        orphans: Callable[[Container[str], datetime], list[Finding]],
    ) -> None:
        self._board = board
        self._through = through
        self._swept = swept
        self._patience = patience
        self._clock = clock
        self._every = timedelta(seconds=every_s)
        self._next: datetime | None = None
        self._show = show
        self._orphans = orphans

    def __call__(self) -> None:
        """Looks, when it is time, unless what was found before is still to be told."""
        now = self._clock()
        if self._board.findings or (self._next is not None and now < self._next):
            return
        self._next = now + self._every
        self._look(now)

    def moved(self) -> None:
        """Partitions came or went: nothing is proven."""
        self._through.again()
        self._swept.again()

    def _look(self, now: datetime) -> None:
        stations = list(self._board.stations.values())
        proof = self._proof(stations, int(now.timestamp() * 1000))
        losses: list[tuple[Station, Loss]] = []
        for station in stations:
            found, findings = look(station, proof, self._patience, now)
            losses += [(station, each) for each in found]
            self._board.findings += findings
            if station.changed or station.dirty:
                self._board.changed.add(station.name)
        self._board.findings += self._orphans(self._board.stations, now)
        for name in self._board.too_many():
            self._board.forget(name)
        for station, loss in losses:
            _log(station, loss, now)
        self._show(stations, losses)

    def _proof(self, stations: list[Station], now: int) -> Proof:
        """Kafka is only asked where something has waited for half the time that it may."""
        soon = now - self._patience.settle_ms // 2
        if not any(known.since <= soon for station in stations for _, (_, _, known) in station.pending()):
            return Proof()
        try:
            return Proof(self._through(now), self._swept(now))
        except Broken as error:
            structlog.get_logger().warning("not_looked", error=str(error), next="tried again")
            return Proof()


def _log(station: Station, loss: Loss, now: datetime) -> None:
    account, (first, last, gone) = loss
    structlog.get_logger().warning(
        "frames_missing",
        station=station.name,
        capture=capture_words(account.which, now),
        numbers=numbers([(first, last)]),
        count=last - first + 1,
        where=where(gone).value,
    )
