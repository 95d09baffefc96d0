"""Figures of pixels, over any number of frames in constant memory.

Every float32 value is counted in one of BINS bins that are even in its bits: between 0.3 and 6 a bin is 4 parts in a
million wide, whatever the outliers at worst 5 in ten thousand. Values within one bin count as ties, so the pixel AUROC
is off by at most half the share of (good, defect) pixel pairs that share a bin.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import auc

from andon_training.evaluate.masks import Mask, regions_of

BINS = 2**20
FPR_LIMIT = 0.3

Map = NDArray[np.float32]


def upsampled(anomaly_map: Map, size: tuple[int, int]) -> Map:
    """float32 [h, w] as float32 [height, width] for `size` (height, width): bilinear, as anomalib does."""
    height, width = size
    if anomaly_map.shape == (height, width):
        return anomaly_map
    grown: Map = cv2.resize(anomaly_map, (width, height), interpolation=cv2.INTER_LINEAR)
    return grown


@dataclass(frozen=True)
class Bins:
    """Where the bins lie: from `first`, `step` apart, in `_keys`."""

    first: int
    step: int

    def of(self, values: Map) -> NDArray[np.int64]:
        """The bin of each value, int64 [n]; what lies outside counts as the nearest."""
        return np.clip((_keys(values.ravel()) - self.first) // self.step, 0, BINS - 1)


def bins_between(low: float, high: float) -> Bins:
    """Bins over `low` to `high`."""
    first, last = _keys(np.array([low, high], np.float32)).tolist()
    return Bins(first, -(-(last - first + 1) // BINS))


def _keys(values: Map) -> NDArray[np.int64]:
    """Integers in the order of the float32 `values`: their bits, mirrored for negative numbers."""
    bits = np.ascontiguousarray(values, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


class PixelTally:
    """Counts pixels by score: good ones, defect ones, and each region's share, whatever its size."""

    __slots__ = ("_bins", "_defect", "_good", "_overlap", "regions")

    def __init__(self, bins: Bins) -> None:
        self._bins = bins
        self._good = np.zeros(BINS)
        self._defect = np.zeros(BINS)
        self._overlap = np.zeros(BINS)
        self.regions = 0

    def add(self, anomaly_map: Map, mask: Mask | None) -> None:
        """Counts one frame: float32 [h, w] and bool [h, w] alike in size; no mask where all of it is good."""
        bins = self._bins.of(anomaly_map)
        if mask is None or not mask.any():
            self._good += _counts(bins)
            return
        labels, count = regions_of(mask)
        inside, region = mask.ravel(), labels.ravel()[mask.ravel()]
        self._good += _counts(bins[~inside])
        self._defect += _counts(bins[inside])
        self._overlap += np.bincount(bins[inside], weights=1 / np.bincount(region)[region], minlength=BINS)
        self.regions += count

    def auroc(self) -> float | None:
        """The pixel AUROC; None without a good or a defect pixel."""
        if not self._good.any() or not self._defect.any():
            return None
        return float(auc(_falling(self._good), _falling(self._defect)))

    def aupro(self, limit: float = FPR_LIMIT) -> float | None:
        """Area under the per-region overlap curve to a false positive rate of `limit`, over `limit`.

        Mean over regions of the share found, against the share of good pixels called; P. Bergmann et al., IJCV 2021.
        None without a good or a defect pixel.
        """
        if not self._good.any() or not self._defect.any():
            return None
        fpr, overlap = _falling(self._good), _falling(self._overlap)
        end = int(np.searchsorted(fpr, limit, side="right"))
        at_limit = np.interp(limit, fpr[end - 1 : end + 1], overlap[end - 1 : end + 1])
        return float(auc(np.append(fpr[:end], limit), np.append(overlap[:end], at_limit)) / limit)


def _counts(bins: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.bincount(bins, minlength=BINS).astype(np.float64)


def _falling(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share above each level, as the level falls: [BINS + 1], from 0 to 1."""
    summed = np.concatenate(([0.0], np.cumsum(counts[::-1])))
    shares: NDArray[np.float64] = summed / summed[-1]
    return shares
