"""A station's scores of the last hours, live ones and shadows', in columns: what comparisons and previews look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from andon.comparing.pairing import Side, of_rows
from andon.comparing.table import VERDICTS, Rows, ScoreTable
from andon.records import FramePlace
from andon.stage import Record
from andon.topics import SCORES, SHADOW_SCORES
from andon_console.frames.stretch import Stretch
from andon_console.live.jobs import Progress
from andon_console.shots import Shot

STEP = 200_000
MOST_READ = 3_000_000  # records of one topic: half a minute; of a busy partition most are of other stations
MOST_SCORES = 400_000  # of one topic, 90 bytes each


class Log(Protocol):
    """A topic of scores, as written. All raise Broken when Kafka does not answer."""

    def home(self, station: str) -> int:
        """The partition that a station's key belongs to."""

    def stretch(self, begin: datetime, end: datetime, partitions: Sequence[int] = ()) -> Stretch:
        """What was written from `begin` until `end`, in these partitions; in all where none is named."""

    def read(self, stretch: Stretch) -> Iterator[Record]:
        """Its records that Kafka still holds, those of each partition in order."""


@dataclass(frozen=True)
class Heard:
    """The first `live` rows of `table` are the line's own scores, the others shadows'. `cut`: older ones were left."""

    table: ScoreTable
    live: int
    cut: bool

    def side(self, bundle: str) -> Side:
        """What a bundle said, one word a frame: its live one before that as a shadow."""
        rows = np.flatnonzero(self.table.by(bundle))
        ordered = np.concatenate([rows[rows >= self.live], rows[rows < self.live]])
        return of_rows(self.table, self.table.last_of(ordered))

    def bundles(self) -> dict[str, int]:
        """How many scores each bundle gave, the most first."""
        codes, counts = np.unique(self.table.bundle_codes, return_counts=True)
        found = {self.table.bundles[c]: int(n) for c, n in zip(codes.tolist(), counts.tolist(), strict=True) if c >= 0}
        return dict(sorted(found.items(), key=lambda each: -each[1]))

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of these frames was captured."""
        captured = self.table.captured
        if not len(captured):
            return None
        return datetime.fromtimestamp(captured.min(), UTC), datetime.fromtimestamp(captured.max(), UTC)

    def shot(self, row: int, live: int | None = None) -> Shot:
        """The frame of a row as pages show it, by what the line said of it in row `live`, where it did."""
        table, of = self.table, row if live is None else live
        score, threshold = float(table.scores[of]), float(table.thresholds[of])
        topic, partition, offset = table.frame_place(of)
        code = int(table.bundle_codes[of])
        return Shot(
            frame_of(table.ids[row]),
            table.station,
            FramePlace(topic=topic, partition=partition, offset=offset),
            self._scored(of),
            datetime.fromtimestamp(float(table.captured[of]), UTC),
            VERDICTS[table.verdicts[of]],
            None if np.isnan(score) else score,
            None if np.isnan(threshold) else threshold,
            table.bundles[code] if code >= 0 else None,
        )

    def live_rows(self, ids: NDArray[np.bytes_]) -> dict[bytes, int]:
        """The row of the line's own last word on each of these frames, where there is one."""
        rows = self.table.last_of(np.arange(self.live))
        known = self.table.ids[rows]
        if not len(known):
            return {}
        places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return {bytes(one): int(rows[at]) for one, at in zip(ids, places, strict=True) if known[at] == one}

    def _scored(self, row: int) -> FramePlace | None:
        """Where the score lies; pages only know those of the line itself."""
        if row >= self.live:
            return None
        partition, offset = self.table.record_place(row)
        return FramePlace(topic=SCORES, partition=partition, offset=offset)


def frame_of(text: bytes) -> UUID:
    """The id that a table holds; numpy drops zeros at its end."""
    return UUID(bytes=bytes(text).ljust(16, b"\0"))


def key_of(frame: UUID) -> bytes:
    """The same, the other way round."""
    return frame.bytes.rstrip(b"\0")


def read_heard(
    logs: dict[str, Log], station: str, begin: datetime, end: datetime, known: Sequence[int], progress: Progress
) -> Heard:
    """Reads both topics, the newest first, as much as fits. `known` are partitions of `scores` that hold some of the
    station. Raises Broken when Kafka does not answer."""
    table = ScoreTable(station)
    cut = _read(logs[SCORES], table, begin, end, known, lambda share: progress(share * 0.6))
    live = len(table)
    cut |= _read(logs[SHADOW_SCORES], table, begin, end, (), lambda share: progress(0.6 + share * 0.4))
    return Heard(table, live, cut)


def _read(
    log: Log, table: ScoreTable, begin: datetime, end: datetime, known: Sequence[int], progress: Progress
) -> bool:
    """Whether something was left out."""
    progress(0.0)
    rest = log.stretch(begin, end, sorted({log.home(table.station), *known}))
    total, before = max(1, min(rest.records, MOST_READ)), len(table)
    read = 0
    while rest.records and read < MOST_READ and len(table) - before < MOST_SCORES:
        looked = rest.newest(STEP)
        for number, record in enumerate(log.read(looked)):
            table.add(record)
            if number % 1000 == 0:
                progress((read + number) / total)
        read += looked.records
        rest = rest.before(looked.starts)
    return bool(rest.records)


def rows_at(side: Side, places: Rows) -> list[int]:
    """The rows of a table behind places of a side."""
    return [int(row) for row in side.rows[places]]
