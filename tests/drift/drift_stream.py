"""Frames of a station as they come, each a little different from the others; and what changes them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from andon.health import ImageHealth
from andon.ids import frame_id
from andon.records import FramePlace, Score, Verdict

START = datetime(2026, 3, 2, 6, 0, 0, tzinfo=UTC)
BUNDLE = "b" * 64
USUAL = {
    "luminance": (0.40, 0.01),
    "contrast": (0.20, 0.005),
    "clipped_low": (0.02, 0.004),
    "clipped_high": (0.03, 0.004),
    "sharpness": (5.0, 0.1),
    "noise": (0.01, 0.0005),
    "red_green": (1.0, 0.01),
    "blue_green": (0.9, 0.01),
}
"""Mean and standard deviation of each number."""
THRESHOLD = 0.1


def frames(
    count: int,
    first: int = 0,
    *,
    station: str = "weld-07",
    changed: Mapping[str, float] | None = None,
    rejects: float = 0.0,
    score: float = 0.05,
    period_s: float = 1.0,
    framing: str | None = None,
    **other: Any,
) -> list[Score]:
    """`count` frames from `first` on. `changed` adds to the mean of numbers, `rejects` is the share of anomalous ones.
    The same arguments give the same frames."""
    rng = np.random.default_rng([first, len(station)])
    means = {name: mean + (changed or {}).get(name, 0.0) for name, (mean, _) in USUAL.items()}
    made: list[Score] = []
    for seq in range(first, first + count):
        health = {name: max(0.0, rng.normal(means[name], sd)) for name, (_, sd) in USUAL.items()}
        raw = abs(rng.normal(score, 0.005))
        bad = rng.random() < rejects
        at = START + timedelta(seconds=seq * period_s)
        fields: dict[str, Any] = {
            "frame_id": frame_id(station, 1, seq),
            "station": station,
            "epoch": 1,
            "seq": seq,
            "captured_at": at,
            "scored_at": at + timedelta(milliseconds=80),
            "verdict": Verdict.ANOMALOUS if bad else Verdict.OK,
            "score": 2 * THRESHOLD if bad else raw,
            "threshold": THRESHOLD,
            "bundle": BUNDLE,
            "width": 640,
            "height": 480,
            "frame": FramePlace(topic="camera.frames", partition=0, offset=seq),
            "health": ImageHealth(**health),
            "framing": framing,
            "sha256": f"{seq:064x}",
        }
        made.append(Score.model_construct(**fields | other))
    return made
