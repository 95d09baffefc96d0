"""The generator as a source: stations that make parts, good ones and defective ones, from one seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from andon.errors import Broken
from andon.stage import Record
from andon_ingest.batch import Batch, BatchLimits
from andon_ingest.capture import Capture, Shot
from andon_ingest.clock import Clock, Rota
from andon_ingest.generator import DefectKind, Part, draw_part, encode_jpeg


@dataclass(frozen=True, slots=True)
class Made:
    """What is made. `rate` in parts a second at each station, 0 without bound; `defects` is their share, 0 to 1;
    defective parts come in runs of `run` with the same defect, as from a broken tool. `count` ends after so many parts
    of each station; `good_first` parts of each station have none. `size` is (width, height) in pixels.
    """

    rate: float
    defects: float = 0.0
    count: int | None = None
    good_first: int = 0
    run: int = 1
    seed: int = 0
    size: tuple[int, int] = (512, 512)
    product: str | None = None


class Station:
    """One station's parts: the same ones for the same seed and style, whatever its neighbours do."""

    __slots__ = ("_kind", "_left", "_made", "_rng", "_style", "drawn")

    def __init__(self, made: Made, style: int) -> None:
        self._made = made
        self._style = style
        self._rng = np.random.default_rng([made.seed, style])
        self._left = 0
        self._kind: DefectKind | None = None
        self.drawn = 0

    @property
    def ended(self) -> bool:
        """Whether the last part was drawn."""
        return self._made.count is not None and self.drawn >= self._made.count

    def draw(self) -> Part:
        """The next part."""
        kind = self._next_kind()
        self.drawn += 1
        return draw_part(self._rng, self._style, kind, size=self._made.size)

    def _next_kind(self) -> DefectKind | None:
        if self._left == 0:
            breaks = self._rng.random() < self._run_begins and self.drawn >= self._made.good_first
            self._kind = list(DefectKind)[self._rng.integers(len(DefectKind))] if breaks else None
            self._left = self._made.run if breaks else 1
        self._left -= 1
        return self._kind

    @property
    def _run_begins(self) -> float:
        """The chance that a run begins at a part outside any, so that the share of defective parts is as asked."""
        share, run = self._made.defects, self._made.run
        return share / (run - share * (run - 1))


class GeneratorSource:
    """Draws a part when its time has come, and waits for Kafka before the next. Its subject tells the truth:
    'good/7', 'scratch/8'.
    """

    def __init__(
        self, capture: Capture, stations: Mapping[str, Station], made: Made, limits: BatchLimits, clock: Clock
    ) -> None:
        self.capture = capture
        self._stations = stations
        self._made = made
        self._limits = limits
        self._clock = clock
        self._rota = Rota([name for name, station in stations.items() if not station.ended], made.rate, clock)

    @property
    def ended(self) -> bool:
        """Whether every station has made its count."""
        return all(station.ended for station in self._stations.values())

    def poll(self) -> Sequence[Record]:
        """The parts whose time has come."""
        if not self.ended:
            self._clock.nap(self._rota.wait_s())
        batch = Batch(self._limits, self._clock)
        while not batch.full and (name := self._rota.next()) is not None:
            station = self._stations[name]
            batch.add(self.capture.take(self._shot(name, station)))
            if not station.ended:
                self._rota.again(name)
        return batch.records

    def commit(self) -> None:
        """Nothing to remember: the seed tells it all again."""

    def hold(self, records: Sequence[Record]) -> None:
        """Never asked for: ingest can answer for every record at once."""
        raise Broken(f"ingest was told to hold {len(records)} records, and cannot")

    def idle(self) -> None:
        """A generator keeps its place by itself."""

    def close(self) -> None:
        """Holds nothing."""

    def _shot(self, name: str, station: Station) -> Shot:
        subject_number = station.drawn
        part = station.draw()
        subject = f"{part.defect.value if part.defect else 'good'}/{subject_number}"
        return Shot(name, encode_jpeg(part.image), self._clock.utc(), subject, self._made.product)
