"""Counting a capture from outside: metrics for the scraper, a tally for the one who started it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from andon.by_station import ByStation
from andon.metrics import Metrics
from andon.stage import Handler, Record, Rejected, Result
from andon_ingest.capture import Capture, Skip


@dataclass
class Tally:
    """What this run did. After a normal end everything captured was delivered or dead-lettered."""

    captured: int = 0
    dead_lettered: int = 0

    @property
    def delivered(self) -> int:
        """Frames that Kafka acknowledged."""
        return self.captured - self.dead_lettered


def counted(handle: Handler, metrics: Metrics, tally: Tally, stations: Iterable[str] = ()) -> Handler:
    """`handle`, counting each station's frames; those of `stations` from nought, so that a rate sees the first."""
    captured = ByStation(metrics.frames_captured.labels)
    for station in stations:
        captured(station)

    def counting(records: Sequence[Record], now: datetime) -> Iterable[Result]:
        results = list(handle(records, now))
        tally.captured += len(records)
        tally.dead_lettered += sum(isinstance(result, Rejected) for result in results)
        for station, count in Counter(record.key for record in records).items():
            captured((station or b"").decode()).inc(count)
        return results

    return counting


def skips_counted(capture: Capture, metrics: Metrics) -> Callable[[], None]:
    """Exports what the source left out since it was called last."""
    before: Counter[tuple[str, Skip]] = Counter(capture.skipped)

    def export() -> None:
        for (station, reason), count in capture.skipped.items():
            more = count - before[station, reason]
            if more:
                metrics.frames_skipped.labels(station, reason.value).inc(more)
                before[station, reason] = count

    return export


def summary(capture: Capture, tally: Tally) -> dict[str, Any]:
    """The capture in figures: what this run did, and `earlier`, what runs before it delivered of the same epoch.

    `skipped` counts since the epoch began.
    """
    skipped: Counter[str] = Counter()
    for (_, reason), count in capture.skipped.items():
        skipped[reason.value] += count
    return {
        "captured": tally.captured,
        "earlier": capture.earlier,
        "delivered": tally.delivered,
        "skipped": dict(skipped),
        "dead_lettered": tally.dead_lettered,
        "epoch": dict.fromkeys(capture.stations, capture.epoch),
    }
