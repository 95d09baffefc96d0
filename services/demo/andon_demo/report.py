"""The demo's last line: one JSON object that says what was captured, what became of it, and how well and how fast."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from andon_demo.tally import Station, Tally


def report(tally: Tally, *, captured: int, skipped: int, wall_s: float, first_page_s: float | None) -> dict[str, Any]:
    """The figures. `captured` counts every image that reached ingest, the skipped ones too; times in seconds."""
    accounted = tally.scored + tally.dead_lettered + skipped
    latencies = np.array(tally.latencies_ms or [np.nan])
    p50, p99 = (None if np.isnan(x) else round(float(x), 1) for x in np.percentile(latencies, [50, 99]))
    stations = dict(sorted(tally.stations.items()))
    return {
        "stations": len(stations),
        "captured": captured,
        "scored": tally.scored,
        "dead_lettered": tally.dead_lettered,
        "skipped": skipped,
        "balanced": captured > 0 and captured == accounted,
        "incidents": len(tally.opened),
        "pages": len(tally.paged),
        "auroc": {name: _auroc(station) for name, station in stations.items()},
        "false_call_rate": {name: _rate(station, defective=False) for name, station in stations.items()},
        "escape_rate": {name: _rate(station, defective=True) for name, station in stations.items()},
        "latency_ms": {"p50": p50, "p99": p99},
        "frames_per_s": round(tally.scored / wall_s, 1) if wall_s else 0.0,
        "wall_s": round(wall_s, 1),
        "first_page_s": None if first_page_s is None else round(first_page_s, 1),
    }


def auroc(good: Sequence[float], defective: Sequence[float]) -> float | None:
    """Area under the ROC curve: the share of (good, defective) pairs in the right order, ties counting half
    (Mann and Whitney 1947). None when either is empty.
    """
    if not good or not defective:
        return None
    ordered = np.sort(np.asarray(good))
    below = np.searchsorted(ordered, defective, "left") + np.searchsorted(ordered, defective, "right")
    return float(below.mean() / (2 * len(ordered)))


def _auroc(station: Station) -> float | None:
    good = [score for score, defective, _ in station.judged if not defective]
    bad = [score for score, defective, _ in station.judged if defective]
    area = auroc(good, bad)
    return None if area is None else round(area, 4)


def _rate(station: Station, *, defective: bool) -> float | None:
    """Good frames called anomalous, or defective frames called ok; None where there were none."""
    wrong = [anomalous != is_bad for _, is_bad, anomalous in station.judged if is_bad == defective]
    return round(sum(wrong) / len(wrong), 4) if wrong else None
