"""A frozen reference from a stretch of frames: what each number looks like, and the limits of its charts."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from andon.charts import bernoulli, hotelling, places
from andon.charts.blocks import MIN_BLOCKS
from andon.charts.normal_scores import constant
from andon.charts.number import Numbers, normal_scores
from andon.charts.sample import BASE, Bools, Sample, base_means
from andon.records.baseline import Places, Pooled, Rejects, Watched

ENOUGH = 20_000
"""Frames after which no more are asked for: what wanders more slowly than they tell gets wider limits instead."""
HUGE = 1e100


@dataclass(frozen=True)
class TooFew:
    """`frames` hold fewer than 100 independent blocks of some number; about `wanted` would hold them."""

    frames: int
    wanted: int


@dataclass(frozen=True)
class Learned:
    """Parts of a `Baseline`. `constant` numbers never changed, `unknown` ones were mostly not known: not watched."""

    watched: dict[str, Watched]
    embedding: Pooled | None = None
    together: Pooled | None = None
    rejects: Rejects | None = None
    places: Places | None = None
    constant: dict[str, float] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def learn(
    sample: Sample,
    *,
    run_length: float,
    ewma: Collection[str] = ("score",),
    together: bool = False,
    seed: int = 0,
) -> Learned | TooFew:
    """The reference of `sample`, with one false alarm of each chart in `run_length` frames on average.

    Numbers in `ewma` get that chart too; `together` adds T-squared of all numbers. `seed` draws the windows.
    """
    if len(sample) < MIN_BLOCKS * BASE:
        return TooFew(len(sample), MIN_BLOCKS * BASE)
    sample = replace(sample, values=np.clip(sample.values, -HUGE, HUGE))
    unknown, still = _left_out(sample)
    kept = np.flatnonzero(~unknown & ~still)
    names = tuple(sample.names[at] for at in kept)
    first, scores = normal_scores(sample.values[:, kept])
    numbers = Numbers.of(scores)
    if numbers.wanted > len(sample) and len(sample) < ENOUGH:
        return TooFew(len(sample), min(numbers.wanted, ENOUGH))
    random = np.random.default_rng(seed)
    watched = {name: numbers.watch(at, first[at], run_length, name in ewma, random) for at, name in enumerate(names)}
    return Learned(
        watched,
        _embedding(sample, run_length, random),
        hotelling.learn(scores, names, run_length, random) if together and names else None,
        bernoulli.learn(sample.anomalous, run_length),
        places.learn(sample.peak, run_length) if sample.peak is not None else None,
        {sample.names[at]: float(np.nanmax(sample.values[:, at])) for at in np.flatnonzero(still)},
        tuple(sample.names[at] for at in np.flatnonzero(unknown)),
    )


def _left_out(sample: Sample) -> tuple[Bools, Bools]:
    """Which numbers are mostly not known, and which of the others never change: bool [F] each."""
    unknown = (base_means(sample.values)[1] * 2 >= BASE).mean(axis=0) < 0.5
    still = np.zeros_like(unknown)
    still[~unknown] = constant(sample.values[:, ~unknown])
    return unknown, still


def _embedding(sample: Sample, run_length: float, random: np.random.Generator) -> Pooled | None:
    if sample.embedding is None or np.isnan(sample.embedding[:, 0]).mean() > 0.5:
        return None
    values = sample.embedding.astype(np.float64)
    names = tuple(str(at) for at in range(values.shape[1]))
    return hotelling.learn(values, names, run_length, random)
