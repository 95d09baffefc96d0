"""Measures framing: 0.02 ms of one core, on the small grey copy that image health is measured on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from andon.framing import BINS, write_framing

Pixels8 = NDArray[np.uint8]
Singles = NDArray[np.float32]


def measure_framing(grey: Pixels8) -> str:
    """The framing of `grey`, uint8 [h, w], as a record carries it: see `andon.framing`."""
    return write_framing(np.stack([_profile(grey, axis) for axis in (0, 1)]))


def _profile(grey: Pixels8, axis: int) -> Pixels8:
    """uint8 [BINS]: the mean along `axis`, from its least, 0, to its greatest, 255; all 0 where there is no relief."""
    means: Singles = cv2.reduce(grey, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).reshape(1, -1)
    how = cv2.INTER_AREA if means.shape[1] > BINS else cv2.INTER_LINEAR
    bins: Singles = cv2.resize(means, (BINS, 1), interpolation=how).ravel()
    low, high = float(bins.min()), float(bins.max())
    stretched: Pixels8 = np.rint((bins - low) * (255 / max(high - low, 1e-3))).astype(np.uint8)
    return stretched
