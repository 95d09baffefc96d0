"""Framing: where things stand in a picture, as two brightness profiles, and how far they moved since.

A profile is the mean brightness along every column (or row), in `BINS` bins, stretched to 0..255: whatever the light
does to the whole picture, it stays. It is found again in the profile of the good frames at another place by
normalised cross-correlation over what both show (J. P. Lewis, "Fast Normalized Cross-Correlation", 1995), with a
parabola through the three best places for a part of a bin.
"""

import base64
from binascii import a2b_base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 64
REACH = BINS // 4  # bins to each side that a shift is looked for
Doubles = NDArray[np.float64]
Pixels8 = NDArray[np.uint8]

LEAST_SHIFT = 0.01  # of a side
SIDEWAYS = (0.05, 0.95)  # shares of the good frames; one in twenty may be found at a wrong place, k of n forgive it
SPREADS = 2.0  # times how far apart these lie
WIDEST = 0.10  # of a side: where good parts may lie so far from the middle, nothing is called moved

_SOURCE = np.arange(BINS) - np.arange(-REACH, REACH + 1)[:, np.newaxis]  # which bin of the template lies where
_SHOWN: Doubles = ((_SOURCE >= 0) & (_SOURCE < BINS)).astype(np.float64)  # 1 where both show something
_COUNT: Doubles = _SHOWN.sum(axis=1)
_FLAT = 1e-9
_FAR = 0.1 * np.abs(np.arange(-REACH, REACH + 1)) / REACH  # in a grid every tooth fits: the nearest is it


def allowed_shift(quantiles: Sequence[float]) -> float | None:
    """How far from their usual place things may lie, in shares of the side, where good frames lay so: evenly spaced
    quantiles of it. None: good parts lie anywhere, so nothing can be called moved."""
    low, high = np.interp(SIDEWAYS, np.linspace(0, 1, len(quantiles)), quantiles)
    allowed = max(LEAST_SHIFT, SPREADS * float(high - low))
    return allowed if allowed <= WIDEST else None


def write_framing(profiles: Pixels8) -> str:
    """The text of `profiles`, uint8 [2, BINS]: along the columns, then along the rows."""
    return base64.b64encode(profiles.tobytes()).decode()


def read_framing(text: str) -> Pixels8:
    """The profiles, uint8 [2, BINS], in a text that fits `andon.records.score.FRAMING`."""
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(2, BINS)


def read_framings(texts: Sequence[str]) -> Pixels8:
    """The profiles of many, uint8 [2 n, BINS]: of each the columns, then the rows."""
    return np.frombuffer(b"".join(map(a2b_base64, texts)), np.uint8).reshape(-1, BINS)


def mean_profiles(framings: Sequence[str]) -> Doubles:
    """float64 [2, BINS]: the mean over frames, each brought to mean 0 and length 1 first."""
    profiles = np.array([read_framing(text) for text in framings], np.float64)
    centred = profiles - profiles.mean(axis=2, keepdims=True)
    lengths = np.linalg.norm(centred, axis=2, keepdims=True)
    mean: Doubles = (centred / np.maximum(lengths, _FLAT)).mean(axis=0)
    return mean


class Template:
    """One profile, float [BINS], to be found in others at any shift up to `REACH`."""

    __slots__ = ("_unit",)

    def __init__(self, profile: Sequence[float] | Doubles) -> None:
        moved = np.asarray(profile, np.float64)[_SOURCE.clip(0, BINS - 1)] * _SHOWN
        centred = (moved - (moved.sum(axis=1) / _COUNT)[:, np.newaxis]) * _SHOWN
        unit = centred / np.maximum(np.linalg.norm(centred, axis=1), _FLAT)[:, np.newaxis]
        self._unit: NDArray[np.float32] = unit.astype(np.float32)

    def find(self, profile: Pixels8) -> tuple[float, float]:
        """How far `profile`, uint8 [BINS], lies from the template, in shares of the picture's side towards higher
        pixel coordinates, and the correlation there. (0, 0) where either is flat: nothing can be found.
        """
        shifts, fits = find_all([self], profile[np.newaxis])
        return float(shifts[0]), float(fits[0])


def find_all(templates: Sequence[Template], profiles: Pixels8) -> tuple[Doubles, Doubles]:
    """As `Template.find`, of many at once: the i-th of `profiles`, uint8 [n, BINS], in the i-th template. Shifts and
    correlations, float64 [n] each. A tenth of the time of as many single ones.
    """
    given = profiles.astype(np.float64)
    energy = (given * given) @ _SHOWN.T - (given @ _SHOWN.T) ** 2 / _COUNT
    units = np.stack([each._unit for each in templates]) if templates else np.empty((0, *_SHOWN.shape), np.float32)
    products = np.matmul(units, given.astype(np.float32)[:, :, np.newaxis])[:, :, 0]
    fits: Doubles = products / np.sqrt(np.maximum(energy, _FLAT))
    best = (fits - _FAR).argmax(axis=1)
    rows = np.arange(len(best))
    found = fits[rows, best] > 0
    shifts = np.where(found, (best - REACH + _vertices(fits, best)) / BINS, 0.0)
    return shifts, np.where(found, fits[rows, best], 0.0)


def _vertices(fits: Doubles, best: NDArray[np.intp]) -> Doubles:
    """Where between its neighbours each peak lies, in bins from `best`: float64 [n]."""
    rows, inner = np.arange(len(best)), np.clip(best, 1, fits.shape[1] - 2)
    before, at, after = fits[rows, inner - 1], fits[rows, inner], fits[rows, inner + 1]
    bend = before - 2 * at + after
    told = (inner == best) & (bend < -_FLAT)
    return np.where(told, 0.5 * (before - after) / np.where(told, bend, 1.0), 0.0)
