"""A million scores in little memory: columns instead of objects, joined by frame id."""

from array import array
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from andon.errors import Invalid
from andon.ids import station_id
from andon.kafka.source import Place
from andon.records.event import Event, read_event
from andon.records.score import FramePlace, Verdict
from andon.stage import Record

ID = "S16"
VERDICTS = (Verdict.OK, Verdict.ANOMALOUS, Verdict.UNSCORABLE)
NONE = -1

Ids = NDArray[np.bytes_]
Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


class Line(Event):
    """Of a score, what a comparison needs."""

    frame_id: UUID
    station: str
    verdict: Verdict
    score: float | None = None
    threshold: float | None = None
    bundle: str | None = None
    captured_at: datetime
    frame: FramePlace
    golden: str | None = None


class ScoreTable:
    """The scores of one station, in the order they were read: about 90 bytes each.

    `bundles` and `places` list the digests and the frame partitions that the columns count; `refused` counts records
    that are no score. The columns are to be read when all is added.
    """

    def __init__(self, station: str) -> None:
        self.station = station_id(station)
        self.bundles: list[str] = []
        self.places: list[Place] = []
        self.refused = 0
        self._key = station.encode()
        self._ids = bytearray()
        self._score, self._threshold, self._captured = array("d"), array("d"), array("d")
        self._verdict, self._bundle, self._place = array("b"), array("i"), array("i")
        self._offset, self._partition, self._at = array("q"), array("i"), array("q")
        self._codes: dict[str | Place, int] = {}

    def __len__(self) -> int:
        return len(self._score)

    def add(self, record: Record) -> None:
        """Takes a record of a topic of scores in, if it is the station's, and no golden frame's."""
        if record.key != self._key:
            return
        try:
            line = read_event(Line, record.value)
        except Invalid:
            self.refused += 1
            return
        if line.station == self.station and line.golden is None:
            self._append(line, record)

    def read(self, records: Iterable[Record]) -> "ScoreTable":
        """Takes all in; answers itself."""
        for record in records:
            self.add(record)
        return self

    @property
    def ids(self) -> Ids:
        """Frame ids: their 16 bytes, as `S16`, which numpy sorts; trailing zeros are not told apart from none."""
        return np.frombuffer(self._ids, ID)

    @property
    def scores(self) -> Floats:
        """Raw scores; NaN where there is none."""
        return np.frombuffer(self._score, np.float64)

    @property
    def thresholds(self) -> Floats:
        """Raw thresholds; NaN where there is none."""
        return np.frombuffer(self._threshold, np.float64)

    @property
    def captured(self) -> Floats:
        """When frames were captured, in Unix seconds."""
        return np.frombuffer(self._captured, np.float64)

    @property
    def verdicts(self) -> NDArray[np.int8]:
        """Places in VERDICTS."""
        return np.frombuffer(self._verdict, np.int8)

    @property
    def bundle_codes(self) -> NDArray[np.int32]:
        """Places in `bundles`; NONE where a score names none."""
        return np.frombuffer(self._bundle, np.int32)

    def frame_place(self, row: int) -> tuple[str, int, int]:
        """Topic, partition and offset of the original image."""
        return (*self.places[self._place[row]], self._offset[row])

    def record_place(self, row: int) -> tuple[int, int]:
        """Partition and offset of the score itself."""
        return self._partition[row], self._at[row]

    def frame_places(self) -> set[Place]:
        """The partitions in which frames lie."""
        return {self.places[code] for code in np.unique(np.frombuffer(self._place, np.int32)).tolist()}

    def before(self, firsts: dict[Place, int]) -> NDArray[np.bool_]:
        """Which frames lie before the first offset that their partition holds, or in one that is gone."""
        never = np.iinfo(np.int64).max
        lows = np.array([firsts.get(place, never) for place in self.places] or [0], np.int64)
        return np.frombuffer(self._offset, np.int64) < lows[np.frombuffer(self._place, np.int32)]

    def last(self, bundle: str | None = None) -> Rows:
        """The last row of each frame, ordered by frame id; with `bundle`, the last by that one."""
        return self.last_of(np.arange(len(self)) if bundle is None else np.flatnonzero(self.by(bundle)))

    def by(self, bundle: str | None) -> NDArray[np.bool_]:
        """Which rows are of that bundle."""
        code = self._codes.get(bundle, NONE - 1) if bundle is not None else NONE - 1
        mine: NDArray[np.bool_] = self.bundle_codes == code
        return mine

    def last_of(self, rows: Rows) -> Rows:
        """Of `rows`, which come in the order of their weight, the last one of each frame, ordered by frame id."""
        backwards = rows[::-1]
        _, first = np.unique(self.ids[backwards], return_index=True)
        newest: Rows = backwards[first]
        return newest

    def _append(self, line: Line, record: Record) -> None:
        self._ids += line.frame_id.bytes
        self._score.append(np.nan if line.score is None else line.score)
        self._threshold.append(np.nan if line.threshold is None else line.threshold)
        self._captured.append(line.captured_at.timestamp())
        self._verdict.append(VERDICTS.index(line.verdict))
        self._bundle.append(NONE if line.bundle is None else self._code(line.bundle, self.bundles))
        self._place.append(self._code((line.frame.topic, line.frame.partition), self.places))
        self._offset.append(line.frame.offset)
        self._partition.append(record.partition)
        self._at.append(record.offset)

    def _code(self, name: str | Place, names: list[str] | list[Place]) -> int:
        if name not in self._codes:
            self._codes[name] = len(names)
            names.append(name)  # type: ignore[arg-type]
        return self._codes[name]


def joined(ids: Ids, others: Ids) -> tuple[Rows, Rows]:
    """Where the two, each sorted and without repeats, hold the same id: places in the one and in the other."""
    _, here, there = np.intersect1d(ids, others, assume_unique=True, return_indices=True)
    return here, there
