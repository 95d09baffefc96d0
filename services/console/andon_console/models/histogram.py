"""How ratios (score / threshold) are spread, as bars of a picture. Pure."""

from dataclasses import dataclass

import numpy as np

from andon.comparing.table import Floats

BINS = 40
HIGHEST = 2.0  # whatever is above stands in the last bar
WIDTH, HEIGHT = 400, 100


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, in units of a picture of WIDTH x HEIGHT; `count` frames with ratios from `low` up to `high`."""

    x: float
    y: float
    width: float
    height: float
    count: int
    low: float
    high: float

    @property
    def called(self) -> bool:
        """Whether it stands above the threshold."""
        return self.low >= 1


def bars(ratios: Floats) -> list[Bar]:
    """Those that hold a frame. Heights go with the logarithm: one call beside 100,000 good frames is to be seen."""
    known = np.clip(ratios[np.isfinite(ratios)], 0.0, HIGHEST - 1e-9)
    counts, edges = np.histogram(known, BINS, (0.0, HIGHEST))
    most = np.log1p(counts.max()) if len(known) else 1.0
    heights = HEIGHT * np.log1p(counts) / most
    wide = WIDTH / BINS
    return [
        Bar(i * wide, HEIGHT - heights[i], wide - 1, heights[i], int(counts[i]), float(edges[i]), float(edges[i + 1]))
        for i in np.flatnonzero(counts).tolist()
    ]
