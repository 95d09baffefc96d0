"""The looks of a set, stacked into arrays, and each frame's peers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from andon_training.curate.look import THUMB, Look
from andon_training.curate.robust import Values, limits

PEERS = 10
DULL = 2.0  # grey levels: contrast below it is not stretched to full
COARSE = 16
STRANGE = 4.0  # spreads of the distance to its peers that make a frame one without any
SMOOTHED = 3.0  # thumbnail pixels: what is broader is light, not layout

Singles = NDArray[np.float32]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Stack:
    """The looks of n frames."""

    looks: Sequence[Look]

    def __len__(self) -> int:
        return len(self.looks)

    def __iter__(self) -> Iterator[Look]:
        return iter(self.looks)

    @cached_property
    def thumbs(self) -> Singles:
        """float32 [n, 32, 32], brightness 0 to 255."""
        return np.array([look.thumb for look in self.looks], np.float32).reshape(-1, THUMB, THUMB)

    @cached_property
    def layouts(self) -> Singles:
        """float32 [n, 1024]: the thumbnails without their mean and whatever is broader than a few pixels."""
        return sharpened(self.thumbs)

    @cached_property
    def coarse(self) -> Singles:
        """float32 [n, 256]: thumbnails of 16x16 at the same mean and contrast, so that light and focus hardly count."""
        small = np.array([cv2.resize(thumb, (COARSE, COARSE), interpolation=cv2.INTER_AREA) for thumb in self.thumbs])
        flat = small.reshape(len(self), -1)
        centred = flat - flat.mean(axis=1, keepdims=True)
        even: Singles = (centred / (centred.std(axis=1, keepdims=True) + DULL)).astype(np.float32)
        return even

    @cached_property
    def peers(self) -> Indices:
        """int64 [n, k]: for each frame, those it looks most like, whatever their light and focus."""
        return self._neighbours[1]

    @cached_property
    def has_peers(self) -> Flags:
        """bool [n]: False for a frame that looks like none of the others: there is nothing to compare it with."""
        apart = np.log(self._neighbours[0][:, -1] + 1e-3)
        usual: Flags = apart <= limits(apart, STRANGE, 0.1).high
        return usual

    def against_peers(self, values: Values) -> Values:
        """Of `values`, [n], each less the median of its peers."""
        return values - np.median(values[self.peers], axis=1)

    @cached_property
    def _neighbours(self) -> tuple[Values, Indices]:
        return nearest(self.coarse, min(PEERS, len(self) // 4))


def sharpened(thumbs: Singles) -> Singles:
    """float32 [n, 1024] of [n, 32, 32]: less a broad blur of itself, and less its mean."""
    broad = np.array([cv2.GaussianBlur(thumb, (0, 0), SMOOTHED) for thumb in thumbs]).reshape(thumbs.shape)
    fine = (thumbs - broad).reshape(len(thumbs), -1)
    centred: Singles = fine - fine.mean(axis=1, keepdims=True)
    return centred


def nearest(points: Singles, k: int) -> tuple[Values, Indices]:
    """Distances and indices [n, k], nearest first, of each of `points`, [n, d], to the others; in bounded memory."""
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
    distances, indices = search.kneighbors()
    return distances.astype(np.float64), indices.astype(np.int64)
