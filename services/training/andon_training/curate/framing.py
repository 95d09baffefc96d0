"""Frames whose part is shifted, cut or absent, where all others hold it in one place."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from andon_training.curate.findings import Finding, Kind, Measure
from andon_training.curate.look import THUMB, Look
from andon_training.curate.robust import Values, limits
from andon_training.curate.stack import Singles, Stack

ALIGNED = 0.6  # median correlation with the median picture: below it the parts do not lie in one place
STILL = 0.05  # of a side: three in four frames of an aligned set are shifted less
FAR = 5.0
LEAST_SHIFT = 0.012  # spread, of a side: less than 6 % is never remarked on
LEAST_FIT = 0.06  # spread of the Fisher z of correlations
GAIN = 0.2  # of correlation, that a shift must explain
REACH = THUMB * 3 // 8  # thumbnail pixels a part is looked for
DULL = 0.5  # grey levels, added to the contrast: noise has no layout
BLOCK = 512

EVERY, FIRST, SECOND = slice(None), slice(0, THUMB // 2), slice(THUMB // 2, None)
PARTS = {
    "it": (EVERY, EVERY),
    "its left half": (EVERY, FIRST),
    "its right half": (EVERY, SECOND),
    "its upper half": (FIRST, EVERY),
    "its lower half": (SECOND, EVERY),
}  # rows, columns
NAMES = tuple(PARTS)


@dataclass(frozen=True, slots=True)
class Framing:
    """How n frames lie against the median picture. `fits`: correlation in place; `best`: at the best shift, which is
    `right`, `down`, in shares of a side: float64 [n] each. `parts`: correlation in place of the whole and of each half
    of the picture, float64 [5, n].
    """

    parts: Values
    best: Values
    right: Values
    down: Values

    @property
    def fits(self) -> Values:
        """In place, of the whole: [n]."""
        whole: Values = self.parts[0]
        return whole

    @property
    def shifts(self) -> Values:
        """How far, whichever way: [n], of a side."""
        return np.hypot(self.right, self.down)


def find_misframed(stack: Stack) -> list[Finding]:
    """Shifted frames, and those that do not agree with the median picture; none where the set is not aligned."""
    framing = _framing(stack.layouts)
    if np.median(framing.fits) < ALIGNED or np.quantile(framing.shifts, 0.75) > STILL:
        return []
    farthest = limits(framing.shifts, FAR, LEAST_SHIFT).high
    least = [_least(part) for part in framing.parts]
    found = []
    for i, look in enumerate(stack):
        misfits = [part for part in range(len(NAMES)) if framing.parts[part][i] < least[part]]
        if framing.shifts[i] > farthest and framing.best[i] - framing.fits[i] > GAIN:
            found.append(_shifted(look, float(framing.right[i]), float(framing.down[i]), farthest))
        elif misfits:
            part = misfits[0]
            found.append(_misfit(look, NAMES[part], float(framing.parts[part][i]), least[part]))
    return found


def _least(fits: Values) -> float:
    """The least usual of correlations [n], judged as Fisher's z, which spreads evenly."""
    return float(np.tanh(limits(np.arctanh(np.clip(fits, -0.999, 0.999)), FAR, LEAST_FIT).low))


def _shifted(look: Look, right: float, down: float, limit: float) -> Finding:
    ways = [(right, "right", "left"), (down, "down", "up")]
    told = " and ".join(f"{abs(way):.0%} {plus if way > 0 else minus}" for way, plus, minus in ways if way)
    says = f"mis-framed: lies {told} of where the others do"
    return Finding(Kind.MISFRAMED, look.name, says, Measure(float(np.hypot(right, down)), limit, "of a side"))


def _misfit(look: Look, part: str, fit: float, least: float) -> Finding:
    says = f"mis-framed: {part} agrees {fit:.2f} with the median picture, others {least:.2f} or more; cut or absent?"
    return Finding(Kind.MISFRAMED, look.name, says, Measure(fit, least, "correlation"))


def _framing(layouts: Singles) -> Framing:
    """Correlates every layout, [n, 1024], with their median at every shift, by Fourier transform.

    C. D. Kuglin, D. C. Hines, "The Phase Correlation Image Alignment Method", 1975; unwhitened, because thumbnails
    of noisy frames have more noise than edges in most frequencies.
    """
    unit = layouts / (np.linalg.norm(layouts, axis=1, keepdims=True) + DULL * THUMB)
    median = np.median(unit, axis=0)
    template = median / (np.linalg.norm(median) + 1e-6)
    spectrum = np.conj(np.fft.rfft2(template.reshape(THUMB, THUMB)))
    blocks = [_correlate(unit[i : i + BLOCK], spectrum) for i in range(0, len(unit), BLOCK)]
    best, down, right = (np.concatenate(column) for column in zip(*blocks, strict=True))
    parts = np.array([_fit(layouts, median, rows, columns) for rows, columns in PARTS.values()])
    return Framing(parts, best, right / THUMB, down / THUMB)


def _fit(layouts: Singles, median: Singles, rows: slice, columns: slice) -> Values:
    """[n]: the correlation of one part of every layout with the same part of the median."""
    there = layouts.reshape(-1, THUMB, THUMB)[:, rows, columns].reshape(len(layouts), -1)
    expected = median.reshape(THUMB, THUMB)[rows, columns].ravel()
    norms = (np.linalg.norm(there, axis=1) + DULL * THUMB) * (np.linalg.norm(expected) + 1e-6)
    fits: Values = (there @ expected / norms).astype(np.float64)
    return fits


def _correlate(block: Singles, spectrum: NDArray[np.complexfloating]) -> tuple[Values, Values, Values]:
    """The best correlation within REACH, and its shift down and right in thumbnail pixels: [n] each."""
    every = np.fft.irfft2(np.fft.rfft2(block.reshape(-1, THUMB, THUMB)) * spectrum, s=(THUMB, THUMB))
    near = np.roll(every, (REACH, REACH), axis=(1, 2))[:, : 2 * REACH + 1, : 2 * REACH + 1].reshape(len(block), -1)
    row, column = np.divmod(near.argmax(axis=1), 2 * REACH + 1)
    return near.max(axis=1), (row - REACH).astype(np.float64), (column - REACH).astype(np.float64)
