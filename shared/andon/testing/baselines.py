"""A reference for tests: a few numbers with plain limits, as drift would freeze it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from andon.records.baseline import Baseline, Watched

UNTIL = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


def watched(mean: float = 0.5, sd: float = 0.1) -> Watched:
    """A number that is usually about `mean`."""
    return Watched(
        quantiles=tuple(mean + sd * step for step in (-3, -1, 0, 1, 3)),
        mean=mean,
        sd=sd,
        correlation=0.2,
        block=20,
        centre=0.0,
        spread=0.25,
        slack=0.5,
        cusum=8.4,
        wasserstein=0.6,
    )


def small_baseline(
    station: str = "weld-07", product: str | None = None, bundle: str = "ab" * 32, **other: Any
) -> Baseline:
    """What `station` learned from 9,600 frames in 8 h, until UNTIL."""
    given: dict[str, Any] = {
        "station": station, "product": product, "bundle": bundle, "since": UNTIL - timedelta(hours=8), "until": UNTIL,
        "frames": 9600, "period_s": 3.0, "run_length": 1e7, "tickets": 1.0, "by": "drift",
        "watched": {"luminance": watched(0.4, 0.01), "sharpness": watched(4.6, 0.1)}, **other,
    }  # fmt: skip
    return Baseline.model_validate(given)
