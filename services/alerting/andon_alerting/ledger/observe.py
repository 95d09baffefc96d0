"""The ledger in metrics: of the stations that are ours, and no others."""

from collections.abc import Iterable

from prometheus_client import Counter as Counts

from andon.metrics import Metrics
from andon_alerting.ledger.station import Station
from andon_alerting.ledger.telling import Loss
from andon_alerting.ledger.words import Vanished, where


class Shown:
    """Sets the gauges, and lets the counters go on; a station's series go when it does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counters: tuple[Counts, ...] = (
            metrics.ledger_captured,
            metrics.ledger_scored,
            metrics.ledger_dead_lettered,
            metrics.ledger_skipped,
            metrics.ledger_lost,
        )
        self._vanished = {hop: metrics.ledger_vanished.labels(hop.value) for hop in Vanished}  # from 0: rates see all
        self._shown: dict[str, tuple[int, ...]] = {}

    def __call__(self, stations: Iterable[Station], losses: Iterable[tuple[Station, Loss]]) -> None:
        """How they stand, and what was found missing just now."""
        ours = {station.name: station for station in stations}
        for name in self._shown.keys() - ours.keys():
            self._remove(name)
        for station in ours.values():
            self._set(station)
        for _, (_, (first, last, gone)) in losses:
            self._vanished[where(gone)].inc(last - first + 1)

    def _set(self, station: Station) -> None:
        name, metrics, counts = station.name, self._metrics, counted(station)
        before = self._shown.get(name, (0,) * len(counts))
        for counter, count, known in zip(self._counters, counts, before, strict=True):
            counter.labels(name).inc(max(0, count - known))
        self._shown[name] = tuple(map(max, counts, before))
        metrics.ledger_missing.labels(name).set(station.missing)
        metrics.ledger_waiting.labels(name).set(station.waiting)

    def _remove(self, name: str) -> None:
        del self._shown[name]
        for metric in (*self._counters, self._metrics.ledger_missing, self._metrics.ledger_waiting):
            metric.remove(name)


def counted(station: Station) -> tuple[int, ...]:
    """Captured, scored, ever dead-lettered, skipped, ever lost: what only grows."""
    totals = station.totals
    dead, skipped = sum(totals.dead.values()), sum(totals.skipped.values())
    return station.captured, totals.scored, dead + totals.rescued, skipped, totals.lost + totals.found
