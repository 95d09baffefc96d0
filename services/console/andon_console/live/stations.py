"""Every station as its scores show it: the last frame, the last call, and the scores of the last minutes."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from andon.errors import Invalid
from andon.ids import drill_of
from andon.records import FramePlace, Score, Verdict, read_score
from andon.stage import Record
from andon_console.live.track import Track

MOST = 2000  # stations; a foreign producer that invents names does not fill the memory


@dataclass(slots=True)
class Station:
    """One station. `last` is its last scored frame, `last_call` the last one that was called anomalous; each with the
    place of its score. `version` is the fold's when it last changed."""

    name: str
    last: Score
    scored: FramePlace
    last_call: Score | None = None
    called: FramePlace | None = None
    track: Track = field(default_factory=Track)
    version: int = 0


class Stations:
    """Any thread may ask. Golden frames and drills are left out: they say nothing of the line.

    `take` costs 8 us a score on one core, most of it reading the JSON (bench/results/console.md).
    """

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()
        self._stations: dict[str, Station] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Takes in records of `scores`; what cannot be read is a dead letter of alerting already."""
        with self._lock:
            for record in records:
                with suppress(Invalid):
                    self._add(read_score(record), record)

    def get(self, name: str) -> Station | None:
        """One station; None where no score of it was seen."""
        return self._stations.get(name)

    def all(self) -> list[Station]:
        """Every station, by name."""
        with self._lock:
            return [self._stations[name] for name in sorted(self._stations)]

    def since(self, version: int) -> list[Station]:
        """Those that changed after `version`."""
        with self._lock:
            return [each for each in self._stations.values() if each.version > version]

    def _add(self, score: Score, record: Record) -> None:
        if score.golden is not None or drill_of(score.station) is not None:
            return
        place = FramePlace.of(record)
        station = self._stations.get(score.station)
        if station is None:
            if len(self._stations) >= MOST:
                return
            station = self._stations[score.station] = Station(score.station, score, place)
        elif _is_older(score, station.last):
            return
        self.version += 1
        station.version, station.last, station.scored = self.version, score, place
        if score.verdict is Verdict.ANOMALOUS:
            station.last_call, station.called = score, place
        station.track.add(score, record.partition, record.offset)


def _is_older(score: Score, last: Score) -> bool:
    """Whether a repeat or an earlier frame of the same capture; of another one, whether it was captured earlier."""
    if (score.epoch, score.origin) == (last.epoch, last.origin):
        return score.seq <= last.seq
    return score.captured_at < last.captured_at
