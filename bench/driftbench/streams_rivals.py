"""What others would use: river's detectors with their defaults, PSI with the folklore threshold, the textbook's CUSUM.

Each sees values standardised by the first 5,000 frames, which flatters those that have no scale of their own.
"""

import pickle
import time
from collections.abc import Callable
from math import isnan

import numpy as np
from river.drift import ADWIN, KSWIN, PageHinkley
from streams_made import Doubles
from streams_ours import Alarm

Rival = Callable[[Doubles, Doubles], list[Alarm]]
"""Alarms on stream [n, s], standardised; the reference [m, s] likewise."""
PSI_WINDOW = 500
TEXTBOOK = (0.5, 5.0)


def of_river(make: Callable[[], ADWIN | KSWIN | PageHinkley]) -> Rival:
    """One detector a stream; values that are missing are passed over."""

    def run(_: Doubles, stream: Doubles) -> list[Alarm]:
        return [alarm for column in range(stream.shape[1]) for alarm in _watch(make(), stream[:, column], column)]

    return run


def _watch(detector: ADWIN | KSWIN | PageHinkley, values: Doubles, column: int) -> list[Alarm]:
    found = []
    for frame, value in enumerate(values.tolist(), start=1):
        if not isnan(value):
            detector.update(value)
            if detector.drift_detected:
                found.append(Alarm(frame, column, frame))
    return found


def psi(reference: Doubles, stream: Doubles) -> list[Alarm]:
    """The population stability index over deciles of the reference, tumbling windows, above 0.2."""
    found = []
    for column in range(stream.shape[1]):
        edges = np.quantile(reference[:, column], np.linspace(0, 1, 11)[1:-1])
        for begin in range(0, len(stream) - PSI_WINDOW + 1, PSI_WINDOW):
            window = stream[begin : begin + PSI_WINDOW, column]
            bins = np.searchsorted(edges, window[~np.isnan(window)])
            share = np.maximum(np.bincount(bins, minlength=10) / max(len(bins), 1), 1e-4)
            if float(((share - 0.1) * np.log(share / 0.1)).sum()) > 0.2:
                found.append(Alarm(begin + PSI_WINDOW, column, begin + PSI_WINDOW))
    return found


def textbook(_: Doubles, stream: Doubles) -> list[Alarm]:
    """The two-sided CUSUM frame by frame, k = 0.5, h = 5: made for independent normal values."""
    slack, limit = TEXTBOOK
    up, down = np.zeros(stream.shape[1]), np.zeros(stream.shape[1])
    found = []
    for frame, values in enumerate(np.nan_to_num(stream), start=1):
        up, down = np.maximum(up + values - slack, 0), np.maximum(down - values - slack, 0)
        over = (up > limit) | (down > limit)
        if over.any():
            found += [Alarm(frame, int(column), frame) for column in np.flatnonzero(over)]
            up[over] = down[over] = 0
    return found


def always(_: Doubles, stream: Doubles) -> list[Alarm]:
    """Every tenth frame: what a short delay is worth by itself."""
    return [Alarm(frame, column, frame) for frame in range(10, len(stream), 10) for column in range(stream.shape[1])]


RIVALS: dict[str, Rival] = {
    "river ADWIN": of_river(ADWIN),
    "river Page-Hinkley": of_river(PageHinkley),
    "PSI > 0.2, windows of 500": psi,
    "CUSUM, textbook": textbook,
    "always fires": always,
}
SLOW: dict[str, Rival] = {"river KSWIN": of_river(lambda: KSWIN(seed=1))}


def costs(stream: Doubles) -> dict[str, dict[str, float]]:
    """Microseconds a frame, and bytes of a pickled detector after it: stream [n]."""
    made = {"river ADWIN": ADWIN(), "river Page-Hinkley": PageHinkley(), "river KSWIN": KSWIN(seed=1)}
    found = {}
    for name, detector in made.items():
        values = stream[: 2000 if name in SLOW else len(stream)]
        started = time.perf_counter()
        _watch(detector, values, 0)
        spent = time.perf_counter() - started
        found[name] = {"us": 1e6 * spent / len(values), "bytes": float(len(pickle.dumps(detector)))}
    return found
