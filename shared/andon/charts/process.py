"""Windows of a stationary normal process, by circulant embedding of its autocovariance (Dietrich and Newsam 1997)."""

import numpy as np

from andon.charts.sample import Doubles


def windows(autocovariance: Doubles, frames: int, count: int, random: np.random.Generator) -> Doubles:
    """About `count` windows of `frames` frames: float64 [., frames]; `autocovariance` [lags + 1], lag 0 first.

    `frames` must be at most twice the lags. What the embedding would need of negative variance is left out.
    """
    ring = np.concatenate([autocovariance, autocovariance[-2:0:-1]])
    spectrum = np.maximum(np.fft.rfft(ring).real, 0)
    each = len(ring) // frames
    series = -(-count // each)
    noise = np.fft.rfft(random.standard_normal((series, len(ring))), axis=1)
    found = np.fft.irfft(noise * np.sqrt(spectrum), len(ring), axis=1)
    return np.asarray(found[:, : each * frames].reshape(-1, frames))
