"""Whether defects are found where they are: the free-response operating characteristic (FROC).

A blob is a connected place of the anomaly map above a level, as the line itself reports places. A defect region (a
connected place of the mask) is found when a blob overlaps it, be it in one cell; a blob that overlaps none is false.
Rule: any overlap, the weakest of the acceptance criteria in use, and the one that asks nothing of a map's coarseness.
Source of the curve: Bunch et al. 1978; as here, with images and regions counted over the whole set, D. P. Chakraborty,
A brief history of FROC paradigm data analysis, Academic Radiology 2013.

As the level falls, blobs first multiply and then run together. The sweep ends where there are most false ones, and a
figure at x stands for levels from which no higher one has more than x: a map that is one big blob finds nothing here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from andon_training.evaluate.masks import Mask, regions_of
from andon_training.evaluate.pixels import Map

RATES = (0.5, 1.0, 2.0, 4.0, 8.0)
LEVELS = 500  # at most; spaced so that from one to the next the number of local maxima grows by a few per cent

Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class Places:
    """One frame: its raw map [h, w], which of the map's cells hold defect pixels, the highest value in each region."""

    map: Map
    defect: Mask
    peaks: NDArray[np.float32]


@dataclass(frozen=True)
class Point:
    """What a level gives: false blobs a frame, share of regions found, share of all cells above it."""

    level: float
    false_blobs: float
    found: float
    area: float


@dataclass(frozen=True)
class Froc:
    """The curve over `regions` defect regions, from the highest level down to where false blobs are most."""

    points: tuple[Point, ...]
    regions: int

    def at(self, false_blobs: float) -> Point:
        """The lowest level from which no higher one has more than `false_blobs` a frame."""
        most = np.maximum.accumulate([point.false_blobs for point in self.points])
        return self.points[int((most <= false_blobs).sum()) - 1]


def places(anomaly_map: Map, mask: Mask | None) -> Places:
    """What the sweep needs of one frame; `mask` bool [H, W], of any size, None where all is good."""
    if mask is None or not mask.any():
        return Places(anomaly_map, np.zeros(anomaly_map.shape, bool), np.empty(0, np.float32))
    labels, count = regions_of(mask)
    at_y, at_x = np.nonzero(mask)
    rows, columns = at_y * anomaly_map.shape[0] // mask.shape[0], at_x * anomaly_map.shape[1] // mask.shape[1]
    defect = np.zeros(anomaly_map.shape, bool)
    defect[rows, columns] = True
    peaks = ndimage.maximum(anomaly_map[rows, columns], labels[at_y, at_x], range(1, count + 1))
    return Places(anomaly_map, defect, np.asarray(peaks, np.float32))


def froc(frames: Sequence[Places], watch: Watch = lambda _done, _of: None) -> Froc | None:
    """The curve over all `frames`; None when no region is drawn in any."""
    regions = sum(len(frame.peaks) for frame in frames)
    if not regions:
        return None
    points: list[Point] = []
    levels = _levels(frames)
    for i, level in enumerate(levels):
        points.append(point_at(frames, level))
        watch(i + 1, len(levels))
        if points[-1].false_blobs > RATES[-1]:
            break
    watch(len(levels), len(levels))
    most = max(point.false_blobs for point in points)
    end = max(i for i, point in enumerate(points) if point.false_blobs == most)
    return Froc(tuple(points[: end + 1]), regions)


def point_at(frames: Sequence[Places], level: float) -> Point:
    """What `level` gives over `frames`, with at least one region among them."""
    return Point(
        level=level,
        false_blobs=sum(_false_blobs(frame, level) for frame in frames) / len(frames),
        found=float((np.concatenate([frame.peaks for frame in frames]) > level).mean()),
        area=float(np.mean([(frame.map > level).mean() for frame in frames])),
    )


def _false_blobs(frame: Places, level: float) -> int:
    above = frame.map > level
    if not above.any():
        return 0
    count, labels = cv2.connectedComponents(above.astype(np.uint8), connectivity=8)
    true = np.unique(labels[frame.defect & above])
    return int(count) - 1 - len(true)


def _levels(frames: Sequence[Places]) -> list[float]:
    """Levels to try, from the highest: a blob holds a local maximum, so these are taken by rank among all of them."""
    tops = np.sort(np.concatenate([*map(_local_maxima, frames)]))[::-1]
    ranks = np.unique(np.geomspace(1, len(tops), LEVELS).astype(int)) - 1
    return list(dict.fromkeys(map(float, tops[ranks])))


def _local_maxima(frame: Places) -> NDArray[np.float32]:
    peaks: NDArray[np.float32] = frame.map[frame.map == ndimage.maximum_filter(frame.map, size=3)]
    return peaks
