"""How true calibration's word is: achieved false-call rates and stated intervals on simulated good frames.

    python bench/calibration.py [--draws 100]

A row is one number of frames, independent or in batches: the mean achieved rate as a multiple of the budget, and how
often the stated 90 % interval holds the true rate, at worst and on average over kinds and budgets; the same had all
frames been taken as independent. Single-threaded; about a minute at 100 draws.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from andon.calibration import calibrate
from andon.calibration.dependence import effective_frames

Doubles = NDArray[np.float64]
Effect = Callable[[Doubles, Doubles], Doubles]

BUDGETS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.001)
FRAMES = (50, 200, 1000)
BATCHES = (10, 40)
POPULATION = 1_000_000


def shared(share: float) -> Effect:
    """`share` of the variance is one batch's own."""
    return lambda own, noise: np.sqrt(share) * own + np.sqrt(1 - share) * noise


def rare(own: Doubles, noise: Doubles) -> Doubles:
    """One batch in seven scores far higher."""
    return noise + 2.0 * (own > 1.0364)


def scatter(own: Doubles, noise: Doubles) -> Doubles:
    """Batches have one mean but differ in spread."""
    return np.asarray(np.exp(0.3 * own) * noise)


def skewed(own: Doubles, noise: Doubles) -> Doubles:
    """Batches lie far above the mean, never far below."""
    return np.asarray(np.sqrt(0.4) * np.exp(own) / 2.1612 + np.sqrt(0.6) * noise)


def stretched(own: Doubles, noise: Doubles) -> Doubles:
    """Scores that multiply rather than add."""
    return np.asarray(np.exp(0.3 * shared(0.4)(own, noise)))


KINDS: dict[str, Effect] = {
    "independent": lambda _, noise: noise,
    "a fifth": shared(0.2),
    "half": shared(0.5),
    "skewed": skewed,
    "stretched": stretched,
    "rare": rare,
    "scatter": scatter,
    "drift": shared(0.4),
}


def own_levels(random: np.random.Generator, kind: str, n: int, batch: int) -> Doubles:
    """Standard normal, one value a batch of random size; for drift, an AR(1) process of that length."""
    if kind == "drift":
        decay, level, levels = np.exp(-2 / batch), random.normal(), []
        for step in random.normal(size=n):
            level = decay * level + np.sqrt(1 - decay**2) * step
            levels.append(level)
        return np.array(levels)
    sizes = np.maximum(1, random.gamma(4, batch / 4, 3 * n // batch + 20)).astype(int)
    return np.repeat(random.normal(size=len(sizes)), sizes)[:n]


def measure(kind: str, n: int, batch: int, draws: int) -> dict[tuple[str, float], Doubles]:
    """Mean achieved rate over the budget, coverage and mean width, float64 [3], by way and budget."""
    random = np.random.default_rng([n, batch])
    effect = KINDS[kind]
    everyone = np.sort(effect(random.normal(size=POPULATION), random.normal(size=POPULATION)))
    rows = defaultdict(list)
    for _ in range(draws):
        scores = effect(own_levels(random, kind, n, batch), random.normal(size=n))
        for way, worth in (("stated", effective_frames(scores)), ("if independent", float(n))):
            for budget in BUDGETS:
                rows[way, budget].append(achieved(scores, budget, worth, everyone))
    return {key: np.array(values).mean(axis=0) for key, values in rows.items()}


def achieved(scores: Doubles, budget: float, worth: float, everyone: Doubles) -> tuple[float, float, float]:
    """The true rate over the budget, whether the interval holds it, and its width, were `scores` worth that many."""
    with patch("andon.calibration.threshold.effective_frames", return_value=worth):
        found = calibrate(scores.tolist(), budget, 5)
    rate = 1 - float(np.searchsorted(everyone, found.value, side="right")) / POPULATION
    interval = found.calibration.interval
    return rate / budget, float(interval.low <= rate <= interval.high), interval.high - interval.low


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draws", type=int, default=100)
    draws = parser.parse_args().draws
    cells = defaultdict(list)
    for kind in KINDS:
        for batch in BATCHES[: 1 if kind == "independent" else None]:
            for n in FRAMES:
                found = measure(kind, n, batch, draws if n < 1000 else max(1, draws // 3))
                for (way, _), row in found.items():
                    cells["independent" if kind == "independent" else "batches", n, way].append(row)
    print(f"{'frames':12} {'n':>5} {'interval':15} {'rate/budget':>11} {'held':>5} {'at worst':>8} {'width':>6}")
    for (frames, n, way), rows in cells.items():
        rate, held, width = np.mean(rows, axis=0)
        worst = min(row[1] for row in rows)
        print(f"{frames:12} {n:5} {way:15} {rate:11.2f} {held:5.0%} {worst:8.0%} {width:6.3f}")


if __name__ == "__main__":
    main()
