"""The last blocks of a place: when they were, what their numbers were, how many frames were anomalous, where the maps
were highest. What an alarm is measured and told by. Plain arrays, the newest last."""

import base64
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.charts import BASE
from andon_drift.watch.rows import Block

BLOCKS = 256  # whose times and rejects are known
MEANS = 16  # whose numbers are
PEAKS = 20  # whose highest places are
Doubles = NDArray[np.float64]


class Recent:
    """Of `width` numbers. `seen` counts all blocks, `watched` those whose numbers were looked at."""

    __slots__ = ("means", "peaks", "rejects", "seen", "times", "watched")

    def __init__(self, width: int) -> None:
        self.seen, self.watched = 0, 0
        self.times: Doubles = np.full(BLOCKS, np.nan)
        self.rejects = np.zeros(BLOCKS, np.uint8)
        self.means = np.full((MEANS, width), np.nan, np.float32)
        self.peaks = np.full(PEAKS * BASE, -1, np.int16)

    def add(self, block: Block, watched: bool) -> None:
        """One more."""
        self.seen += 1
        _push(self.times, block.at.timestamp())
        _push(self.rejects, block.rejects)
        if watched:
            self.watched += 1
            _push(self.means, block.means)
            peaks = block.sample.peak
            _push(self.peaks, np.full(BASE, -1) if peaks is None else peaks)

    def since(self, frames: int, period_s: float) -> datetime:
        """When the frame was taken that came `frames` before the last; estimated beyond what is remembered."""
        back = max(0, -(-frames // BASE))
        known = min(self.seen, BLOCKS)
        at = float(self.times[-1 - min(back, known - 1)]) if known else 0.0
        beyond = max(0, back - (known - 1)) * BASE * period_s
        return datetime.fromtimestamp(round(at - beyond, 3), UTC)

    def mean(self, frames: int) -> Doubles:
        """float64 [F]: over the watched ones of the last `frames` frames, as far as they are remembered."""
        rows = self.means[-max(1, min(-(-frames // BASE), MEANS, self.watched)) :].astype(np.float64)
        known = np.isfinite(rows)
        count = known.sum(axis=0)
        mean: Doubles = np.where(count > 0, np.where(known, rows, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
        return mean

    def share_rejected(self, frames: int) -> float:
        """Of the last `frames` frames, as far as they are remembered."""
        blocks = max(1, min(-(-frames // BASE), BLOCKS, self.seen))
        return float(self.rejects[-blocks:].sum()) / (blocks * BASE)

    def shares(self, cells: int, frames: int | None = None) -> tuple[tuple[float, ...], int]:
        """How often the map was highest in each cell in the last `frames` frames, as far as they are remembered, and in
        how many of them that is known."""
        recent = self.peaks if frames is None else self.peaks[-max(BASE, frames) :]
        known = recent[(recent >= 0) & (recent < cells)]
        counts = np.bincount(known, minlength=cells)
        return tuple((counts / max(1, known.size)).tolist()), int(known.size)

    def dump(self) -> list[Any]:
        """As text and numbers."""
        n, first = min(self.seen, BLOCKS), float(self.times[-min(self.seen, BLOCKS)]) if self.seen else 0.0
        milliseconds = np.rint((self.times[BLOCKS - n :] - first) * 1000).clip(0, 2**32 - 1)
        w = min(self.watched, MEANS)
        p = min(self.watched, PEAKS) * BASE
        return [
            self.seen,
            self.watched,
            first,
            _text(milliseconds, "<u4"),
            _text(self.rejects[BLOCKS - n :], "<u1"),
            _text(self.means[MEANS - w :], "<f4"),
            _text(self.peaks[PEAKS * BASE - p :], "<i2"),
        ]

    @classmethod
    def load(cls, width: int, data: list[Any]) -> "Recent":
        """What `dump` gave."""
        recent = cls(width)
        recent.seen, recent.watched, first, spans, rejects, means, peaks = data
        times = first + _numbers(spans, "<u4") / 1000
        for column, values in (
            (recent.times, times),
            (recent.rejects, _numbers(rejects, "<u1")),
            (recent.means, _numbers(means, "<f4").reshape(-1, width) if width else np.empty((0, 0))),
            (recent.peaks, _numbers(peaks, "<i2")),
        ):
            if len(values):
                column[-len(values) :] = values
        return recent


def _push(column: NDArray[Any], value: Any) -> None:
    """Makes room at the end."""
    wide = len(value) if column.ndim == 1 and isinstance(value, np.ndarray) else 1
    column[:-wide] = column[wide:]
    column[-wide:] = value


def _text(numbers: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(numbers.astype(dtype).tobytes()).decode()


def _numbers(text: str, dtype: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype)
